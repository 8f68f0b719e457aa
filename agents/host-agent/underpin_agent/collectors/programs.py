"""Programs of the host itself: processes that belong to no container."""

from .gathering import Unknown

HIDDEN = "processes of other users are hidden"
HIDDEN_NEEDS = "CAP_SYS_PTRACE, or the group of gid= at the mount of /proc"
# A rootless engine lives in namespaces of its own below this program and is still the host's.
_ROOTLESS_PARENT = "rootlesskit"


def host_programs(context):
    """Live user processes outside containers, by number; engines of users included."""
    contained = set()
    for container in context.discovery.containers:
        contained.update(process.pid for process in container.processes)
    found = []
    for process in context.processes:
        if process.kernel_thread or process.zombie:
            continue
        if process.pid not in contained or _is_rootless_engine(context, process):
            found.append(process)
    return sorted(found, key=lambda process: process.pid)


def _is_rootless_engine(context, process):
    if process.comm not in ("dockerd", "containerd"):
        return False
    return any(one.comm == _ROOTLESS_PARENT for one in context.processes.ancestors(process))


def running(context, names):
    """The names of ``names`` that run on the host.

    Raises Unknown when none is seen and processes are hidden from this agent.
    """
    programs = host_programs(context)
    found = sorted(name for name in names if any(_is(one, name) for one in programs))
    if not found and context.processes.hidden:
        reason, name, needs = why_hidden(context)
        raise Unknown(reason=reason, needs=needs, errno_name=name)
    return found


def _is(process, name):
    """The kernel cuts commands to 15 letters: systemd-journald and systemd-journal-upload are told
    apart by their command lines."""
    if process.comm != name[:15] or len(name) <= 15:
        return process.comm == name
    words = process.arguments()
    return not words or words[0].rpartition("/")[2] in ("", name)


def cut_by_hiding(gathering, context, key):
    """Say that the list ``key`` comes from processes and misses those this agent is not shown."""
    if context.processes.hidden:
        gathering.missing(key, *why_hidden(context))


def why_hidden(context):
    """``(reason, errno name, needs)`` of a process table that does not hold all."""
    if context.processes.truncated:
        return "truncated", "", ""
    return HIDDEN, "EPERM", HIDDEN_NEEDS
