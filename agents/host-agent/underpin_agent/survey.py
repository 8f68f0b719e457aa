"""What the process table alone shows of each container, folded into one mark.

Another mark means: started anew, another user or right inside, another namespace, another limit.
Pids and counts of processes are left out, or every fork would look like a change.
"""

import re

from .canonical import canonical, digest
from .containers.control_groups import GroupTree
from .containers.material import settled
from .discovery import MAX_CONTAINERS
from .mountinfo import read_host_mounts
from .reading import ReadFailed

RIGHTS = re.compile(r"^(?:Uid|Gid|Groups|Cap\w+|NoNewPrivs|Seccomp):.*", re.MULTILINE)
LIMITS = (  # controller, file of version 1, file of version 2
    ("memory", "memory.limit_in_bytes", "memory.max"),
    ("cpu", "cpu.cfs_quota_us", "cpu.max"),
    ("pids", "pids.max", "pids.max"),
)


def marks(context):
    """``{key: mark}`` of all containers."""
    try:
        groups = GroupTree(context.host, read_host_mounts(context.host))
    except ReadFailed:
        groups = GroupTree(context.host, [])
    chosen = context.discovery.containers[:MAX_CONTAINERS]
    return {one.key: _mark(one, context.processes, groups) for one in chosen}


def _mark(container, processes, groups):
    leader = container.leader
    members = [one for one in settled(container, processes) if one is not leader]
    shown = [
        leader.pid,
        leader.start_ticks,
        _rights(leader),
        sorted({repr(_rights(one)) for one in members}),
        bool(container.foreign),
        _limits(leader, groups),
    ]
    return digest(canonical(shown))[:16]


def _rights(process):
    found = RIGHTS.findall(process.status_text)
    return [found, sorted(process.namespaces.items()), process.cgroups]


def _limits(leader, groups):
    found = []
    for controller, first, second in LIMITS:
        group = groups.find(controller, leader.cgroups)
        if group is not None:
            name = first if group.version == 1 else second
            found.append(groups.value(group.levels[0][1], name))
    return found
