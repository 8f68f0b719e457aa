"""What happened on a host, for people: newest first, in words, with what is missing said."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.core.paginator import Page, Paginator
from django.db.models import QuerySet

from agents.models import Container, Event, EventDay, EventGap, Host
from workbench.core.models import Role

PAGE_ROWS: Final = 50
MAX_CHARACTERS: Final = 200
MAX_SKEW_SECONDS: Final = 120  # beyond it the host's clock is worth a word
# Who logged in from where is personal: these roles see it, for the others it is "somebody".
SEES_PEOPLE: Final = frozenset({Role.ADMIN, Role.ANALYST})

KINDS: Final[Mapping[str, str]] = {
    "container.start": "Container started",
    "container.die": "Container ended",
    "login.open": "Login",
    "login.close": "Logout",
    "login.fail": "Login refused",
    "log.truncated": "Login record cut short",
    "facts.changed": "Facts changed",
    "agent.start": "Agent started",
    "agent.stop": "Agent stopped",
    "agent.gap": "Not watched",
    "agent.degraded": "Agent reads less",
    "agent.overrun": "Too many to record one by one",
    "agent.spool_drop": "Events lost on the host",
}
MISSING: Final[Mapping[str, str]] = {
    EventGap.MISSING: "have not arrived",
    "lost": "were lost on the host",
    "full": "had no room on the host",
    "old": "waited on the host for more than seven days",
    "too_big": "were too large to send",
    "restored": "were taken before this database was restored to an older state",
}


@dataclass(frozen=True, slots=True)
class EventLine:
    """One line of the list; ``container`` is linked when it is known."""

    at: datetime
    words: str
    detail: str
    count: int = 1
    container: uuid.UUID | None = None
    subject: str = ""
    is_gap: bool = False


@dataclass(frozen=True, slots=True)
class HostEvents:
    """One page of a host's events; ``only_counted`` are today's events beyond the day's bound."""

    lines: tuple[EventLine, ...]
    page: Page[Event]
    skew_seconds: int
    only_counted: int

    @property
    def is_clock_wrong(self) -> bool:
        """Whether the host's clock is off by more than two minutes."""
        return abs(self.skew_seconds) > MAX_SKEW_SECONDS

    @property
    def skew_words(self) -> str:
        """By how much the host's clock is wrong, in words."""
        seconds = abs(self.skew_seconds)
        number, unit = (seconds // 60, "minute")
        if seconds >= 2 * 86_400:
            number, unit = (seconds // 86_400, "day")
        elif seconds >= 7_200:
            number, unit = (seconds // 3600, "hour")
        side = "ahead" if self.skew_seconds > 0 else "behind"
        return f"{number} {unit}{'' if number == 1 else 's'} {side}"


def events_of(host: Host) -> QuerySet[Event]:
    """All events of the host, newest first."""
    return Event.unscoped.filter(host=host).order_by("-at", "-pk")


def host_events(host: Host, *, role: Role, page: int, now: datetime) -> HostEvents:
    """One page of the host's events, with the gaps of the same time. Five queries."""
    found = Paginator(events_of(host), PAGE_ROWS).get_page(page)
    rows = list(found)
    keys = {row.container_key for row in rows if row.container_key}
    known = Container.unscoped.filter(host=host, key__in=keys).order_by("first_seen")
    containers = {row.key: row for row in known}
    lines = [_line(row, containers.get(row.container_key), role=role) for row in rows]
    lines += [_gap_line(gap) for gap in _gaps(host, found, rows)]
    lines.sort(key=lambda line: line.at, reverse=True)
    counted = EventDay.objects.filter(host=host, day=now.date()).values_list("only_counted")
    live = getattr(host, "live", None)
    return HostEvents(
        lines=tuple(lines),
        page=found,
        skew_seconds=(live.clock_skew_seconds or 0) if live else 0,
        only_counted=sum(sum(only.values()) for (only,) in counted),
    )


def details_for(event: Event, *, role: str) -> dict[str, Any]:
    """The event's parts as ``role`` may see them."""
    hidden = set() if role in SEES_PEOPLE else {"who"}
    return {name: part for name, part in event.details.items() if name not in hidden}


def _gaps(host: Host, page: Page[Event], rows: Sequence[Event]) -> QuerySet[EventGap]:
    """Gaps noticed while the events of the page happened; the ends of the list are open."""
    gaps = EventGap.objects.filter(host=host).order_by("-at")
    if page.has_previous() and rows:
        gaps = gaps.filter(at__lte=rows[0].at)
    if page.has_next() and rows:
        gaps = gaps.filter(at__gt=rows[-1].at)
    return gaps[:PAGE_ROWS]


def _gap_line(gap: EventGap) -> EventLine:
    number = gap.last - gap.first + 1
    words = f"{number:,} event{'' if number == 1 else 's'} missing"
    reason = MISSING.get(gap.reason, "will not arrive")
    return EventLine(
        gap.at, words, f"They {reason}." if number > 1 else f"It {_one(reason)}.", is_gap=True
    )


def _one(reason: str) -> str:
    """The reason for a single event."""
    return reason.replace("have not", "has not").replace("were ", "was ")


def _line(event: Event, container: Container | None, *, role: str) -> EventLine:
    details = details_for(event, role=role)
    where = _part(details, "where")
    name = str(container) if container else _text(where.get("container_name"))
    return EventLine(
        at=event.at,
        words=KINDS.get(event.kind, event.kind.replace(".", " ").replace("_", " ")),
        detail=_detail(event.kind, details),
        count=event.count,
        container=container.pk if container else None,
        subject=name or event.container_key,
    )


def _detail(kind: str, details: Mapping[str, Any]) -> str:
    who, what = _part(details, "who"), _part(details, "what")
    more = _part(what, "attributes")
    if kind.startswith("login."):
        return _person(who)
    if kind.startswith("container."):
        return _text(_part(details, "where").get("image_reference"))
    words = [_text(what.get("reason"))]
    if kind == "facts.changed":
        words.append(": ".join(filter(None, [_text(more.get("section")), _list(more.get("keys"))])))
    if kind == "agent.gap":
        words.append(_span(_text(more.get("from")), _text(more.get("to"))))
    if kind == "agent.degraded":
        words.append(_list(more.get("sections")))
    if isinstance(what.get("amount"), int):
        words.append(f"{what['amount']:,}")
    return ", ".join(filter(None, words))


def _person(who: Mapping[str, Any]) -> str:
    if not who:
        return ""
    user, place = _text(who.get("user")), _text(who.get("remote_address"))
    return f"{user or 'somebody'}{f' from {place}' if place else ''}"


def _span(begin: str, end: str) -> str:
    """A span of time as the host's clock told it: 2026-11-23T22:00:00Z."""
    return f"{begin} to {end} by its clock" if begin and end else ""


def _part(parts: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """One part of an event; a hostile agent may send anything in its place."""
    part = parts.get(name)
    return part if isinstance(part, dict) else {}


def _text(value: object) -> str:
    return value[:MAX_CHARACTERS] if isinstance(value, str) else ""


def _list(value: object) -> str:
    return (
        ", ".join(filter(None, map(_text, value)))[:MAX_CHARACTERS]
        if isinstance(value, list)
        else ""
    )
