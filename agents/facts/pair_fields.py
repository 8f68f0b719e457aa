"""How single fields of a pair are decided from its two sides."""

from typing import Any

from agents.facts.pair_sides import NAMESPACES, PairSide, SharedPath
from agents.facts.processors import Topology
from agents.facts.reading import MissingFact

HOST_PATH = "containers[].mounts[].host_path"


def shared_namespaces(a: PairSide, b: PairSide) -> list[str]:
    """Return the kinds in which both are in the same namespace that is not the host's."""
    left, right = a.namespaces, b.namespaces
    return [kind for kind in NAMESPACES if kind in left and left[kind] == right.get(kind)]


def same_pod(a: PairSide, b: PairSide) -> bool:
    """Tell whether both belong to one pod."""
    return a.pod != "" and a.pod == b.pod


def same_user_namespace(a: PairSide, b: PairSide) -> bool:
    """Tell whether both are in one user namespace, the host's included."""
    return a.user_namespace == b.user_namespace


def uid_maps_overlap(a: PairSide, b: PairSide) -> bool:
    """Tell whether two own user namespaces map a common host id."""
    return any(
        one.start < other.end and other.start < one.end
        for one in a.id_ranges
        for other in b.id_ranges
    )


def shared_mounts(a: PairSide, b: PairSide) -> list[dict[str, Any]]:
    """Return host paths visible in both: equal, or one below the other.

    The deeper path is the shared one. A side is read-only there when each of its mounts
    that shows the path is. Raises MissingFact when both hold a mount whose host path is
    not known, for these may be the same directory.
    """
    if a.has_untranslated_mount and b.has_untranslated_mount:
        raise MissingFact(HOST_PATH, container=a.key)
    shared: dict[str, dict[str, Any]] = {}
    for one in a.shared_paths:
        for other in b.shared_paths:
            deeper = _deeper(one, other)
            if deeper is not None:
                _merge(shared, deeper, a_read_only=one.read_only, b_read_only=other.read_only)
    return [shared[path] for path in sorted(shared)]


def shared_memory_mount(a: PairSide, b: PairSide) -> bool:
    """Tell whether both see the same /dev/shm."""
    return a.shared_memory_path != "" and a.shared_memory_path == b.shared_memory_path


def both_keyrings(a: PairSide, b: PairSide) -> bool:
    """Tell whether both may use kernel keyrings."""
    return a.uses_keyrings and b.uses_keyrings


def on_one_core(a: PairSide, b: PairSide, topology: Topology) -> bool:
    """Tell whether both may run on one core: a common CPU, or sibling threads."""
    if a.cpus & b.cpus:
        return True
    return not topology.cores(a.cpus).isdisjoint(topology.cores(b.cpus))


def behind_one_cache(a: PairSide, b: PairSide, topology: Topology) -> bool:
    """Tell whether both may run behind one last-level cache."""
    if a.cpus & b.cpus:
        return True
    return not topology.caches(a.cpus).isdisjoint(topology.caches(b.cpus))


def _deeper(one: SharedPath, other: SharedPath) -> SharedPath | None:
    if _contains(one.host_path, other.host_path):
        return other
    return one if _contains(other.host_path, one.host_path) else None


def _contains(outer: str, inner: str) -> bool:
    return inner == outer or inner.startswith(outer.rstrip("/") + "/")


def _merge(
    shared: dict[str, dict[str, Any]], path: SharedPath, *, a_read_only: bool, b_read_only: bool
) -> None:
    row = shared.setdefault(
        path.host_path,
        {
            "host_path": path.host_path,
            "a_read_only": True,
            "b_read_only": True,
            "kind": path.kind,
        },
    )
    row["a_read_only"] &= a_read_only
    row["b_read_only"] &= b_read_only
