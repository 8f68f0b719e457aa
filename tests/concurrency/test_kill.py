"""``kill -9`` of server and worker at random moments under load: nothing acknowledged is lost.

The real product runs as child processes: server and worker on PostgreSQL and Redis, and the
embedded server with its worker thread on SQLite. Four loaders enrol hosts and post facts; an answer
200 counts as acknowledged. After every kill the part is started again. At the end each acknowledged
body must be stored, and each acknowledged index judged exactly once.
"""

import random
import sqlite3
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
import pytest

from agents.facts.canonical import canonical_bytes, digest
from tests.support.postgres import PostgresServer
from tests.support.redis import RedisServer
from tests.support.wire_agent import WireAgent
from tests.support.workbench import Workbench, embedded_environment, production_environment

KILLS, EMBEDDED_KILLS = 50, 15
# About as many hosts per second as one worker judges, so that the end is not spent on a queue.
LOADERS, PAUSE_SECONDS = 4, 0.5
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
def production(
    postgres_server: PostgresServer, redis_server: RedisServer, tmp_path: Path
) -> Iterator[Workbench]:
    database = postgres_server.create_database("killed")
    bench = Workbench(tmp_path, production_environment(database=database, redis=redis_server.url))
    try:
        yield bench
    finally:
        bench.stop()


@pytest.fixture
def embedded(tmp_path: Path) -> Iterator[Workbench]:
    bench = Workbench(tmp_path, embedded_environment(tmp_path / "data"))
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
            stop.wait(PAUSE_SECONDS)
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


def rows(bench: Workbench, statement: str) -> list[tuple]:
    if bench.environment["DJANGO_SETTINGS_MODULE"].endswith("production"):
        with psycopg.connect(bench.environment["UNDERPIN_DATABASE"]) as connection:
            return connection.execute(statement).fetchall()
    path = Path(bench.environment["UNDERPIN_DATA_DIR"]) / "underpin.sqlite3"
    with closing(sqlite3.connect(path, timeout=20)) as connection:
        return connection.execute(statement).fetchall()


def drained(bench: Workbench) -> bool:
    return rows(bench, "SELECT count(*) FROM core_workitem WHERE done_at IS NULL") == [(0,)]


@pytest.mark.postgres
@pytest.mark.redis
@pytest.mark.slow
@pytest.mark.timeout(900)
def test_nothing_acknowledged_is_lost_or_judged_twice(production: Workbench) -> None:
    starters = {"server": production.start_server, "worker": production.start_worker}
    check(production, survive(production, starters, kills=KILLS))


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_embedded_server_loses_nothing_either(embedded: Workbench) -> None:
    starters = {"server": embedded.start_server}
    check(embedded, survive(embedded, starters, kills=EMBEDDED_KILLS))


def survive(
    bench: Workbench, starters: dict[str, Callable[[], None]], *, kills: int
) -> Acknowledged:
    """Load the server, kill and restart its parts, then let it finish what is due."""
    choose = random.Random(SEED)
    bench.manage("migrate", "--verbosity", "0")
    token = bench.manage("make_enrolment_token", "--days", "1", "--max-uses", "10000").strip()
    for start in starters.values():
        start()
    known, stop = Acknowledged(), threading.Event()
    loaders = [
        threading.Thread(target=load, args=(bench, token, known, stop)) for _ in range(LOADERS)
    ]
    for loader in loaders:
        loader.start()
    try:
        for _ in range(kills):
            time.sleep(choose.uniform(0.05, MAX_PAUSE_SECONDS))
            part = choose.choice(sorted(starters))
            bench.kill(part)
            starters[part]()
    finally:
        stop.set()
        for loader in loaders:
            loader.join()
    assert len(known.digests) > kills, "the load was too small to prove anything"
    deadline = time.monotonic() + DRAIN_SECONDS
    while not drained(bench) and time.monotonic() < deadline:
        time.sleep(0.5)
    return known


def check(bench: Workbench, known: Acknowledged) -> None:
    """The promises, read straight from the tables."""
    assert drained(bench)
    assert rows(bench, "SELECT key FROM core_workitem WHERE quarantined_at IS NOT NULL") == []
    stored = {row[0] for row in rows(bench, "SELECT digest FROM agents_blob")}
    for host_id, digests in known.digests.items():
        assert digests <= stored, f"{host_id} lost a body"
    counted = "SELECT host_id, count(*) FROM assessments_judgement GROUP BY host_id"
    judged = {uuid.UUID(str(host)): count for host, count in rows(bench, counted)}
    found = {host: judged.get(uuid.UUID(host), 0) for host in known.digests}
    assert found == dict.fromkeys(known.digests, 1)
    doubled = rows(
        bench,
        "SELECT host_id, check_id, target_key FROM assessments_finding WHERE closed_at IS NULL"
        " GROUP BY host_id, check_id, target_key HAVING count(*) > 1",
    )
    assert doubled == []
    sizes = rows(
        bench,
        "SELECT count(DISTINCT n) FROM (SELECT count(*) n FROM assessments_finding"
        " WHERE closed_at IS NULL GROUP BY host_id) counted",
    )
    assert sizes == [(1,)], "equal hosts must have equal numbers of findings"
