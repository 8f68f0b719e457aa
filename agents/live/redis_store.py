"""The live store of production: one Redis script per heartbeat, no SQL."""

import uuid
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, Final

import redis
from django.conf import settings

from agents.live.base import Beat, Known, Seen, Verdict
from agents.live.redis_call import RedisScript

ROOT_PREFIX = 32
KEEP_SECONDS = 900  # a revoked key survives in a lost Redis no longer than this
DIRTY: Final = "live:dirty"
# Fields: s secret hash, t state, r root prefix, b boot, n counter, l last seen (ms since 1970).
BEAT: Final = """
local known = redis.call('HMGET', KEYS[1], 's', 't', 'r')
if not known[1] then return 'miss' end
if known[1] ~= ARGV[1] then return 'refused' end
if known[2] == 'retired' then return 'gone' end
if known[2] == 'forked' then return 'clone' end
redis.call('HSET', KEYS[1], 'b', ARGV[2], 'n', ARGV[3], 'l', ARGV[5])
redis.call('SADD', KEYS[2], ARGV[6])
if known[3] ~= ARGV[4] then return 'index_wanted' end
return 'fine'
"""


class RedisLive:
    """Keeps hosts in Redis hashes; one script call per heartbeat."""

    @cached_property
    def _redis(self) -> Any:
        return redis.Redis.from_url(
            settings.REDIS_URL, decode_responses=True, socket_timeout=2, socket_connect_timeout=2
        )

    @cached_property
    def _beat(self) -> Any:
        return RedisScript(BEAT, url=settings.REDIS_URL)

    def beat(self, beat: Beat, *, now: datetime) -> Verdict:
        """See ``LiveStore``; with Redis away every beat is a miss, which the database answers."""
        milliseconds = int(now.timestamp() * 1000)
        root = beat.root[:ROOT_PREFIX]
        try:
            word = self._beat(
                keys=[_key(beat.host_id), DIRTY],
                args=[
                    beat.secret_hash,
                    beat.boot,
                    beat.counter,
                    root,
                    milliseconds,
                    str(beat.host_id),
                ],
            )
        except redis.RedisError:
            return Verdict.MISS
        return Verdict(word)

    def put(self, host_id: uuid.UUID, known: Known) -> None:
        """See ``LiveStore``."""
        fields = {
            "s": known.secret_hash,
            "t": known.state,
            "r": known.root[:ROOT_PREFIX],
            "b": known.boot,
            "n": known.counter,
        }
        try:
            pipe = self._redis.pipeline(transaction=False)
            pipe.hset(_key(host_id), mapping=fields)
            pipe.expire(_key(host_id), KEEP_SECONDS)
            pipe.execute()
        except redis.RedisError:
            return  # the next heartbeat asks the database again

    def forget(self, host_id: uuid.UUID) -> None:
        """See ``LiveStore``."""
        try:
            self._redis.delete(_key(host_id))
        except redis.RedisError:
            return  # Redis is away, and keeps the key no longer than KEEP_SECONDS

    def take_seen(self, *, limit: int) -> Sequence[Seen]:
        """See ``LiveStore``."""
        try:
            ids: list[str] = self._redis.spop(DIRTY, limit) or []
            pipe = self._redis.pipeline(transaction=False)
            for host_id in ids:
                pipe.hmget(_key(uuid.UUID(host_id)), "l", "b", "n")
            rows = pipe.execute()
        except redis.RedisError:
            return []
        return [
            Seen(uuid.UUID(host_id), _time(row[0]), row[1] or "", int(row[2] or 0))
            for host_id, row in zip(ids, rows, strict=True)
            if row[0]
        ]


def _key(host_id: uuid.UUID) -> str:
    return f"live:{host_id}"


def _time(milliseconds: str) -> datetime:
    return datetime.fromtimestamp(int(milliseconds) / 1000, tz=UTC)
