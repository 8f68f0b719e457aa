"""Containers of the document: identity and posture side by side, with the server's values."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any

from agents.facts import neighbours
from agents.facts.dates import days_since, moment
from agents.facts.logins import login_ports
from agents.facts.reading import Facts, MissingFact
from agents.facts.schema import container_fields
from agents.facts.unknowns import Unknowns, put
from agents.facts.walls import count_walls

STOPPED_STATES = ("exited", "created")
PREFIX = "containers[]."
LABELS: dict[str, frozenset[str] | None] = {
    "criticality": frozenset({"critical", "standard", "batch"}),
    "sensitivity": frozenset({"low", "normal", "high"}),
    "owner": None,
}


@dataclass(frozen=True)
class ContainerPart:
    """One container as it is stored: two bodies, and when the server first saw it."""

    key: str
    identity: Facts
    posture: Facts
    first_seen: datetime | None = field(default=None)


def merge_container(part: ContainerPart, *, unknowns: Unknowns) -> dict[str, Any]:
    """Return identity and posture as one object.

    Only fields that the agent owns pass, so a host cannot send what the server computes.
    """
    scope = ("container", part.key)
    merged: dict[str, Any] = {}
    for body, section in ((part.posture, "posture"), (part.identity, "identity")):
        if "error" in body:
            reason = f"container {section} could not be collected"
            unknowns.add_failure("containers[]", reason, body, scope=scope)
            continue
        known = container_fields(f"container.{section}")
        facts = body.get("facts", {})
        merged.update({name: value for name, value in facts.items() if name in known})
        unknowns.add_wire(body.get("unknowns"), scope=scope)
    merged["key"] = part.key
    _place_mount_sources(merged)
    return merged


def exited_days(part: ContainerPart, now: datetime) -> int:
    """Return full days since a container ended; raises MissingFact when that is not known."""
    return days_since(moment(part.identity.get("facts"), "finished_at", prefix=PREFIX), now)


def is_live(container: Facts) -> bool:
    """Tell whether the container may be running; one whose state is not known may."""
    return container.get("state") not in STOPPED_STATES


def complete_containers(
    containers: Sequence[dict[str, Any]],
    document: Facts,
    *,
    now: datetime,
    assignments: Mapping[str, Mapping[str, str]],
    unknowns: Unknowns,
) -> None:
    """Add the server's values to each container, in place."""
    for container in containers:
        others = [each for each in containers if each is not container]
        _complete(container, others, document, now=now, unknowns=unknowns)
        labels = assignments.get(container["key"], {})
        container["assignment"] = _assignment(container["key"], labels, unknowns)


def _complete(
    container: dict[str, Any],
    others: Sequence[Facts],
    document: Facts,
    *,
    now: datetime,
    unknowns: Unknowns,
) -> None:
    scope = ("container", container["key"])

    def note(name: str, missing: MissingFact) -> None:
        unknowns.add_missing(PREFIX + name, missing, scope=scope)

    values = {
        "age_days": lambda: days_since(moment(container, "started_at", prefix=PREFIX), now),
        "walls": lambda: count_walls(container),
        "cpu_overlap": lambda: _overlap(container, others, unknowns=unknowns),
        "uses_isolated_cpus": lambda: neighbours.uses_isolated_cpus(container, document),
        "login_ports": lambda: login_ports(container),
    }
    for name, compute in values.items():
        put(container, name, compute, note=partial(note, name))
    shares: dict[str, Any] = {}
    for kind in ("pid", "network", "ipc"):
        sharing = partial(_shared, container, others, kind=kind, unknowns=unknowns)
        put(shares, kind, sharing, note=partial(note, f"shares.{kind}"))
    peers = partial(_peers, container, others, unknowns=unknowns)
    put(shares, "bridge_peers", peers, note=partial(note, "shares.bridge_peers"))
    container["shares"] = shares


def _overlap(container: Facts, others: Sequence[Facts], *, unknowns: Unknowns) -> int:
    """None found among the containers that were seen does not mean none at all."""
    found = neighbours.cpu_overlap(container, others)
    if found == 0 and container["limits"]["cpus_explicit"]:
        unknowns.require_whole("containers")
    return found


def _shared(
    container: Facts, others: Sequence[Facts], *, kind: str, unknowns: Unknowns
) -> list[str]:
    found = neighbours.sharing_keys(container, others, kind=kind)
    if not found and neighbours.private_namespace(container, kind) != neighbours.HOST_WIDE:
        unknowns.require_whole("containers")
    return found


def _peers(container: Facts, others: Sequence[Facts], *, unknowns: Unknowns) -> int:
    found = neighbours.bridge_peers(container, others)
    if neighbours.bridges_of(container):
        unknowns.require_whole("containers")
    return found


def _assignment(key: str, labels: Mapping[str, str], unknowns: Unknowns) -> dict[str, str]:
    kept = {}
    for name, allowed in LABELS.items():
        value = labels.get(name)
        if isinstance(value, str) and (allowed is None or value in allowed):
            kept[name] = value
        else:
            unknowns.add(
                f"{PREFIX}assignment.{name}",
                "no label or inventory entry names it",
                scope=("container", key),
                needs="a label on the container or an entry in the inventory",
            )
    return kept


def _place_mount_sources(container: dict[str, Any]) -> None:
    """Put host paths that carry ids, and so travel with the identity, to their mounts."""
    sources, mounts = container.get("mount_sources"), container.get("mounts")
    if not isinstance(sources, Mapping) or not isinstance(mounts, list):
        return
    container["mounts"] = [
        {**mount, "host_path": sources[mount["point"]]}
        if isinstance(mount, Mapping) and _point(mount) in sources
        else mount
        for mount in mounts
    ]


def _point(mount: Facts) -> str:
    point = mount.get("point")
    return point if isinstance(point, str) else ""
