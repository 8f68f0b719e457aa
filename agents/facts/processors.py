"""Processor topology: which CPUs lie on one core and behind one cache."""

from dataclasses import dataclass

from agents.facts.reading import Facts, MissingFact, read, read_numbers, read_rows


@dataclass(frozen=True)
class Topology:
    """CPUs by core and by last-level cache; a CPU that is not listed has no known place."""

    core_of: dict[int, frozenset[int]]
    cache_of: dict[int, frozenset[int]]

    def cores(self, cpus: frozenset[int]) -> frozenset[int]:
        """Return every CPU on the cores of these; raises MissingFact."""
        return _spread(cpus, self.core_of, "platform.cpus[].siblings")

    def caches(self, cpus: frozenset[int]) -> frozenset[int]:
        """Return every CPU behind the caches of these; raises MissingFact."""
        return _spread(cpus, self.cache_of, "platform.cpus[].last_level_cache")


def read_topology(document: Facts) -> Topology:
    """Return what the host reported; an absent list gives an empty topology."""
    cores, caches = {}, {}
    try:
        rows = read_rows(document, "platform.cpus")
    except MissingFact:
        rows = []
    for row in rows:
        try:
            cpu = read(int, row, "id")
            cores[cpu] = read_numbers(row, "siblings") | {cpu}
            caches[cpu] = read_numbers(row, "last_level_cache") | {cpu}
        except MissingFact:
            continue
    return Topology(core_of=cores, cache_of=caches)


def _spread(cpus: frozenset[int], places: dict[int, frozenset[int]], path: str) -> frozenset[int]:
    if not cpus <= places.keys():
        raise MissingFact(path)
    return frozenset[int]().union(*(places[cpu] for cpu in cpus))
