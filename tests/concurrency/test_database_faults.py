"""What happens to PostgreSQL does not happen to heartbeats, nor to what was acknowledged (row 15).

The real server as a child process, on a PostgreSQL of its own that is stopped, killed, frozen, set
read-only, filled up and kept from taking connections. Heartbeats stay 204 in bounded time, facts
are answered 503, and all is well again by itself when the database is.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.support import fragile
from tests.support.fragile import FragilePostgres
from tests.support.redis import RedisServer
from tests.support.session import Session
from tests.support.wire_agent import WireAgent, index_message
from tests.support.workbench import Workbench, production_environment

FREEZE_SECONDS = 6.0
RECOVERY_SECONDS = 30.0
SLOWEST_BEAT_SECONDS = 4.0
pytestmark = [pytest.mark.slow, pytest.mark.timeout(300), pytest.mark.redis]


@dataclass
class Scene:
    """One server with one host that has facts, and the heartbeats that go on all the time."""

    bench: Workbench
    postgres: FragilePostgres
    agent: WireAgent
    root: str = ""
    acked: int = 0
    beats: list[tuple[int, float]] = field(default_factory=list)

    def index(self) -> int:
        """Post new facts; the status, and the number is noted when it is acknowledged."""
        number = self.acked + 1
        sections = {"kernel": {"facts": {"release": str(number)}, "unknowns": []}}
        answer = self.agent.index(sections, number=number)
        if answer.status == 200 and answer.body == {"gen": number, "need": []}:
            self.acked, self.root = number, index_message(sections, {}, number=1)[0]["root"]
        return answer.status

    @contextmanager
    def beating(self) -> Iterator[None]:
        """A heartbeat every 100 ms beside everything else; each is noted."""
        stop = threading.Event()
        self.beats.clear()
        assert self.agent.heartbeat(root=self.root).status == 204

        def beat() -> None:
            while not stop.wait(0.1):
                began = time.monotonic()
                status = self.agent.heartbeat(root=self.root).status
                self.beats.append((status, time.monotonic() - began))

        thread = threading.Thread(target=beat)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()

    def stored(self) -> int:
        """The number of the facts in the database."""
        with psycopg.connect(self.postgres.server.url("faults")) as connection:
            row = connection.execute("SELECT facts_number FROM agents_host").fetchone()
            assert row is not None
            return int(row[0])

    def run(self, *statements: str) -> None:
        """Run statements as the owner of the database."""
        with psycopg.connect(self.postgres.server.url("faults"), autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement)  # type: ignore[call-overload]


@pytest.fixture(scope="module")
def scene(running_redis: RedisServer, test_session: Session) -> Iterator[Scene]:
    """One server for all faults: its tables take longer to make than the faults themselves."""
    folder = test_session.folder / "faults"
    folder.mkdir()
    with fragile.running(test_session.folder / "fragile") as postgres:
        yield from staged(postgres, running_redis, folder)


def staged(postgres: FragilePostgres, redis: RedisServer, folder: Path) -> Iterator[Scene]:
    database = postgres.server.create_database("faults")
    environment = production_environment(database=database, redis=redis.url)
    bench = Workbench(folder, {**environment, "UNDERPIN_AGENT_REQUESTS_PER_SECOND": "1000"})
    try:
        bench.manage("migrate", "--verbosity", "0")
        token = bench.manage("make_enrolment_token", "--days", "1").strip()
        bench.start_server()
        agent = WireAgent(bench.post)
        assert agent.enrol(token).status == 201
        scene = Scene(bench, postgres, agent)
        assert scene.index() == 200
        assert agent.heartbeat(root=scene.root).status == 204
        yield scene
    finally:
        bench.stop()


def refused(scene: Scene, seconds: float) -> set[int]:
    """The statuses of facts that are posted again and again for so long."""
    end, found = time.monotonic() + seconds, set()
    while time.monotonic() < end:
        found.add(scene.index())
        time.sleep(0.05)
    return found


def recovered(scene: Scene) -> None:
    """Facts are taken again by themselves, and nothing that was acknowledged is lost."""
    end = time.monotonic() + RECOVERY_SECONDS
    while scene.index() != 200:
        assert time.monotonic() < end, "facts are not taken again"
        time.sleep(0.2)
    assert scene.stored() == scene.acked


def beats_went_on(scene: Scene) -> None:
    assert len(scene.beats) > 3
    # 200 asks for facts: those of a request that is under way at the same time.
    assert {status for status, _ in scene.beats} <= {200, 204}
    assert scene.beats[-1][0] == 204
    assert max(seconds for _, seconds in scene.beats) < SLOWEST_BEAT_SECONDS


def test_a_restart(scene: Scene) -> None:
    with scene.beating():
        scene.postgres.stop()
        statuses = refused(scene, 2)
        scene.postgres.start()
    beats_went_on(scene)
    assert statuses == {503}
    recovered(scene)


def test_kill_9_under_load(scene: Scene) -> None:
    with scene.beating():
        before = refused(scene, 1)
        scene.postgres.kill()
        statuses = refused(scene, 2)
        scene.postgres.start()
    beats_went_on(scene)
    assert (before, statuses) == ({200}, {503})
    recovered(scene)


def test_a_freeze_holds_no_thread_for_long(scene: Scene) -> None:
    """Three loaders against four threads: the last thread would be gone without the watch."""
    found: list[set[int]] = []
    loaders = [
        threading.Thread(target=lambda: found.append(refused(scene, FREEZE_SECONDS - 1)))
        for _ in range(3)
    ]
    with scene.beating(), scene.postgres.frozen():
        for loader in loaders:
            loader.start()
        for loader in loaders:
            loader.join()
    beats_went_on(scene)
    assert set().union(*found) == {503}
    recovered(scene)


def inject(state: str) -> Callable[[Scene], None]:
    """Let every new body fail as the database itself would, with this SQLSTATE."""

    def fault(scene: Scene) -> None:
        scene.run(
            "CREATE OR REPLACE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS"
            f" $$ BEGIN RAISE EXCEPTION 'injected' USING ERRCODE = '{state}'; END $$",
            "CREATE TRIGGER fail BEFORE INSERT ON agents_blob EXECUTE FUNCTION fail()",
        )

    return fault


def heal(scene: Scene) -> None:
    scene.run("DROP TRIGGER fail ON agents_blob")


def make_read_only(scene: Scene) -> None:
    scene.run("ALTER DATABASE faults SET default_transaction_read_only = on", CUT_OTHERS)


def make_writable(scene: Scene) -> None:
    scene.run(
        "SET default_transaction_read_only = off",
        "ALTER DATABASE faults RESET default_transaction_read_only",
        CUT_OTHERS,
    )


def refuse_connections(scene: Scene) -> None:
    with psycopg.connect(scene.postgres.server.url("postgres"), autocommit=True) as connection:
        connection.execute("ALTER DATABASE faults ALLOW_CONNECTIONS false")
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'faults'"
        )


def allow_connections(scene: Scene) -> None:
    with psycopg.connect(scene.postgres.server.url("postgres"), autocommit=True) as connection:
        connection.execute("ALTER DATABASE faults ALLOW_CONNECTIONS true")


CUT_OTHERS = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
    " WHERE datname = 'faults' AND pid <> pg_backend_pid()"
)
FAULTS: dict[str, tuple[Callable[[Scene], Any], Callable[[Scene], Any]]] = {
    "read-only": (make_read_only, make_writable),
    "no more connections": (refuse_connections, allow_connections),
    "a deadlock": (inject("40P01"), heal),
    "the disk is full": (inject("53100"), heal),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_of_a_database_that_answers(scene: Scene, name: str) -> None:
    fault, repair = FAULTS[name]
    fault(scene)
    with scene.beating():
        statuses = refused(scene, 1)
    repair(scene)
    beats_went_on(scene)
    assert statuses == {503}
    recovered(scene)
