"""Containers that an engine calls running and the kernel does not show to this agent."""

from ..reading import ReadFailed
from .engine_api import get_json

ASKED = 5  # as one of them is enough


def not_shown(context, engine):
    """True when at least one is not shown. Raises ReadFailed.

    One that started after the look at the processes is there by now, one that ended meanwhile the
    engine does not call running any more: neither counts.
    """
    known = {container.id for container in context.discovery.containers}
    listed = get_json(context.host, engine.sockets[0], "/containers/json")
    names = [str(one.get("Id")) for one in listed if isinstance(one, dict)]
    missing = [name for name in names if name not in known]
    return any(_is_hidden(context, engine, name) for name in missing[:ASKED])


def _is_hidden(context, engine, name):
    try:
        found = get_json(context.host, engine.sockets[0], "/containers/%s/json" % name)
        state = found.get("State") if isinstance(found, dict) else None
        if not isinstance(state, dict) or not state.get("Running"):
            return False
        pid = int(state.get("Pid") or 0)
        if pid <= 0:
            return False  # between two starts: docker calls that running too
        seen = context.processes.get(pid) is not None
        return seen or not context.host.exists("/proc/%d" % pid)
    except (ReadFailed, ValueError):
        return False
