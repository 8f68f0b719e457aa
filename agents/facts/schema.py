"""The facts schema: every field that may occur in a fact document (JSON Schema 2020-12)."""

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

SCHEMA_FILE = Path(__file__).with_name("facts.schema.json")


@cache
def schema() -> dict[str, Any]:
    """Return the schema of the whole document. Shared between callers: do not change it."""
    loaded: dict[str, Any] = json.loads(SCHEMA_FILE.read_text(encoding="utf-8"))
    return loaded


@cache
def container_fields(section: str) -> frozenset[str]:
    """Return the top-level names of a container that belong to one wire section.

    `section` is `container.identity`, `container.posture`, `container.usage` or
    `container.server`.
    """
    fields = schema()["properties"]["containers"]["items"]["properties"]
    return frozenset(name for name, part in fields.items() if section in _sections(part))


def _sections(part: Mapping[str, Any]) -> set[str]:
    found = {part["x-section"]} if "x-section" in part else set()
    for child in (
        *part.get("properties", {}).values(),
        part.get("items"),
        part.get("additionalProperties"),
    ):
        if isinstance(child, Mapping):
            found |= _sections(child)
    return found
