"""The live store of production: one Redis script per heartbeat, no SQL."""

import base64
import itertools
import random
import time
import uuid
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, Final, Unpack

import redis
from django.conf import settings
from redis.backoff import NoBackoff
from redis.retry import Retry

from agents.live.base import PREFIX, Beat, Change, Known, Pulse, Seen, Verdict
from agents.live.redis_call import RedisScript
from agents.live.redis_script import BEAT, PATCH, PUT
from agents.live.store import local_store

# A copy of the database's row is looked up again after this; until the database answers, the old
# copy holds, so that heartbeats outlive it. Only hosts that ended run out by themselves: a time
# to live costs 46 of the 256 bytes that a host may take.
FRESH_SECONDS: Final = 900
ENDED_SECONDS: Final = 86_400
UNKNOWN_SECONDS: Final = 5
# Redis that fails is not asked again for so long: each question costs a thread its timeout.
PAUSE_SECONDS: Final = 2.0
TIMEOUT_SECONDS: Final = 1.0
SLICE_HOSTS: Final = 500
DIRTY: Final = "live:dirty"
STATES: Final = {"active": "a", "pending": "p", "forked": "f", "retired": "g", "revoked": "v"}
FIELDS: Final = {"root": "r", "next_hash": "x", "next_until": "u", "rotate_at": "o"} | {
    "config_etag": "c"
}
DIGESTS: Final = frozenset({"root", "next_hash"})
AWAY: Final = Pulse(Verdict.AWAY)
# The answers without anything besides, made once.
PLAIN: Final = {str(verdict): Pulse(verdict) for verdict in Verdict}


class RedisLive:
    """Keeps hosts in Redis hashes; one script call per heartbeat."""

    def __init__(self) -> None:
        self._away_until = 0.0

    @cached_property
    def _redis(self) -> Any:
        return redis.Redis.from_url(
            settings.REDIS_URL,
            decode_responses=True,
            socket_timeout=TIMEOUT_SECONDS,
            socket_connect_timeout=TIMEOUT_SECONDS,
            retry=Retry(NoBackoff(), 1),  # the first try may meet a connection that went idle
        )

    @cached_property
    def _scripts(self) -> dict[str, Any]:
        url, seconds = settings.REDIS_URL, TIMEOUT_SECONDS
        return {text: RedisScript(text, url=url, seconds=seconds) for text in (BEAT, PUT, PATCH)}

    def beat(self, beat: Beat, *, now: datetime) -> Pulse:
        """See ``LiveStore``; AWAY when Redis cannot be reached."""
        if time.monotonic() < self._away_until:
            return AWAY
        member = _short(beat.host_id)
        etag = "-" if beat.config_etag is None else beat.config_etag
        args: list[Any] = [_packed(beat.secret_hash), beat.boot, beat.counter, _packed(beat.root)]
        args += [int(now.timestamp()), member, etag, beat.spool]
        try:
            word = self._scripts[BEAT](keys=[f"h:{member}", DIRTY], args=args)
        except redis.RedisError:
            self._pause()
            return AWAY
        return PLAIN.get(word) or _pulse(word)

    def put(self, host_id: uuid.UUID, known: Known, *, now: datetime) -> None:
        """See ``LiveStore``."""
        fresh = FRESH_SECONDS * random.uniform(0.8, 1.2)  # noqa: S311 - spreads load
        args: list[Any] = [ENDED_SECONDS, int(now.timestamp() + fresh), _packed(known.secret_hash)]
        args += [STATES[known.state], _packed(known.root), known.boot, known.counter]
        args += [known.previous_boot, known.previous_counter, known.rival_boot]
        args += [known.config_etag, known.rotate_at, _packed(known.next_hash), known.next_until]
        self._run(PUT, [_key(host_id)], args)

    def put_unknown(self, host_id: uuid.UUID, *, now: datetime) -> None:
        """See ``LiveStore``."""
        try:
            pipe = self._redis.pipeline(transaction=True)
            pipe.delete(_key(host_id))
            pipe.hset(_key(host_id), "s", "-")
            pipe.expire(_key(host_id), UNKNOWN_SECONDS)
            pipe.execute()
        except redis.RedisError:
            self._pause()

    def patch(
        self, host_ids: Iterable[uuid.UUID], *, now: datetime, **change: Unpack[Change]
    ) -> None:
        """See ``LiveStore``."""
        ids, args = list(host_ids), list[Any]()
        local_store().patch(ids, now=now, **change)
        for name, value in change.items():
            args += [FIELDS[name], _packed(str(value)) if name in DIGESTS else value]
        keys = iter([_key(host_id) for host_id in ids])
        while part := list(itertools.islice(keys, SLICE_HOSTS)):
            self._run(PATCH, part, args)

    def forget(self, host_id: uuid.UUID) -> None:
        """See ``LiveStore``."""
        local_store().forget(host_id)
        try:
            self._redis.hdel(_key(host_id), "s")
        except redis.RedisError:
            self._pause()  # the copy is looked up again after FRESH_SECONDS

    def drop(self, host_id: uuid.UUID) -> None:
        """See ``LiveStore``."""
        local_store().drop(host_id)
        try:
            self._redis.delete(_key(host_id))
        except redis.RedisError:
            self._pause()

    def take_seen(self, *, limit: int) -> Sequence[Seen]:
        """See ``LiveStore``."""
        try:
            members: list[str] = self._redis.spop(DIRTY, limit) or []
            pipe = self._redis.pipeline(transaction=False)
            for member in members:
                pipe.hmget(f"h:{member}", "l", "b", "n", "p", "m", "y")
            rows = pipe.execute()
        except redis.RedisError:
            return []
        return [_seen(member, row) for member, row in zip(members, rows, strict=True) if row[0]]

    def _run(self, script: str, keys: list[str], args: list[Any]) -> None:
        try:
            self._scripts[script](keys=keys, args=args)
        except redis.RedisError:
            self._pause()  # the next heartbeat asks the database again

    def _pause(self) -> None:
        self._away_until = time.monotonic() + PAUSE_SECONDS


def _pulse(text: str) -> Pulse:
    word, flags, etag = text.split(";", 2)
    return Pulse(
        Verdict(word),
        config_etag=etag,
        wants_rotation="r" in flags,
        is_promoted="p" in flags,
        is_stale="s" in flags,
    )


def _seen(member: str, row: Sequence[str | None]) -> Seen:
    last, boot, counter, previous_boot, previous_counter, spool = row
    return Seen(
        uuid.UUID(bytes=base64.b64decode(member + "==")),
        datetime.fromtimestamp(int(last or 0), tz=UTC),
        boot or "",
        int(counter or 0),
        previous_boot or "",
        int(previous_counter or 0),
        spool or "",
    )


def _packed(digest: str) -> bytes | str:
    """The compared half of a digest in 16 bytes; a shorter text, which is none, as it is."""
    return bytes.fromhex(digest[:PREFIX]) if len(digest) >= PREFIX else digest


def _short(host_id: uuid.UUID) -> str:
    """The id in 22 characters instead of 36: it stands in Redis twice per host."""
    return base64.b64encode(host_id.bytes)[:22].decode()


def _key(host_id: uuid.UUID) -> str:
    return f"h:{_short(host_id)}"
