"""Turns the mapping of a check file into a Check, and refuses what does not fit."""

import re
from collections.abc import Mapping
from typing import Any, NoReturn

from assessments.catalogue import vocabulary
from assessments.catalogue.yaml_file import YamlFile
from assessments.engine.check import DEFAULT_STATES, Adjuster, Check, TargetKind

CHECK_ID = re.compile(r"[A-Z]{2,4}-[A-Z]{2,5}-[0-9]{2,3}", re.ASCII)
MOVE_MIN, MOVE_MAX = -4, 4

# Field of the file -> whether it must be there.
FIELDS: dict[str, bool] = {
    "id": True,
    "title": True,
    "area": True,
    "subarea": True,
    "layer": True,
    "mechanism": True,
    "target": True,
    "tier": True,
    "likelihood": True,
    "impact": True,
    "facts": True,
    "pass": True,
    "not_applicable": False,
    "unknown_when": False,
    "pass_only_if": False,
    "params": False,
    "states": False,
    "raise": False,
    "needs": False,
    "why": True,
    "remediation": True,
    "references": False,
}


def read_check(file: YamlFile) -> Check:
    """Return the check of a file. Raises CatalogueError with the place of what is wrong."""
    reader = _Reader(file)
    reader.names_are(FIELDS)
    area = reader.one_of("area", tuple(vocabulary.AREAS))
    layer = reader.one_of("layer", tuple(vocabulary.LAYERS))
    return Check(
        id=reader.matching("id", CHECK_ID),
        title=reader.text("title"),
        area=area,
        subarea=reader.one_of("subarea", vocabulary.AREAS[area]),
        layer=layer,
        mechanism=reader.one_of("mechanism", vocabulary.LAYERS[layer]),
        target=TargetKind(reader.one_of("target", tuple(TargetKind))),
        facts=reader.texts("facts"),
        passes=reader.text("pass"),
        not_applicable=reader.optional_text("not_applicable"),
        unknown_when=reader.optional_text("unknown_when"),
        pass_only_if=reader.optional_text("pass_only_if"),
        params=reader.mapping("params"),
        states=reader.texts_of("states", vocabulary.STATES) or DEFAULT_STATES,
        likelihood=reader.number("likelihood", 1, 5),
        impact=reader.number("impact", 1, 5),
        adjusters=_adjusters(reader),
        why=reader.text("why"),
        remediation=_remediation(reader),
        references=_references(reader),
        tier=reader.one_of("tier", vocabulary.TIERS),
        needs=reader.texts_of("needs", vocabulary.NEEDS),
    )


def _adjusters(reader: "_Reader") -> tuple[Adjuster, ...]:
    rows = reader.data.get("raise", [])
    if not isinstance(rows, list):
        reader.refuse("a list is expected", "raise")
    return tuple(_adjuster(reader, position, row) for position, row in enumerate(rows))


def _adjuster(reader: "_Reader", position: int, row: object) -> Adjuster:
    inner = reader.inside(row, "raise", position)
    inner.names_are({"when": True, "likelihood": False, "impact": False, "because": True})
    likelihood = inner.number("likelihood", MOVE_MIN, MOVE_MAX, default=0)
    impact = inner.number("impact", MOVE_MIN, MOVE_MAX, default=0)
    if likelihood == impact == 0:
        inner.refuse("an adjuster moves likelihood or impact")
    return Adjuster(
        when=inner.text("when"),
        likelihood=likelihood,
        impact=impact,
        because=inner.text("because"),
    )


def _remediation(reader: "_Reader") -> dict[str, str]:
    inner = reader.inside(reader.data["remediation"], "remediation")
    inner.names_are({name: name == "general" for name in vocabulary.REMEDIES})
    return {name: inner.text(name) for name in inner.data}


def _references(reader: "_Reader") -> dict[str, tuple[str, ...]]:
    inner = reader.inside(reader.data.get("references", {}), "references")
    inner.names_are(dict.fromkeys(vocabulary.REFERENCES, False))
    return {name: inner.texts(name) for name in inner.data}


class _Reader:
    """Typed access to one mapping of the file; every refusal names its place."""

    def __init__(self, file: YamlFile, data: Any = None, *place: str | int) -> None:
        self.file = file
        self.place = place
        self.data: dict[str, Any] = file.data if data is None else data

    def refuse(self, message: str, *place: str | int) -> NoReturn:
        self.file.refuse(message, *self.place, *place)

    def inside(self, data: object, *place: str | int) -> "_Reader":
        if not isinstance(data, dict):
            self.refuse("a mapping is expected", *place)
        return _Reader(self.file, data, *self.place, *place)

    def names_are(self, known: Mapping[str, bool]) -> None:
        for name in self.data:
            if name not in known:
                self.refuse(f"unknown field {name!r}", name)
        for name, needed in known.items():
            if needed and name not in self.data:
                self.refuse(f"field {name!r} is missing")

    def text(self, name: str) -> str:
        value = self.data[name]
        if not isinstance(value, str) or not value:
            self.refuse(f"{name!r} is a text", name)
        return value

    def optional_text(self, name: str) -> str | None:
        return self.text(name) if name in self.data else None

    def one_of(self, name: str, allowed: tuple[str, ...]) -> str:
        value = self.text(name)
        if value not in allowed:
            self.refuse(f"{value!r} is none of: {', '.join(allowed)}", name)
        return str(value)

    def matching(self, name: str, pattern: re.Pattern[str]) -> str:
        value = self.text(name)
        if not pattern.fullmatch(value):
            self.refuse(f"{value!r} has not the form {pattern.pattern}", name)
        return value

    def texts(self, name: str) -> tuple[str, ...]:
        values = self.data.get(name, [])
        if not isinstance(values, list) or not all(isinstance(each, str) for each in values):
            self.refuse(f"{name!r} is a list of texts", name)
        return tuple(values)

    def texts_of(self, name: str, allowed: tuple[str, ...]) -> tuple[str, ...]:
        values = self.texts(name)
        for value in values:
            if value not in allowed:
                self.refuse(f"{value!r} is none of: {', '.join(allowed)}", name)
        return values

    def mapping(self, name: str) -> dict[str, object]:
        return self.inside(self.data.get(name, {}), name).data

    def number(self, name: str, low: int, high: int, *, default: int | None = None) -> int:
        value = self.data.get(name, default)
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            self.refuse(f"{name!r} is a whole number from {low} to {high}", name)
        return value
