"""Walls: how many independent barriers stand around a container (0 to 7)."""

from collections.abc import Callable

from agents.facts.reading import Facts, read, read_numbers, read_texts

# The engine default set without the two that serve attacks on neighbours, NET_RAW and MKNOD.
DEFAULT_CAPABILITIES = frozenset(
    f"CAP_{name}"
    for name in (
        "AUDIT_WRITE",
        "CHOWN",
        "DAC_OVERRIDE",
        "FOWNER",
        "FSETID",
        "KILL",
        "NET_BIND_SERVICE",
        "SETFCAP",
        "SETGID",
        "SETPCAP",
        "SETUID",
        "SYS_CHROOT",
    )
)
PREFIX = "containers[]."


def count_walls(container: Facts) -> int:
    """Count the barriers; raises MissingFact when one of them could not be observed."""
    return sum(has_wall(container) for has_wall in WALLS)


def _own_user_namespace(container: Facts) -> bool:
    return not read(bool, container, "user_namespace.initial", prefix=PREFIX)


def _filtered(container: Facts) -> bool:
    return read(int, container, "seccomp.weakest_mode", prefix=PREFIX) != 0


def _confined(container: Facts) -> bool:
    return read(bool, container, "security_module.confined", prefix=PREFIX)


def _few_capabilities(container: Facts) -> bool:
    reachable = read_texts(container, "capabilities.reachable", prefix=PREFIX)
    return reachable <= DEFAULT_CAPABILITIES


def _no_new_privileges(container: Facts) -> bool:
    return read(bool, container, "no_new_privileges", prefix=PREFIX)


def _read_only_root(container: Facts) -> bool:
    return read(bool, container, "root_filesystem.read_only", prefix=PREFIX)


def _no_host_root(container: Facts) -> bool:
    return 0 not in read_numbers(container, "ids.host_uids", prefix=PREFIX)


WALLS: tuple[Callable[[Facts], bool], ...] = (
    _own_user_namespace,
    _filtered,
    _confined,
    _few_capabilities,
    _no_new_privileges,
    _read_only_root,
    _no_host_root,
)
