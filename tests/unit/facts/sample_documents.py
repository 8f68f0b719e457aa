"""The three sample documents, taken apart into what an agent would have sent."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from agents.facts.containers import ContainerPart
from agents.facts.schema import container_fields
from agents.facts.sections import LIST_SECTIONS, SECTIONS

FOLDER = Path(__file__).with_name("samples")
NAMES = ("as-found", "hardened", "no-runtime-api")
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


def load(name: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((FOLDER / f"{name}.json").read_text("utf-8"))
    return document


def sections_of(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    bodies: dict[str, dict[str, Any]] = {}
    for name in SECTIONS:
        facts = {"items": document[name]} if name in LIST_SECTIONS else document[name]
        bodies[name] = {"facts": facts, "unknowns": []}
    # In a sample the reasons are one list; agents send each with its section.
    bodies["agent"]["unknowns"] = document["unknowns"]
    # Older kernels have no such row in the samples; it is needed for the share of processes.
    bodies["kernel"]["facts"]["sysctl"].setdefault("kernel.threads-max", "4194304")
    return bodies


def parts_of(document: dict[str, Any]) -> list[ContainerPart]:
    return [
        ContainerPart(
            key=container["key"],
            identity={"facts": _only(container, "container.identity"), "unknowns": []},
            posture={"facts": _only(container, "container.posture"), "unknowns": []},
        )
        for container in document["containers"]
    ]


def assignments_of(document: dict[str, Any]) -> dict[str, dict[str, str]]:
    return {each["key"]: each.get("assignment", {}) for each in document["containers"]}


def _only(container: dict[str, Any], section: str) -> dict[str, Any]:
    return {name: value for name, value in container.items() if name in container_fields(section)}
