"""``kill -9`` of the agent at random moments, against the real server on PostgreSQL and Redis.

The agents of one host follow each other on one state folder; each is killed after a random time,
in the middle of enrolment, heartbeats, deltas, key renewals and events. Nothing that was
acknowledged may be lost, and nothing may be there twice. ``UNDERPIN_KILLS=500`` is the campaign.
"""

import contextlib
import gzip
import importlib.util
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.support.postgres import PostgresServer
from tests.support.redis import RedisServer
from tests.support.session import ROOT
from tests.support.workbench import Workbench, production_environment

KILLS = int(os.environ.get("UNDERPIN_KILLS", "25"))
# A host may change its facts 240 times an hour: every so many kills another host begins. In the
# middle of each one's time the server asks for a new key.
KILLS_A_HOST = 50
# An agent lives for some rounds, so that there is something to lose on a slow machine too, and then
# for a moment that ends anywhere.
MAX_ROUNDS, MAX_MOMENT_SECONDS, ROUND_SECONDS = 2, 0.6, 30
LAST_ROUNDS = 12
SEED = 20_261_124

ASK_FOR_A_NEW_KEY = """
from django.utils import timezone
from agents.live.store import live_store
from agents.models import Agent
now = timezone.now()
newest = Agent.objects.order_by("host__enrolled_at").last()
Agent.objects.filter(pk=newest.pk).update(rotate_asked_at=now)
live_store().patch([newest.pk], now=now, rotate_at=int(now.timestamp()))
"""


class Nursery:
    """The process that starts agents."""

    def __init__(self, bench: Workbench, program: Path, token: str, *, number: int) -> None:
        folder = bench.folder / f"host-{number}"
        (folder / "host/etc").mkdir(parents=True)
        (folder / "host/etc/machine-id").write_text(f"{number + 1:032x}\n")
        self.state, self.journal = folder / "agent", folder / "journal"
        script = ROOT / "tests/concurrency/agent_nursery.py"
        command = [sys.executable, "-I", str(script), str(program), bench.url]
        command += [str(self.state), str(folder / "host"), str(self.journal)]
        self.log = (folder / "agents.log").open("wb")
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.log,
            text=True,
            env={**os.environ, "UNDERPIN_ENROL_TOKEN": token},
        )

    def live_and_die(self, *, rounds: int, seconds: float) -> None:
        """One agent for so many answered rounds and so long, then ``kill -9``."""
        wanted, deadline = self.rounds() + rounds, time.monotonic() + ROUND_SECONDS
        pid = int(self._ask())
        while self.rounds() < wanted and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(seconds)
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        assert int(self._ask()) == -signal.SIGKILL, "the agent ended by itself"

    def _ask(self) -> str:
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write("go\n")
        self.process.stdin.flush()
        return self.process.stdout.readline()

    def rounds(self) -> int:
        """How many rounds stand in the journal."""
        return self.journal.read_bytes().count(b"\n") if self.journal.exists() else 0

    def acknowledged(self) -> list[dict]:
        """The journal; the last line of a killed agent may be cut."""
        found = []
        for line in self.journal.read_text().splitlines():
            with contextlib.suppress(ValueError):
                found.append(json.loads(line))
        return found

    def stop(self) -> None:
        """End it."""
        assert self.process.stdin
        self.process.stdin.close()
        self.process.wait(10)
        assert self.process.stdout
        self.process.stdout.close()
        self.log.close()


