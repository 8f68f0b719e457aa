"""``kill -9`` of server and worker at random moments under load: nothing acknowledged is lost.

The real product runs as child processes on real PostgreSQL and Redis. Four loaders enrol hosts and
post facts; an answer 200 counts as acknowledged. After every kill the part is started again. At the
end each acknowledged body must be stored, and each acknowledged index judged exactly once.
"""

import random
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
import pytest

from agents.facts.canonical import canonical_bytes, digest
from tests.support.postgres import PostgresServer
from tests.support.redis import RedisServer
from tests.support.wire_agent import WireAgent
from tests.support.workbench import Workbench, production_environment

KILLS = 50
LOADERS = 4
MAX_PAUSE_SECONDS = 1.2
DRAIN_SECONDS = 120
SEED = 20_261_123


@dataclass
class Acknowledged:
    """What the server has promised to keep: per host the digests of its one index."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    digests: dict[str, set[str]] = field(default_factory=dict)

    def add(self, host_id: str, digests: set[str]) -> None:
        with self.lock:
            self.digests[host_id] = digests


@pytest.fixture
def workbench(
    postgres_server: PostgresServer, redis_server: RedisServer, tmp_path: Path
) -> Iterator[Workbench]:
    database = postgres_server.create_database("killed")
    bench = Workbench(tmp_path, production_environment(database=database, redis=redis_server.url))
    try:
        yield bench
    finally:
        bench.stop()


def load(bench: Workbench, token: str, known: Acknowledged, stop: threading.Event) -> None:
    """Enrol host after host; each posts one index of its own, repeated until it is acknowledged."""
    while not stop.is_set():
        agent = WireAgent(bench.post, name="loaded")
        if not until_answered(lambda agent=agent: agent.enrol(token).status == 201, stop):
            return
        kernel = {"facts": {"release": agent.host_id}, "unknowns": []}
        identity = {"facts": {"id": agent.host_id, "name": "c", "state": "running"}, "unknowns": []}
        posture = {
            "facts": {"no_new_privileges": False, "cpus": [len(known.digests)]},
            "unknowns": [],
        }

        def post(agent=agent, kernel=kernel, pair=(identity, posture)) -> bool:
            answer = agent.index({"kernel": kernel}, {"c1": pair}, number=1)
            return answer.status == 200 and answer.body == {"gen": 1, "need": []}

        if until_answered(post, stop):
            bodies = (kernel, identity, posture)
            known.add(agent.host_id, {digest(canonical_bytes(body)) for body in bodies})


def until_answered(ask, stop: threading.Event) -> bool:
    """Repeat ``ask`` over broken connections until it is true; False when the test is over."""
    while True:
        try:
            if ask():
                return True
        except OSError:
            pass
        if stop.is_set():
            return False
        time.sleep(0.02)


def rows(database: str, statement: str) -> list[tuple]:
    with psycopg.connect(database) as connection:
        return connection.execute(statement).fetchall()


def drained(database: str) -> bool:
    waiting = rows(database, "SELECT count(*) FROM core_workitem WHERE done_at IS NULL")
    return waiting == [(0,)]


@pytest.mark.postgres
@pytest.mark.redis
@pytest.mark.slow
@pytest.mark.timeout(900)
def test_nothing_acknowledged_is_lost_or_judged_twice(workbench: Workbench) -> None:
    bench, choose = workbench, random.Random(SEED)
    database = bench.environment["UNDERPIN_DATABASE"]
    bench.manage("migrate", "--verbosity", "0")
    token = bench.manage("make_enrolment_token", "--days", "1", "--max-uses", "10000").strip()
    starters = {"server": bench.start_server, "worker": bench.start_worker}
    for start in starters.values():
        start()
    known, stop = Acknowledged(), threading.Event()
    loaders = [
        threading.Thread(target=load, args=(bench, token, known, stop)) for _ in range(LOADERS)
    ]
    for loader in loaders:
        loader.start()
    try:
        for _ in range(KILLS):
            time.sleep(choose.uniform(0.05, MAX_PAUSE_SECONDS))
            part = choose.choice(sorted(starters))
            bench.kill(part)
            starters[part]()
    finally:
        stop.set()
        for loader in loaders:
            loader.join()
    assert len(known.digests) > KILLS, "the load was too small to prove anything"
    deadline = time.monotonic() + DRAIN_SECONDS
    while not drained(database) and time.monotonic() < deadline:
        time.sleep(0.5)
    check(database, known)


def check(database: str, known: Acknowledged) -> None:
    """The promises, read straight from the tables."""
    assert drained(database)
    assert (
        rows(database, "SELECT kind, key FROM core_workitem WHERE quarantined_at IS NOT NULL") == []
    )
    stored = {row[0] for row in rows(database, "SELECT digest FROM agents_blob")}
    for host_id, digests in known.digests.items():
        assert digests <= stored, f"{host_id} lost a body"
    judged = dict(
        rows(
            database,
            "SELECT host_id::text, count(*) FROM assessments_judgement GROUP BY host_id",
        )
    )
    assert {host: judged.get(host, 0) for host in known.digests} == dict.fromkeys(known.digests, 1)
    doubled = rows(
        database,
        "SELECT host_id, check_id, target_key FROM assessments_finding WHERE closed_at IS NULL"
        " GROUP BY host_id, check_id, target_key HAVING count(*) > 1",
    )
    assert doubled == []
    found = rows(
        database,
        "SELECT count(DISTINCT n) FROM (SELECT count(*) n FROM assessments_finding"
        " WHERE closed_at IS NULL GROUP BY host_id) counted",
    )
    assert found == [(1,)], "equal hosts must have equal numbers of findings"
