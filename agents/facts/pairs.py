"""Pairs: what two containers of one host share. One row for every two, a before b."""

from collections.abc import Callable, Sequence
from functools import partial
from itertools import combinations
from typing import Any

from agents.facts import pair_fields
from agents.facts.pair_sides import PairSide
from agents.facts.processors import Topology, read_topology
from agents.facts.reading import Facts
from agents.facts.unknowns import Unknowns, put

# 31,125 rows; the usual limit of containers on one node is 110 pods.
MAX_PAIRED = 250

FIELDS: dict[str, Callable[[PairSide, PairSide], object]] = {
    "shared_namespaces": pair_fields.shared_namespaces,
    "same_pod": pair_fields.same_pod,
    "same_user_namespace": pair_fields.same_user_namespace,
    "a_user_namespace_initial": lambda a, _: a.user_namespace_initial,
    "b_user_namespace_initial": lambda _, b: b.user_namespace_initial,
    "common_uids": lambda a, b: sorted(a.host_uids & b.host_uids),
    "uid_maps_overlap": pair_fields.uid_maps_overlap,
    "shared_mounts": pair_fields.shared_mounts,
    "shared_memory_mount": pair_fields.shared_memory_mount,
    "bridges": lambda a, b: sorted(a.bridges & b.bridges),
    "shared_devices": lambda a, b: sorted(a.devices & b.devices),
    "shared_layers": lambda a, b: len(a.layers & b.layers),
    "both_keyrings": pair_fields.both_keyrings,
    "same_categories": lambda a, b: a.categories == b.categories,
}
CPU_FIELDS: dict[str, Callable[[PairSide, PairSide, Topology], bool]] = {
    "thread": pair_fields.on_one_core,
    "core": pair_fields.on_one_core,
    "last_level_cache": pair_fields.behind_one_cache,
}


def build_pairs(
    containers: Sequence[Facts], document: Facts, *, unknowns: Unknowns
) -> list[dict[str, Any]]:
    """Return one row for every two containers; what cannot be computed is left out and noted."""
    if len(containers) > MAX_PAIRED:
        wish = f"at most {MAX_PAIRED} containers on one host"
        unknowns.add("pairs", "truncated", needs=wish)
    ordered = sorted(containers, key=lambda each: str(each["key"]))[:MAX_PAIRED]
    sides = [PairSide(container) for container in ordered]
    topology = read_topology(document)
    rows = [_row(a, b, topology, unknowns) for a, b in combinations(sides, 2)]
    if any("same_sensitivity" not in row for row in rows):
        unknowns.add("pairs[].same_sensitivity", "a container has no sensitivity label")
    return rows


def _row(a: PairSide, b: PairSide, topology: Topology, unknowns: Unknowns) -> dict[str, Any]:
    cpu: dict[str, Any] = {}
    row: dict[str, Any] = {"a": a.key, "b": b.key, "cpu": cpu}
    note_missing = partial(unknowns.add_missing_in_pair, pair=f"{a.key}+{b.key}")
    for name, compare in FIELDS.items():
        note = partial(note_missing, f"pairs[].{name}")
        put(row, name, partial(compare, a, b), note=note)
    for name, share in CPU_FIELDS.items():
        note = partial(note_missing, f"pairs[].cpu.{name}")
        put(cpu, name, partial(share, a, b, topology), note=note)
    # Missing labels are one entry for the host, not one for each pair.
    put(row, "same_sensitivity", lambda: a.sensitivity == b.sensitivity, note=lambda _: None)
    return row
