"""Turns the mapping of a check file into a Check, and refuses what does not fit."""

import re

from assessments.catalogue import vocabulary
from assessments.catalogue.reader import Reader
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
    reader = Reader(file)
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


def _adjusters(reader: Reader) -> tuple[Adjuster, ...]:
    rows = reader.data.get("raise", [])
    if not isinstance(rows, list):
        reader.refuse("a list is expected", "raise")
    return tuple(_adjuster(reader, position, row) for position, row in enumerate(rows))


def _adjuster(reader: Reader, position: int, row: object) -> Adjuster:
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


def _remediation(reader: Reader) -> dict[str, str]:
    inner = reader.inside(reader.data["remediation"], "remediation")
    inner.names_are({name: name == "general" for name in vocabulary.REMEDIES})
    return {name: inner.text(name) for name in inner.data}


def _references(reader: Reader) -> dict[str, tuple[str, ...]]:
    inner = reader.inside(reader.data.get("references", {}), "references")
    inner.names_are(dict.fromkeys(vocabulary.REFERENCES, False))
    return {name: inner.texts(name) for name in inner.data}
