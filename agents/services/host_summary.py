"""What lists show of a host, copied from its facts so that no list opens a body."""

import json
from collections.abc import Collection, Mapping
from typing import Any, Final

from agents.models import Host
from agents.services import blobs
from agents.services.section_links import Section

SOURCES: Final = ("host", "kernel", "agent")


def note(
    host: Host,
    sections: Mapping[str, Section],
    *,
    changed: Collection[str],
    ids: Mapping[str, int],
) -> list[str]:
    """Set the columns that the changed sections fill; returns their names, the caller saves."""
    wanted = [name for name in SOURCES if name in changed]
    named = {name: ids[value] for name in wanted if isinstance(value := sections.get(name), str)}
    bodies = blobs.bodies_of(named.values()) if named else {}
    columns: dict[str, str] = {}
    for name in wanted:
        facts = json.loads(bodies[named[name]])["facts"] if name in named else {}
        columns |= _columns(name, facts)
    for column, text in columns.items():
        setattr(host, column, text)
    return list(columns)


def _columns(section: str, facts: Mapping[str, Any]) -> dict[str, str]:
    if section == "kernel":
        return {"kernel_release": _word(facts.get("release"))[:120]}
    if section == "agent":
        return {
            "agent_version": _word(facts.get("version"))[:40],
            "agent_level": _word(facts.get("level"))[:20],
        }
    system = facts.get("os")
    system = system if isinstance(system, dict) else {}
    return {"os_name": f"{_word(system.get('id'))} {_word(system.get('version'))}".strip()[:120]}


def _word(value: object) -> str:
    """A fact as text for a list column; an agent may send any type."""
    return value if isinstance(value, str) else ""
