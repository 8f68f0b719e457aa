"""A host's facts for people: the sections and containers as sent, without what only checks need.

The evaluator's document also holds every pair of containers, which costs seconds on a host with
hundreds; a page needs none of them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from agents.facts.containers import is_live, merge_container
from agents.facts.reading import MissingFact
from agents.facts.sections import SECTIONS, section_facts
from agents.facts.unknowns import Unknowns
from agents.facts.walls import count_walls
from agents.models import Host
from agents.selectors.facts import facts_of


@dataclass(frozen=True, slots=True)
class PrintedFacts:
    """Sections by name, running containers, and everything the agent could not read."""

    sections: Mapping[str, Any]
    containers: tuple[Mapping[str, Any], ...]
    unknowns: tuple[Mapping[str, Any], ...]


def printed_facts(host: Host) -> PrintedFacts | None:
    """What the host reported last, or None before its first facts. Four queries or more."""
    facts = facts_of(host.pk)
    if facts is None:
        return None
    unknowns = Unknowns()
    bodies = {
        name: section_facts(name, facts.sections.get(name), unknowns=unknowns) for name in SECTIONS
    }
    merged = [merge_container(part, unknowns=unknowns) for part in facts.containers]
    return PrintedFacts(
        sections={name: body for name, body in bodies.items() if body is not None},
        containers=tuple(container for container in merged if is_live(container)),
        unknowns=tuple(unknowns.entries),
    )


def walls_around(container: Mapping[str, Any]) -> int | None:
    """How many barriers stand around a container; None when one could not be observed."""
    try:
        return count_walls(container)
    except MissingFact:
        return None
