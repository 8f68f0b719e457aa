"""The two live stores give the same answers; Redis stays small and may go away at any time."""

import random
import uuid
from datetime import timedelta

import pytest

from agents.live.base import Beat, Known, Pulse, Verdict
from agents.live.memory import MemoryLive
from agents.live.redis_store import RedisLive
from tests.support.joined import NOW
from tests.support.redis import RedisServer

KEYS = ["1" * 64, "2" * 64, "3" * 64]
ROOTS = ["a" * 64, "b" * 64]
STATES = ["active", "active", "active", "pending", "forked", "retired", "revoked"]
HOST = uuid.UUID(int=7)
MAX_BYTES_PER_HOST = 256


def random_step(choose: random.Random, store, now) -> object:
    """One thing that may happen to a host, the same for both stores."""
    kind = choose.choices(["beat", "put", "patch", "forget", "drop"], [40, 4, 3, 1, 1])[0]
    if kind == "beat":
        beat = Beat(
            HOST,
            choose.choices(KEYS, [20, 3, 1])[0],
            choose.choice(["aaaa", "aaaa", "aaaa", "bbbb", "cccc"]),
            choose.randrange(1, 40),
            choose.choice(ROOTS)[:32],
            choose.choice([None, "", "e1", "e2"]),
            choose.choice(["", "", "memory"]),
        )
        return store.beat(beat, now=now)
    if kind == "put":
        seconds = int(now.timestamp())
        known = Known(
            KEYS[0],
            choose.choice(STATES),
            ROOTS[0],
            boot=choose.choice(["", "aaaa", "bbbb"]),
            counter=choose.randrange(20),
            previous_boot=choose.choice(["", "cccc"]),
            previous_counter=choose.randrange(20),
            rival_boot=choose.choice(["", "bbbb"]),
            next_hash=choose.choice(["", KEYS[1]]),
            next_until=seconds + choose.choice([-5, 5, 500]),
            rotate_at=choose.choice([0, seconds, seconds + 50]),
            config_etag=choose.choice(["", "e1"]),
        )
        return store.put(HOST, known, now=now)
    if kind == "patch":
        return store.patch([HOST], now=now, root=choose.choice(ROOTS), config_etag="e2")
    return store.forget(HOST) if kind == "forget" else store.drop(HOST)


@pytest.mark.redis
@pytest.mark.parametrize("seed", range(40))
def test_both_stores_answer_alike(seed: int) -> None:
    stores = {"memory": MemoryLive(), "redis": RedisLive()}
    stores["redis"].drop(HOST)
    told: dict[str, list[object]] = {}
    for name, store in stores.items():
        choose, now = random.Random(seed), NOW
        told[name] = []
        for _ in range(150):
            now += timedelta(seconds=choose.randrange(10))
            told[name].append(random_step(choose, store, now))
        told[name].append(sorted(store.take_seen(limit=10), key=str))
    assert told["redis"] == told["memory"]
    kinds = {one.verdict for one in told["redis"] if isinstance(one, Pulse)}
    assert len(kinds) > 2, "the story was too short to prove anything"


@pytest.mark.redis
def test_a_copy_grows_old_for_one_caller_at_a_time() -> None:
    for store in (MemoryLive(), RedisLive()):
        store.drop(HOST)
        store.put(HOST, Known(KEYS[0], "active", ROOTS[0]), now=NOW)
        beat = Beat(HOST, KEYS[0], "aaaa", 1, ROOTS[0][:32])
        ages = [store.beat(beat, now=NOW + timedelta(seconds=s)).is_stale for s in (0, 700, 1100)]
        assert ages == [False, False, True], store
        again = [store.beat(beat, now=NOW + timedelta(seconds=s)).is_stale for s in (1101, 1140)]
        assert again == [False, True], store


@pytest.mark.redis
def test_a_host_nobody_knows_is_refused_for_five_seconds() -> None:
    beat = Beat(HOST, KEYS[0], "aaaa", 1, ROOTS[0][:32])
    for store in (MemoryLive(), RedisLive()):
        store.drop(HOST)
        assert store.beat(beat, now=NOW).verdict is Verdict.MISS
        store.put_unknown(HOST, now=NOW)
        assert store.beat(beat, now=NOW).verdict is Verdict.REFUSED
    assert 0 < RedisLive()._redis.ttl("h:AAAAAAAAAAAAAAAAAAAABw") <= 5


@pytest.mark.redis
def test_a_host_takes_at_most_256_bytes_of_redis(redis_server: RedisServer) -> None:
    store, hosts = RedisLive(), 4_000
    ids = [uuid.UUID(int=random.Random(seed).getrandbits(128)) for seed in range(hosts)]
    warm = uuid.uuid4()
    store.put(warm, Known(KEYS[0], "active", ROOTS[0]), now=NOW)
    store.beat(Beat(warm, KEYS[0], "aaaa", 1, ROOTS[0][:32]), now=NOW)
    with redis_server.client() as client:
        before = client.info("memory")["used_memory"]
        for place, host in enumerate(ids):
            known = Known(
                f"{place:064x}",
                "active",
                ROOTS[0],
                rotate_at=1_800_000_000,
                config_etag="01234567",
            )
            store.put(host, known, now=NOW)
            store.beat(
                Beat(host, f"{place:064x}", "3f2c9a01", 18_231, ROOTS[0][:32], "01234567"),
                now=NOW,
            )
        # Every beat notes its host for the writer, who comes every 15 s.
        assert len(store.take_seen(limit=hosts + 1)) == hosts + 1
        used = client.info("memory")["used_memory"] - before
    assert used / hosts <= MAX_BYTES_PER_HOST
