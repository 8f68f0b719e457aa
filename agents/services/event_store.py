"""Taking events: rows and mark in one transaction, each number once, what is missing said."""

import itertools
import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.db import transaction

from agents.facts.event_wire import SentEvents
from agents.facts.sequences import Account, Declared, account
from agents.models import EventDay, EventGap, EventSpool, Host, HostLive
from agents.services import agent_keys, event_rows
from workbench.core.errors import Invalid, TooMany

MAX_OPEN_GAPS: Final = 200  # of one spool; a range beyond them is not waited for
MAX_SPOOLS_A_DAY: Final = 100
SKEW_STEP_SECONDS: Final = 5  # smaller changes of a host's skew are not written


@dataclass(frozen=True, slots=True)
class EventsReply:
    """``ack``: everything up to it is accounted for. ``is_behind``: the agent was told more, which
    this database no longer has; it sends again what it still holds."""

    ack: int
    is_behind: bool = False


def events_take(host_id: uuid.UUID | str, message: SentEvents, *, now: datetime) -> EventsReply:
    """Store what is new in ``message``. Ten queries at most, whatever it holds.

    Raises:
        Invalid: when its numbers are not in order.
        Gone, Cloned, Pending: while nothing of the host is taken.
        TooMany: when the host began more spools today than any host needs.
    """
    numbers, dropped = _in_order(message)
    with transaction.atomic():
        host = _locked(host_id)
        day = EventDay.objects.filter(host=host, day=now.date()).first()
        day = day or EventDay(host=host, day=now.date())
        spool = _spool(host, message.epoch, day, now=now)
        if message.acked > spool.mark:
            return EventsReply(spool.mark, is_behind=True)
        gaps = _open_gaps(spool)
        ranges = [(gap.first, gap.last) for gap in gaps]
        found = account(spool.mark, ranges, numbers=numbers, dropped=dropped)
        if found.mark == spool.mark and not found.fresh and not found.declared:
            return EventsReply(spool.mark)
        fresh = [event for event in message.ev if event.seq in found.fresh]
        clocks = event_rows.clocks_of(message, now=now)
        event_rows.insert(host, spool, event_rows.under_bound(day, fresh), clocks=clocks)
        _write_gaps(spool, gaps, found, now=now)
        spool.mark = found.mark
        spool.save(update_fields=["mark", "has_gaps"])
        day.save()
        _note_skew(host, clocks.skew_seconds)
        return EventsReply(found.mark)


def _in_order(message: SentEvents) -> tuple[list[int], list[Declared]]:
    """The numbers and the declared ranges, both ascending and apart."""
    numbers = [event.seq for event in message.ev]
    dropped = [(one.first, one.last, one.why) for one in message.drop]
    spans = sorted([*((one, one) for one in numbers), *((low, high) for low, high, _ in dropped)])
    is_ascending = numbers == sorted(set(numbers)) and dropped == sorted(dropped)
    is_apart = all(one[1] < two[0] for one, two in itertools.pairwise(spans))
    if not is_ascending or not is_apart or any(low > high for low, high in spans):
        msg = "the numbers of the events are not in order"
        raise Invalid(msg)
    if spans and spans[0][0] < message.first:
        msg = "an event has a number below the first of its batch"
        raise Invalid(msg)
    return numbers, dropped


def _locked(host_id: uuid.UUID | str) -> Host:
    """The host, locked against other messages of it."""
    rows = Host.unscoped.select_for_update(no_key=True, of=("self",)).select_related("live")
    host = rows.get(pk=host_id)
    agent_keys.check_state(host)
    return host


def _spool(host: Host, epoch: str, day: EventDay, *, now: datetime) -> EventSpool:
    """The row of the spool; the host's lock keeps two messages from making it twice."""
    spool = EventSpool.objects.filter(host=host, epoch=epoch).first()
    if spool is not None:
        return spool
    if day.spools >= MAX_SPOOLS_A_DAY:
        msg = "this host began too many spools today"
        raise TooMany(msg, retry_after_seconds=3600)
    day.spools += 1
    day.save()
    return EventSpool.objects.create(host=host, epoch=epoch, begun_at=now)


def _open_gaps(spool: EventSpool) -> list[EventGap]:
    if not spool.has_gaps:
        return []
    return list(EventGap.objects.filter(spool=spool, reason=EventGap.MISSING).order_by("first"))


def _write_gaps(
    spool: EventSpool, before: list[EventGap], found: Account, *, now: datetime
) -> None:
    """Make the open gaps those of ``found``, and note what was declared."""
    known = {(gap.first, gap.last): gap for gap in before}
    over = [gap.pk for key, gap in known.items() if key not in set(found.missing)]
    if over:
        EventGap.objects.filter(pk__in=over).delete()
    missing = [one for one in found.missing if one not in known]
    room = MAX_OPEN_GAPS - (len(known) - len(over))
    rows = [(low, high, EventGap.MISSING) for low, high in missing[:room]]
    if missing[room:]:
        rows.append((missing[room][0], missing[-1][1], "given_up"))
    rows += _joined(found.declared)
    EventGap.objects.bulk_create(
        [
            EventGap(host_id=spool.host_id, spool=spool, first=low, last=high, reason=why, at=now)
            for low, high, why in rows
        ]
    )
    spool.has_gaps = bool(len(known) - len(over) or missing[:room])


def _joined(declared: tuple[Declared, ...]) -> list[Declared]:
    """Ranges that touch and have one reason, as one."""
    joined: list[Declared] = []
    for low, high, why in declared:
        if joined and joined[-1][2] == why and joined[-1][1] == low - 1:
            joined[-1] = (joined[-1][0], high, why)
        else:
            joined.append((low, high, why))
    return joined


def _note_skew(host: Host, seconds: int) -> None:
    """Keep by how much the host's clock is ahead; nothing is refused for it."""
    live = getattr(host, "live", None)
    known = live.clock_skew_seconds if live else None
    if known is None or abs(known - seconds) >= SKEW_STEP_SECONDS:
        HostLive.objects.filter(host=host).update(clock_skew_seconds=seconds)
