"""Reading the state of a list from its address. What makes no sense is left out, not refused."""

import uuid
from collections.abc import Container

from django.http import QueryDict

from agents.models import Criticality
from assessments.figures.names import LEVELS_WORST_FIRST
from assessments.selectors import containers, findings, hosts
from assessments.selectors.containers import ContainerFilters
from assessments.selectors.findings import FindingFilters, Shown
from assessments.selectors.host_filters import STATES, HostFilters

MAX_CHARACTERS = 200
MAX_PAGE = 100_000


def finding_filters(query: QueryDict) -> FindingFilters:
    """Filters of a list of findings."""
    status = word(query, "status", set(Shown))
    return FindingFilters(
        status=Shown(status) if status else Shown.FAIL,
        level=level(query, "level"),
        likelihood=level(query, "likelihood"),
        impact=level(query, "impact"),
        area=text(query, "area"),
        layer=text(query, "layer"),
        mechanism=text(query, "mechanism"),
        check=text(query, "check"),
        host=identifier(query, "host"),
        container=identifier(query, "container"),
        q=text(query, "q"),
        sort=word(query, "sort", findings.SORTS) or "risk",
    )


def host_filters(query: QueryDict) -> HostFilters:
    """Filters of a list of hosts."""
    return HostFilters(
        state=word(query, "state", STATES),
        level=level(query, "level"),
        q=text(query, "q"),
        label=text(query, "label"),
        criticality=word(query, "criticality", Criticality.values),
        token=identifier(query, "token"),
        sort=word(query, "sort", hosts.SORTS) or "risk",
    )


def container_filters(query: QueryDict) -> ContainerFilters:
    """Filters of a list of containers."""
    return ContainerFilters(
        host=identifier(query, "host"),
        level=level(query, "level"),
        q=text(query, "q"),
        sort=word(query, "sort", containers.SORTS) or "risk",
    )


def page_number(query: QueryDict) -> int:
    """The page asked for, from 1."""
    value = query.get("page", "")
    return max(1, min(int(value), MAX_PAGE)) if value.isascii() and value.isdigit() else 1


def text(query: QueryDict, name: str) -> str:
    """The value, cut to 200 characters."""
    return query.get(name, "").strip()[:MAX_CHARACTERS]


def word(query: QueryDict, name: str, allowed: Container[str]) -> str:
    """The value when it is allowed, else an empty string."""
    value = query.get(name, "")
    return value if value in allowed else ""


def level(query: QueryDict, name: str) -> int | None:
    """A level from 1 to 5, or None."""
    value = query.get(name, "")
    found = int(value) if value.isascii() and value.isdigit() and len(value) == 1 else 0
    return found if found in LEVELS_WORST_FIRST else None


def identifier(query: QueryDict, name: str) -> uuid.UUID | None:
    """A UUID, or None."""
    try:
        return uuid.UUID(query.get(name, ""))
    except ValueError:
        return None
