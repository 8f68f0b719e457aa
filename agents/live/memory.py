"""The live store of one process: embedded mode, tests on SQLite, and while Redis is away."""

import random
import threading
import uuid
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, Unpack

from agents.live.base import PREFIX, REVOKED, Beat, Change, Known, Pulse, Seen, Verdict
from agents.live.lineage import Line, Move, follow

FRESH_SECONDS: Final = 900
CLAIM_SECONDS: Final = 30
UNKNOWN_SECONDS: Final = 5
ENDED: Final = {"retired": Verdict.GONE, REVOKED: Verdict.REVOKED}
FORKS: Final = {
    Move.FORKED: Verdict.FORKED,
    Move.STILL_FORKED: Verdict.CLONE,
    Move.ROLLED_BACK: Verdict.ROLLED_BACK,
}


@dataclass(slots=True)
class _Entry:
    """One host: ``known`` is None after ``forget``, and ``fresh_until`` in seconds since 1970."""

    known: Known | None
    line: Line
    fresh_until: float


class MemoryLive:
    """Keeps hosts in a dictionary under a lock; the longest unheard give way to new ones."""

    def __init__(self, *, max_hosts: int = 200_000, fresh_seconds: int = FRESH_SECONDS) -> None:
        self._lock = threading.Lock()
        self._max_hosts = max_hosts
        self._fresh_seconds = fresh_seconds
        self._entries: OrderedDict[uuid.UUID, _Entry] = OrderedDict()
        self._unknown: dict[uuid.UUID, float] = {}
        self._heard: dict[uuid.UUID, tuple[datetime, str]] = {}

    def beat(self, beat: Beat, *, now: datetime) -> Pulse:
        """See ``LiveStore``."""
        with self._lock:
            entry = self._entries.get(beat.host_id)
            if entry is None or entry.known is None:
                refused = self._unknown.get(beat.host_id, 0) > now.timestamp()
                return Pulse(Verdict.REFUSED if refused else Verdict.MISS)
            self._entries.move_to_end(beat.host_id)
            pulse = self._answer(entry, entry.known, beat, now=now)
            if entry.fresh_until < now.timestamp():
                entry.fresh_until = now.timestamp() + CLAIM_SECONDS
                return replace(pulse, is_stale=True)
            return pulse

    def put(self, host_id: uuid.UUID, known: Known, *, now: datetime) -> None:
        """See ``LiveStore``."""
        forked = known.state == "forked"
        line = Line(
            known.boot,
            known.counter,
            known.previous_boot,
            known.previous_counter,
            is_forked=forked,
            rival_boot=known.rival_boot if forked else "",
        )
        with self._lock:
            before = self._entries.get(host_id)
            if before is not None and before.line.boot and before.line.is_forked == forked:
                line = before.line
            known = replace(known, state="active" if forked else known.state)
            until = now.timestamp() + self._fresh_seconds * random.uniform(0.8, 1.2)  # noqa: S311
            self._entries[host_id] = _Entry(known, line, until)
            self._unknown.pop(host_id, None)
            while len(self._entries) > self._max_hosts:
                self._entries.popitem(last=False)

    def put_unknown(self, host_id: uuid.UUID, *, now: datetime) -> None:
        """See ``LiveStore``."""
        with self._lock:
            self._entries.pop(host_id, None)
            if len(self._unknown) > self._max_hosts:
                self._unknown.clear()
            self._unknown[host_id] = now.timestamp() + UNKNOWN_SECONDS

    def patch(
        self, host_ids: Iterable[uuid.UUID], *, now: datetime, **change: Unpack[Change]
    ) -> None:
        """See ``LiveStore``."""
        with self._lock:
            for host_id in host_ids:
                entry = self._entries.get(host_id)
                if entry is not None and entry.known is not None:
                    entry.known = replace(entry.known, **change)

    def forget(self, host_id: uuid.UUID) -> None:
        """See ``LiveStore``."""
        with self._lock:
            if (entry := self._entries.get(host_id)) is not None:
                entry.known = None

    def drop(self, host_id: uuid.UUID) -> None:
        """See ``LiveStore``."""
        with self._lock:
            self._entries.pop(host_id, None)
            self._unknown.pop(host_id, None)
            self._heard.pop(host_id, None)

    def take_seen(self, *, limit: int) -> Sequence[Seen]:
        """See ``LiveStore``."""
        with self._lock:
            taken = [(host_id, *self._heard.pop(host_id)) for host_id in [*self._heard][:limit]]
            return [
                _seen(host_id, entry.line, at, spool)
                for host_id, at, spool in taken
                if (entry := self._entries.get(host_id)) is not None
            ]

    def _answer(self, entry: _Entry, known: Known, beat: Beat, *, now: datetime) -> Pulse:
        second, promoted = now.timestamp(), False
        if known.secret_hash[:PREFIX] != beat.secret_hash[:PREFIX]:
            if not known.next_hash or known.next_hash[:PREFIX] != beat.secret_hash[:PREFIX]:
                return Pulse(Verdict.REFUSED)
            known = replace(known, secret_hash=known.next_hash, next_hash="", next_until=0)
            entry.known = known = replace(known, rotate_at=0)
            promoted = True
        elif known.next_hash and second > known.next_until:
            return Pulse(Verdict.REFUSED)
        if known.state in ENDED:
            return Pulse(ENDED[known.state], is_promoted=promoted)
        if known.state == "pending":  # no facts are at stake yet
            entry.line = replace(entry.line, boot="")
        entry.line, move = follow(entry.line, beat.boot, beat.counter)
        self._heard[beat.host_id] = (now, beat.spool)
        verdict = FORKS.get(move) or _facts_verdict(known, beat)
        if move in {Move.FORKED, Move.STILL_FORKED}:
            return Pulse(verdict, is_promoted=promoted)
        told = beat.config_etag is not None and known.config_etag != beat.config_etag
        return Pulse(
            verdict,
            config_etag=known.config_etag if told else "",
            wants_rotation=0 < known.rotate_at <= second,
            is_promoted=promoted,
        )


def _seen(host_id: uuid.UUID, line: Line, at: datetime, spool: str) -> Seen:
    return Seen(
        host_id,
        at,
        line.boot,
        line.counter,
        line.previous_boot,
        line.previous_counter,
        spool,
    )


def _facts_verdict(known: Known, beat: Beat) -> Verdict:
    if known.state == "pending" or known.root[:PREFIX] == beat.root[:PREFIX]:
        return Verdict.FINE
    return Verdict.INDEX_WANTED
