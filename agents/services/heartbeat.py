"""Answering heartbeats: from the live store, and from the database only when it does not know.

Nothing that happens to Redis or to the database makes a heartbeat fail: its token carries our tag,
and "nothing to do" promises nothing. Only facts need the database.
"""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final, TypeVar

from django.db import DatabaseError

from agents.live.base import Beat, Known, LiveStore, Pulse, Verdict
from agents.live.store import live_store, local_store
from agents.services.agent_keys import cloned, gone, key_promote, known_of
from agents.services.agent_tokens import RevokedKey, unknown_token
from agents.services.clones import fork_note, rollback_note
from agents.services.deadline import DatabaseAway, database_within
from agents.services.last_seen import write_seen

logger = logging.getLogger(__name__)
Found = TypeVar("Found")

LOOK_UPS: Final = threading.BoundedSemaphore(32)
LOOK_UP_SECONDS: Final = 4.0
FLUSH_SECONDS: Final = 5.0
FLIGHTS: Final = tuple(threading.Lock() for _ in range(64))
FINE: Final = Pulse(Verdict.FINE)


@dataclass(frozen=True, slots=True)
class HeartbeatReply:
    """What the agent should do; ``config_etag`` names a configuration to fetch, or is empty."""

    wants_index: bool
    config_etag: str
    wants_rotation: bool


NOTHING: Final = HeartbeatReply(wants_index=False, config_etag="", wants_rotation=False)


@dataclass
class Flushed:
    """When this process last wrote what only it had heard, on the clock that never goes back."""

    at: float = 0.0


flushed = Flushed()


def heartbeat_take(beat: Beat, *, now: datetime) -> HeartbeatReply:
    """Note that the host is alive, and say what it should do.

    Raises:
        Unauthenticated: the key does not hold any more, or was revoked.
        Conflict: two machines use one identity.
        Gone: the host was retired.
    """
    store = live_store()
    pulse = store.beat(beat, now=now)
    if pulse.verdict is Verdict.AWAY:
        store = local_store()
        pulse = store.beat(beat, now=now)
        _flush(now=now)
    if pulse.verdict is Verdict.MISS:
        pulse = _look_up(store, beat, now=now)
    elif pulse.is_stale:
        pulse = _look_up_again(store, beat, pulse, now=now)
    _note(beat, pulse, now=now)
    return _reply(pulse)


def _reply(pulse: Pulse) -> HeartbeatReply:
    verdict = pulse.verdict
    if verdict is Verdict.REFUSED:
        raise unknown_token()
    if verdict is Verdict.REVOKED:
        message = "this agent's key was revoked"
        raise RevokedKey(message)
    if verdict in {Verdict.CLONE, Verdict.FORKED}:
        raise cloned()
    if verdict is Verdict.GONE:
        raise gone()
    wants_index = verdict is Verdict.INDEX_WANTED
    if not wants_index and not pulse.config_etag and not pulse.wants_rotation:
        return NOTHING
    return HeartbeatReply(wants_index, pulse.config_etag, pulse.wants_rotation)


def _note(beat: Beat, pulse: Pulse, *, now: datetime) -> None:
    """Write what this beat proved; without the database a later beat proves it again."""
    writes: list[Callable[[], None]] = []
    if pulse.is_promoted:
        writes.append(lambda: key_promote(beat.host_id, beat.secret_hash, now=now))
    if pulse.verdict is Verdict.FORKED:
        writes.append(lambda: fork_note(beat, now=now))
    if pulse.verdict is Verdict.ROLLED_BACK:
        writes.append(lambda: rollback_note(beat, now=now))
    for write in writes:
        try:
            _with_database(write)
        except DatabaseAway:
            live_store().forget(beat.host_id)


def _look_up(store: LiveStore, beat: Beat, *, now: datetime) -> Pulse:
    """Put the host in and beat again; of several callers for one host, one asks the database."""
    with FLIGHTS[hash(beat.host_id) % len(FLIGHTS)]:
        pulse = store.beat(beat, now=now)
        if pulse.verdict is not Verdict.MISS:
            return pulse
        try:
            known = _with_database(lambda: known_of(beat.host_id))
        except DatabaseAway:
            return FINE
        return _put_and_beat(store, beat, known, now=now)


def _look_up_again(store: LiveStore, beat: Beat, pulse: Pulse, *, now: datetime) -> Pulse:
    """The copy is old: take a new one, or go on with the old one while the database is away."""
    if pulse.is_promoted or pulse.verdict in {Verdict.FORKED, Verdict.ROLLED_BACK}:
        return pulse  # the rows do not say so yet; the copy is taken anew with a later beat
    try:
        known = _with_database(lambda: known_of(beat.host_id))
    except DatabaseAway:
        return pulse
    return _put_and_beat(store, beat, known, now=now)


def _put_and_beat(store: LiveStore, beat: Beat, known: Known | None, *, now: datetime) -> Pulse:
    if known is None:
        store.put_unknown(beat.host_id, now=now)
        return Pulse(Verdict.REFUSED)
    store.put(beat.host_id, known, now=now)
    pulse = store.beat(beat, now=now)
    if pulse.verdict in {Verdict.AWAY, Verdict.MISS}:  # it went away just now
        local_store().put(beat.host_id, known, now=now)
        return local_store().beat(beat, now=now)
    return pulse


def _with_database(ask: Callable[[], Found]) -> Found:
    """What ``ask`` finds, in bounded time.

    Raises:
        DatabaseAway: when it fails, is busy with 32 others, or failed a moment ago.
    """
    if not LOOK_UPS.acquire(timeout=LOOK_UP_SECONDS):
        raise DatabaseAway
    try:
        with database_within(LOOK_UP_SECONDS):
            return ask()
    except DatabaseError as error:
        logger.warning("a heartbeat goes without the database: %s", error)
        raise DatabaseAway from error
    finally:
        LOOK_UPS.release()


def _flush(*, now: datetime) -> None:
    """Redis is away, so nobody else writes what this process heard."""
    if time.monotonic() < flushed.at + FLUSH_SECONDS:
        return
    flushed.at = time.monotonic()
    seen = local_store().take_seen(limit=5_000)
    try:
        _with_database(lambda: write_seen(seen))
    except DatabaseAway:
        return
