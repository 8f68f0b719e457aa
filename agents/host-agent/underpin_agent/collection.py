"""One whole collection: every section and every container of a host."""

from . import __version__
from .collectors import COLLECTORS
from .containers import collect_containers
from .context import Context
from .discovery import discover
from .processes import read_processes
from .reading import Denied, Host, ReadFailed

SCHEMA = "underpin/collection/1"


def collect(root="/", org_salt=b"", options=None):
    """The Collection of the host below ``root``. Never raises for what the host shows or hides."""
    try:
        context = build_context(root, org_salt, options)
    except ReadFailed as failure:
        return _nothing(failure)
    return {
        "schema": SCHEMA,
        "agent_version": __version__,
        "sections": collect_sections(context),
        "containers": collect_containers(context),
    }


def build_context(root="/", org_salt=b"", options=None):
    """The ``Context`` of one collection. Raises ReadFailed when /proc cannot be read."""
    host = Host(root)
    processes = read_processes(host)
    known = Context(host, processes, None)
    chosen = {**known.options, **(options or {})}
    return Context(host, processes, discover(host, processes), chosen, org_salt)


def collect_sections(context, names=None):
    """``{name: body or {"error", "needs"}}`` of every collector, or of ``names`` only."""
    return {
        name: run_collector(collector, context)
        for name, collector in COLLECTORS.items()
        if names is None or name in names
    }


def run_collector(collector, context):
    """The body of one section; a collector that fails costs its own section only."""
    try:
        return collector(context).as_body()
    except Denied as failure:
        return {"error": failure.errno_name, "needs": "read access to " + failure.path}
    except ReadFailed as failure:
        return {"error": failure.errno_name, "needs": failure.path}
    except Exception as error:  # noqa: BLE001 outermost: one collector must not stop the others
        return {"error": "%s: %s" % (type(error).__name__, str(error)[:200]), "needs": ""}


def _nothing(failure):
    reason = {"error": failure.errno_name, "needs": "a readable /proc"}
    sections = {name: dict(reason) for name in COLLECTORS}
    return {"schema": SCHEMA, "agent_version": __version__, "sections": sections, "containers": []}
