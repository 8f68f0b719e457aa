"""A container's facts for its page: namespaces, rights, filters, mounts, devices, limits, ports.

Facts are hostile: any value may have any type, and what is missing is shown as not known.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from agents.facts.walls import DEFAULT_CAPABILITIES, WALLS
from agents.models import Container
from agents.selectors.printed import walls_around
from assessments.selectors.container_limits import Limit, limits_of
from assessments.selectors.host_facts import (
    NAMESPACES,
    at,
    is_number,
    rows,
    text,
    texts,
)

FILTER: Final = 2
SECCOMP: Final = {0: "no filter", 1: "strict mode", 2: "filter"}
Rows = tuple[Mapping[str, Any], ...] | None
SHOWN_ROLES: Final = frozenset({"rootfs", "socket", "device", "volume", "remote", "host"})
HOST_IS_USUAL: Final = frozenset({"cgroup", "time"})


@dataclass(frozen=True, slots=True)
class Namespace:
    """One namespace. ``state``: own, shared, host, quiet (the host's by custom), none."""

    kind: str
    state: str
    words: str
    shared_with: tuple[Container, ...] = ()


@dataclass(frozen=True, slots=True)
class Capability:
    """One capability that a process can gain, and whether the engine gives it to everybody."""

    name: str
    is_usual: bool


@dataclass(frozen=True, slots=True)
class ContainerFacts:
    """The printed facts. ``walls`` is None when one of the seven could not be observed."""

    namespaces: tuple[Namespace, ...]
    walls: int | None
    walls_of: int
    capabilities: tuple[Capability, ...] | None
    barriers: tuple[tuple[str, str, str], ...]
    user_map: tuple[Mapping[str, Any], ...]
    mounts: Rows
    other_mounts: int
    devices: Rows
    limits: tuple[Limit, ...]
    ports: Rows
    sockets: tuple[Mapping[str, Any], ...]
    controls: tuple[Mapping[str, Any], ...]


def facts_of_container(
    facts: Mapping[str, Any],
    everybody: Sequence[Mapping[str, Any]],
    *,
    neighbours: Mapping[str, Container],
) -> ContainerFacts:
    """The printed facts of one container; ``everybody`` are all containers of its host."""
    others = [item for item in everybody if item.get("key") != facts.get("key")]
    return ContainerFacts(
        namespaces=tuple(_namespace(kind, facts, others, neighbours) for kind in NAMESPACES),
        walls=walls_around(facts),
        walls_of=len(WALLS),
        capabilities=_capabilities(facts),
        barriers=tuple(_barriers(facts)),
        user_map=tuple(rows(at(facts, "user_namespace.uid_map"))),
        mounts=_only(facts, "mounts", _is_told),
        other_mounts=sum(not _is_told(mount) for mount in rows(facts.get("mounts"))),
        devices=_only(facts, "device_nodes", _is_special),
        limits=limits_of(facts),
        ports=_only(facts, "published_ports", bool),
        sockets=tuple(rows(facts.get("runtime_sockets"))),
        controls=tuple(rows(facts.get("escape_controls"))),
    )


def _only(
    facts: Mapping[str, Any], name: str, is_wanted: Callable[[Mapping[str, Any]], bool]
) -> Rows:
    """Some items of a list of facts; None when the list is not known, which is not "none"."""
    if not isinstance(facts.get(name), list):
        return None
    return tuple(item for item in rows(facts[name]) if is_wanted(item))


def _is_told(mount: Mapping[str, Any]) -> bool:
    return mount.get("role") in SHOWN_ROLES


def _is_special(device: Mapping[str, Any]) -> bool:
    return device.get("standard") is not True


def _namespace(
    kind: str,
    facts: Mapping[str, Any],
    others: Sequence[Mapping[str, Any]],
    neighbours: Mapping[str, Container],
) -> Namespace:
    is_host = at(facts, f"namespaces.{kind}.is_host")
    if not isinstance(is_host, bool):
        return Namespace(kind, "none", "not known")
    if is_host:
        state = "quiet" if kind in HOST_IS_USUAL else "host"
        return Namespace(kind, state, "the host's")
    inode = at(facts, f"namespace_inodes.{kind}")
    same = [other for other in others if inode and at(other, f"namespace_inodes.{kind}") == inode]
    with_whom = tuple(
        neighbours[text(other.get("key"))] for other in same if text(other.get("key")) in neighbours
    )
    if same:
        return Namespace(kind, "shared", "shared with", with_whom)
    return Namespace(kind, "own", "its own")


def _capabilities(facts: Mapping[str, Any]) -> tuple[Capability, ...] | None:
    reachable = at(facts, "capabilities.reachable")
    if not isinstance(reachable, list):
        return None
    named = [Capability(name, name in DEFAULT_CAPABILITIES) for name in texts(reachable)]
    return tuple(sorted(named, key=lambda each: (each.is_usual, each.name)))


def _barriers(facts: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """Name, words, and state (pass, fail, unknown) of each barrier around the processes."""
    mode = at(facts, "seccomp.weakest_mode")
    risky = at(facts, "seccomp.risky_allowed")
    label = text(at(facts, "security_module.label")) or "no label"
    seccomp = SECCOMP.get(mode, "not known") if is_number(mode) else "not known"
    if mode == FILTER and texts(risky):
        seccomp += f"; lets through {', '.join(texts(risky))}"
    confined = at(facts, "security_module.confined")
    return [
        ("Seccomp", seccomp, _state(mode != 0 if is_number(mode) else None)),
        ("Security module", label, _state(confined)),
        _flag("No new privileges", at(facts, "no_new_privileges"), yes="set", no="not set"),
        _flag(
            "User namespace",
            _negated(at(facts, "user_namespace.initial")),
            yes="its own: root inside is nobody on the host",
            no="the host's: root inside is root on the host",
        ),
        _flag(
            "Root file system",
            at(facts, "root_filesystem.read_only"),
            yes="read-only",
            no="writable",
        ),
        _flag(
            "Host root",
            _negated(at(facts, "ids.root_on_host")),
            yes="no process is or can become uid 0 of the host",
            no="a process is or can become uid 0 of the host",
        ),
    ]


def _flag(name: str, value: Any, *, yes: str, no: str) -> tuple[str, str, str]:
    words = (yes if value else no) if isinstance(value, bool) else "not known"
    return name, words, _state(value)


def _negated(value: Any) -> bool | None:
    return not value if isinstance(value, bool) else None


def _state(value: Any) -> str:
    if not isinstance(value, bool):
        return "unknown"
    return "pass" if value else "fail"
