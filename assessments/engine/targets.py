"""What a document of facts can be judged on: the host, its containers, pairs, runtimes, images."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from assessments.engine.check import TargetKind

LISTS = {
    TargetKind.CONTAINER: "containers",
    TargetKind.PAIR: "pairs",
    TargetKind.RUNTIME: "runtimes",
    TargetKind.IMAGE: "images",
}
"""The list of the document that holds the targets of a kind."""

HOST_KEY = "host"
_IMAGE_ID_CHARACTERS = 12


@dataclass(frozen=True, slots=True)
class Target:
    """What one result is about.

    `key` is stable from one document of a host to the next. `container_ids` are the keys of the
    containers it touches; none for the host, which touches all.
    """

    kind: TargetKind
    key: str
    name: str
    container_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Subject:
    """A target with its facts."""

    target: Target
    facts: Mapping[str, object] | None


def subjects(document: Mapping[str, object], kind: TargetKind) -> tuple[Subject, ...]:
    """Return the targets of one kind in the order of the document.

    Items that are no objects are left out. A key that occurs again is numbered, so that no
    target hides another.
    """
    if kind is TargetKind.HOST:
        host = document.get("host")
        name = _text(host, "name") if isinstance(host, dict) else ""
        return (Subject(Target(kind, HOST_KEY, name or HOST_KEY), None),)
    containers = _objects(document, "containers")
    found = [
        Subject(target_of(kind, facts, containers=containers), facts)
        for facts in _objects(document, LISTS[kind])
    ]
    return _numbered(found)


def target_of(
    kind: TargetKind,
    facts: Mapping[str, object],
    *,
    containers: Iterable[Mapping[str, object]] = (),
) -> Target:
    """Return the target that `facts` of one container, pair, runtime or image describe."""
    match kind:
        case TargetKind.PAIR:
            return _pair(facts, containers)
        case TargetKind.RUNTIME:
            key = _text(facts, "key")
            return Target(kind, key, key, _keys(containers, "runtime", key))
        case TargetKind.IMAGE:
            return _image(facts, containers)
    key = _text(facts, "key")
    return Target(kind, key, _text(facts, "name") or key, (key,))


def _pair(facts: Mapping[str, object], containers: Iterable[Mapping[str, object]]) -> Target:
    keys = sorted((_text(facts, "a"), _text(facts, "b")))
    names = {_text(item, "key"): _text(item, "name") for item in containers}
    # By name: keys are random, and a pair must read the same after both were started anew.
    shown = sorted((names.get(key) or key, key) for key in keys)
    return Target(
        TargetKind.PAIR,
        "+".join(keys),
        ", ".join(name for name, _ in shown),
        tuple(key for _, key in shown),
    )


def _image(facts: Mapping[str, object], containers: Iterable[Mapping[str, object]]) -> Target:
    key = _text(facts, "id")
    tags = facts.get("tags")
    first = tags[0] if isinstance(tags, list) and tags and isinstance(tags[0], str) else ""
    name = first or key.removeprefix("sha256:")[:_IMAGE_ID_CHARACTERS]
    return Target(TargetKind.IMAGE, key, name, _keys(containers, "image_id", key))


def _keys(containers: Iterable[Mapping[str, object]], field: str, value: str) -> tuple[str, ...]:
    return tuple(_text(item, "key") for item in containers if item.get(field) == value)


def _text(facts: Mapping[str, object], field: str) -> str:
    value = facts.get(field)
    return value if isinstance(value, str) else ""


def _objects(document: Mapping[str, object], name: str) -> list[dict[str, object]]:
    found = document.get(name)
    if not isinstance(found, list):
        return []
    return [item for item in found if isinstance(item, dict)]


def _numbered(found: list[Subject]) -> tuple[Subject, ...]:
    seen: dict[str, int] = {}
    result: list[Subject] = []
    for subject in found:
        target = subject.target
        seen[target.key] = seen.get(target.key, 0) + 1
        if seen[target.key] > 1:
            key = f"{target.key}#{seen[target.key]}"
            target = Target(target.kind, key, target.name, target.container_ids)
        result.append(Subject(target, subject.facts))
    return tuple(result)
