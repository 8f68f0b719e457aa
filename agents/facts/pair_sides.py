"""One side of a pair: what a container brings to the comparison with a neighbour.

Prepared once per container, so that a host with n containers reads n bodies and not n².
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from agents.facts.neighbours import HOST_WIDE, bridges_of, private_namespace
from agents.facts.reading import (
    Facts,
    MissingFact,
    read,
    read_numbers,
    read_rows,
    read_texts,
)

NAMESPACES = ("pid", "network", "user", "mount", "ipc", "uts", "cgroup", "time")
# Kernels without these two kinds exist; the other six are older than containers.
OPTIONAL_NAMESPACES = ("cgroup", "time")
SHARED_ROLES = frozenset({"host", "volume", "remote", "socket"})
SCRATCH = frozenset({"shm", "tmp", "dev"})
SHARED_MEMORY = "/dev/shm"  # noqa: S108 - a mount point in a container, not a file of ours
PREFIX = "containers[]."
T = TypeVar("T")


class side_fact(Generic[T]):
    """A fact read once: the value, or that it is missing, is kept on the instance."""

    def __init__(self, read_fact: Callable[[Any], T]) -> None:
        self.read_fact = read_fact
        self.name = read_fact.__name__

    def __get__(self, side: Any, owner: type) -> T:
        if self.name not in side.asked:
            side.asked[self.name] = self._ask(side)
        answer: T | MissingFact = side.asked[self.name]
        if isinstance(answer, MissingFact):
            raise MissingFact(answer.path, container=side.key)
        return answer

    def _ask(self, side: Any) -> T | MissingFact:
        try:
            return self.read_fact(side)
        except MissingFact as missing:
            return missing


@dataclass(frozen=True)
class SharedPath:
    """A path of the host that is visible in the container."""

    host_path: str
    read_only: bool
    kind: str


@dataclass(frozen=True)
class IdRange:
    """Host ids that a user namespace maps, first and one past the last."""

    start: int
    end: int


@dataclass(frozen=True)
class PairSide:
    """Lazily read facts of one container; each raises MissingFact when not collected."""

    container: Facts
    asked: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @property
    def key(self) -> str:
        return str(self.container["key"])

    @side_fact
    def namespaces(self) -> dict[str, int]:
        """Private namespaces by kind; those of the host are left out."""
        found = {}
        for kind in NAMESPACES:
            if kind in OPTIONAL_NAMESPACES and not self._knows_namespace(kind):
                continue
            inode = private_namespace(self.container, kind)
            if inode != HOST_WIDE:
                found[kind] = inode
        return found

    def _knows_namespace(self, kind: str) -> bool:
        return kind in read(dict, self.container, "namespaces", prefix=PREFIX)

    @side_fact
    def user_namespace(self) -> int:
        return read(int, self.container, "namespace_inodes.user", prefix=PREFIX)

    @side_fact
    def user_namespace_initial(self) -> bool:
        return read(bool, self.container, "user_namespace.initial", prefix=PREFIX)

    @side_fact
    def pod(self) -> str:
        return read(str, self.container, "pod", prefix=PREFIX)

    @side_fact
    def host_uids(self) -> frozenset[int]:
        return read_numbers(self.container, "ids.host_uids", prefix=PREFIX)

    @side_fact
    def id_ranges(self) -> tuple[IdRange, ...]:
        """Mapped ranges of an own user namespace; empty in the initial one, which maps all."""
        if self.user_namespace_initial:
            return ()
        ranges, prefix = [], PREFIX + "user_namespace.uid_map[]."
        for row in read_rows(self.container, "user_namespace.uid_map", prefix=PREFIX):
            start = read(int, row, "host_start", prefix=prefix)
            ranges.append(IdRange(start, start + read(int, row, "length", prefix=prefix)))
        return tuple(ranges)

    @side_fact
    def mounts(self) -> list[Facts]:
        return read_rows(self.container, "mounts", prefix=PREFIX)

    @side_fact
    def shared_paths(self) -> tuple[SharedPath, ...]:
        """Mounts from outside with a known host path."""
        found, prefix = [], PREFIX + "mounts[]."
        for mount in self.mounts:
            role = read(str, mount, "role", prefix=prefix)
            if role not in SHARED_ROLES:
                continue
            path = read(str, mount, "host_path", prefix=prefix)
            scratch = mount.get("sensitive") in SCRATCH
            read_only = read(bool, mount, "read_only", prefix=prefix)
            if path:
                found.append(SharedPath(path, read_only, "scratch" if scratch else role))
        return tuple(found)

    @side_fact
    def has_untranslated_mount(self) -> bool:
        """Whether a local mount from outside has no known host path."""
        local = SHARED_ROLES - {"remote"}
        return any(row.get("role") in local and row.get("host_path") == "" for row in self.mounts)

    @side_fact
    def shared_memory_path(self) -> str:
        """Host path of /dev/shm, or an empty string when it is the container's own."""
        points = {row.get("point"): row for row in self.mounts}
        mount = points.get(SHARED_MEMORY)
        return "" if mount is None else read(str, mount, "host_path", prefix=PREFIX + "mounts[].")

    @side_fact
    def bridges(self) -> frozenset[str]:
        return bridges_of(self.container)

    @side_fact
    def cpus(self) -> frozenset[int]:
        return read_numbers(self.container, "cpus", prefix=PREFIX)

    @side_fact
    def devices(self) -> frozenset[str]:
        """Paths of device nodes beyond the standard ones."""
        prefix = PREFIX + "device_nodes[]."
        rows = read_rows(self.container, "device_nodes", prefix=PREFIX)
        beyond = [row for row in rows if not read(bool, row, "standard", prefix=prefix)]
        return frozenset(read(str, row, "path", prefix=prefix) for row in beyond)

    @side_fact
    def layers(self) -> frozenset[str]:
        """Lower layers on overlay, where the page cache is shared; else none."""
        if read(str, self.container, "root_filesystem.type", prefix=PREFIX) != "overlay":
            return frozenset()
        return read_texts(self.container, "root_filesystem.lower_layers", prefix=PREFIX)

    @side_fact
    def uses_keyrings(self) -> bool:
        """Whether a process of the container may call keyctl or add_key."""
        if read(int, self.container, "seccomp.weakest_mode", prefix=PREFIX) == 0:
            return True
        allowed = read_texts(self.container, "seccomp.risky_allowed", prefix=PREFIX)
        return bool(allowed & {"keyctl", "add_key"})

    @side_fact
    def categories(self) -> frozenset[str]:
        text = read(str, self.container, "selinux_categories", prefix=PREFIX)
        return frozenset(text.split(",")) - {""}

    @side_fact
    def sensitivity(self) -> str:
        return read(str, self.container, "assignment.sensitivity", prefix=PREFIX)