@pytest.fixture
def bench(
    postgres_server: PostgresServer, redis_server: RedisServer, tmp_path: Path
) -> Iterator[Workbench]:
    database = postgres_server.create_database("agent_killed")
    environment = production_environment(database=database, redis=redis_server.url)
    found = Workbench(tmp_path, environment)
    try:
        yield found
    finally:
        found.stop()


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """The built program."""
    spec = importlib.util.spec_from_file_location("build", ROOT / "agents/host-agent/build.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    path = tmp_path / "underpin-agent.pyz"
    assert module.main(["--output", str(path)]) == 0
    return path


def rows(bench: Workbench, statement: str, *values: object) -> list[tuple]:
    with psycopg.connect(bench.environment["UNDERPIN_DATABASE"]) as connection:
        return connection.execute(statement, values or None).fetchall()


@pytest.mark.postgres
@pytest.mark.redis
@pytest.mark.slow
@pytest.mark.timeout(1_800)
def test_a_killed_agent_loses_and_doubles_nothing(bench: Workbench, program: Path) -> None:
    choose = random.Random(SEED)
    bench.manage("migrate", "--verbosity", "0")
    hosts = -(-KILLS // KILLS_A_HOST)
    words = ["make_enrolment_token", "--days", "1", "--max-uses", str(hosts)]
    token = bench.manage(*words).strip()
    bench.start_server()
    left = KILLS
    for number in range(hosts):
        nursery = Nursery(bench, program, token, number=number)
        try:
            survive(bench, nursery, choose, kills=min(left, KILLS_A_HOST))
        finally:
            nursery.stop()
        left -= KILLS_A_HOST
        told = nursery.acknowledged()
        host = check_identity(bench, nursery, told)
        check_facts(bench, told, host, kills=min(left + KILLS_A_HOST, KILLS_A_HOST))
        check_events(bench, told, host)
    assert rows(bench, "SELECT count(*) FROM agents_host") == [(hosts,)]
    assert rows(bench, "SELECT uses FROM agents_enrolmenttoken") == [(hosts,)]


def survive(bench: Workbench, nursery: Nursery, choose: random.Random, *, kills: int) -> None:
    """Kill the agents of one host, and let the last one finish what is due."""
    for number in range(kills):
        if number == kills // 2:
            bench.manage("shell", "-c", ASK_FOR_A_NEW_KEY)
        seconds = choose.uniform(0.0, MAX_MOMENT_SECONDS)
        nursery.live_and_die(rounds=choose.randint(0, MAX_ROUNDS), seconds=seconds)
    nursery.live_and_die(rounds=LAST_ROUNDS, seconds=0)


def check_identity(bench: Workbench, nursery: Nursery, told: list[dict]) -> str:
    """One host, active, with a new key that it keeps on disk. Gives its id."""
    (host,) = {row["host"] for row in told} - {None}
    assert rows(bench, "SELECT state FROM agents_host WHERE id = %s", host) == [("active",)]
    found = rows(bench, "SELECT verb FROM core_auditentry WHERE target = %s", str(host))
    verbs = sorted(verb for (verb,) in found)
    assert verbs == ["agent.key_rotated", "host.enrolled"], "forked, flagged, or enrolled twice"
    left = {path.name for path in nursery.state.iterdir()}
    assert not left & {"next.json", "enrolling.json"}
    return str(host)


def check_facts(bench: Workbench, told: list[dict], host: str, *, kills: int) -> None:
    """Every acknowledged index is in the history, each once, and never an older one after it."""
    history = rows(
        bench,
        "SELECT body FROM agents_hostsection s JOIN agents_blob b ON b.id = s.blob_id"
        " WHERE s.section = 'kernel' AND s.host_id = %s ORDER BY s.valid_from, s.id",
        host,
    )
    serials = [serial_of(bytes(body)) for (body,) in history]
    assert serials == sorted(set(serials)), "facts came back, or came twice"
    acknowledged = {row["serial"] for row in told} - {None}
    assert len(acknowledged) > kills / 2, "too little was delivered to prove anything"
    assert acknowledged <= set(serials), "an acknowledged index is lost"


def serial_of(body: bytes) -> int:
    """The number in one stored section."""
    raw = gzip.decompress(body) if body[:2] == b"\x1f\x8b" else body
    return int(json.loads(raw)["facts"]["release"].rpartition(".")[2])


def check_events(bench: Workbench, told: list[dict], host: str) -> None:
    """Of each spool: no hole that nobody declared, nothing twice, nothing acknowledged missing."""
    missing = "SELECT count(*) FROM agents_eventgap WHERE reason = 'missing' AND host_id = %s"
    assert rows(bench, missing, host) == [(0,)]
    found = rows(
        bench,
        "SELECT s.epoch, s.mark, count(e.seq)"
        " FROM agents_eventspool s JOIN agents_event e ON e.spool_id = s.id"
        " WHERE s.host_id = %s GROUP BY s.id, s.epoch, s.mark",
        host,
    )
    marks = {epoch: mark for epoch, mark, _count in found}
    for epoch, mark, count in found:
        assert count == mark, f"spool {epoch} has holes"
    doubled = rows(
        bench,
        "SELECT event_id, kind, array_agg(seq ORDER BY seq), min(details::text) FROM agents_event"
        " WHERE host_id = %s GROUP BY event_id, kind HAVING count(*) > 1",
        host,
    )
    assert doubled == [], "events are there twice"
    assert marks
    for row in told:
        assert row["acked"] <= marks.get(row["epoch"], 0), "an acknowledged event is lost"
