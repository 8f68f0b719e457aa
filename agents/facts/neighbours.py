"""What containers of one host share as seen from one of them: namespaces, bridges, processors."""

from collections.abc import Sequence

from agents.facts.reading import Facts, MissingFact, read, read_numbers, read_rows

PREFIX = "containers[]."
HOST_WIDE = 0


def private_namespace(container: Facts, kind: str) -> int:
    """Return the inode of the container's namespace, or 0 when it is the host's own."""
    if read(bool, container, f"namespaces.{kind}.is_host", prefix=PREFIX):
        return HOST_WIDE
    return read(int, container, f"namespace_inodes.{kind}", prefix=PREFIX)


def sharing_keys(container: Facts, others: Sequence[Facts], *, kind: str) -> list[str]:
    """Return the keys of the containers in the same private namespace of this kind."""
    own = private_namespace(container, kind)
    if own == HOST_WIDE:
        return []
    return sorted(other["key"] for other in others if private_namespace(other, kind) == own)


def bridges_of(container: Facts) -> frozenset[str]:
    """Return the bridges a container is attached to."""
    rows = read_rows(container, "network.attachments", prefix=PREFIX)
    prefix = PREFIX + "network.attachments[]."
    return frozenset(read(str, row, "bridge", prefix=prefix) for row in rows)


def endpoint_of(container: Facts) -> int | str:
    """Return what counts as one station on a bridge: its network namespace.

    Containers that join the namespace of another are one station with it.
    """
    try:
        return private_namespace(container, "network") or str(container["key"])
    except MissingFact:
        return str(container["key"])


def bridge_peers(container: Facts, others: Sequence[Facts]) -> int:
    """Count the other stations on the container's bridges."""
    bridges, own = bridges_of(container), endpoint_of(container)
    if not bridges:
        return 0
    stations = {endpoint_of(other) for other in others if bridges & bridges_of(other)}
    return len(stations - {own})


def stations_on(bridge: str, containers: Sequence[Facts]) -> int:
    """Count the stations on one bridge."""
    return len({endpoint_of(each) for each in containers if bridge in bridges_of(each)})


def cpu_overlap(container: Facts, others: Sequence[Facts]) -> int:
    """Count the processors of an explicit set that other containers may use too.

    Without an explicit set there is nothing to protect and the count is 0.
    """
    if not read(bool, container, "limits.cpus_explicit", prefix=PREFIX):
        return 0
    own = read_numbers(container, "cpus", prefix=PREFIX)
    used = (read_numbers(other, "cpus", prefix=PREFIX) for other in others)
    return len(own & frozenset().union(*used))


def uses_isolated_cpus(container: Facts, document: Facts) -> bool:
    """Tell whether the container may run on processors that were set aside."""
    isolated = read_numbers(document, "platform.isolated_cpus")
    return bool(isolated & read_numbers(container, "cpus", prefix=PREFIX))
