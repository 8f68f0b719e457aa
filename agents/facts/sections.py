"""Sections of a host as they came over the wire, cleaned of what only the server may say."""

from collections.abc import Callable, Mapping
from typing import Any

from agents.facts.reading import Facts
from agents.facts.unknowns import Unknowns, without

OBJECT_SECTIONS = (
    "agent",
    "host",
    "kernel",
    "platform",
    "periphery",
    "network",
    "accounts",
    "logging",
    "resources",
)
LIST_SECTIONS = ("runtimes", "images")
SECTIONS = (*OBJECT_SECTIONS, *LIST_SECTIONS)


def section_facts(
    name: str, body: Facts | None, *, unknowns: Unknowns
) -> dict[str, Any] | list[Any] | None:
    """Return the facts of one section, or None when there are none; notes why.

    `body` is `{"facts", "unknowns"}`, or `{"error", "needs"}` when the section failed.
    """
    if body is None:
        unknowns.add(name, "the agent has not sent this section")
        return None
    if "error" in body:
        unknowns.add_failure(name, "the section could not be collected", body)
        return None
    unknowns.add_wire(body.get("unknowns"))
    facts = body.get("facts")
    if not isinstance(facts, Mapping):
        unknowns.add(name, "the section holds no facts")
        return None
    if name in LIST_SECTIONS:
        return _items(name, facts, unknowns)
    clean = CLEANERS.get(name, dict)
    return dict(clean(facts))


def _items(name: str, facts: Facts, unknowns: Unknowns) -> list[Any] | None:
    items = facts.get("items")
    if not isinstance(items, list):
        unknowns.add(name, "the section holds no list")
        return None
    return [without(item, *SERVER_ITEMS[name]) for item in items if isinstance(item, Mapping)]


def _kernel(facts: Facts) -> Facts:
    return without(facts, "known_escapes")


def _resources(facts: Facts) -> Facts:
    return without(facts, "commitments")


def _network(facts: Facts) -> Facts:
    return _clean_rows(facts, "bridges", "container_count")


def _accounts(facts: Facts) -> Facts:
    cleaned = _clean_rows(facts, "runtime_principals", "last_login_days")
    return _clean_rows(cleaned, "ssh_keys", "age_days", "shared_by")


def _clean_rows(facts: Facts, name: str, *owned: str) -> Facts:
    rows = facts.get(name)
    if not isinstance(rows, list):
        return facts
    cleaned = [without(row, *owned) if isinstance(row, Mapping) else row for row in rows]
    return {**facts, name: cleaned}


CLEANERS: dict[str, Callable[[Facts], Facts]] = {
    "kernel": _kernel,
    "resources": _resources,
    "network": _network,
    "accounts": _accounts,
}
SERVER_ITEMS = {
    "runtimes": ("principal_count", "known_escapes", "usage", "history"),
    "images": ("age_days",),
}
