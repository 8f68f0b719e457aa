"""Programs of the host itself: processes that belong to no container."""

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
    """The names of ``names`` that run on the host; the kernel cuts commands to 15 letters."""
    commands = {process.comm for process in host_programs(context)}
    return sorted(name for name in names if name[:15] in commands)
