"""The whole way on real containers: weak ones are found exactly, fixed ones are closed by facts.

A real docker engine, the real agent program as its own process, and the real server on PostgreSQL,
Redis and Celery. Nothing is simulated.
"""

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.containers.expectations import (
    FAILING,
    HARDENED_OPTIONS,
    PAIR_FAILING,
    PAIR_WATCHED,
    WATCHED,
)
from tests.support.docker import DockerEngine
from tests.support.postgres import PostgresServer
from tests.support.redis import RedisServer
from tests.support.workbench import ROOT, Workbench, production_environment

WAIT_SECONDS = 60
PROGRAM = ROOT / "dist" / "underpin-agent.pyz"
PREFIX = "e2e-"

OPEN = """
SELECT f.target_kind, f.target_name, f.check_id, f.status FROM assessments_finding f
WHERE f.closed_at IS NULL
"""
JUDGED = "SELECT max(facts_number) FROM assessments_judgement"


@pytest.fixture
def workbench(
    postgres_server: PostgresServer, redis_server: RedisServer, tmp_path: Path
) -> Iterator[Workbench]:
    database = postgres_server.create_database("containers")
    bench = Workbench(tmp_path, production_environment(database=database, redis=redis_server.url))
    bench.manage("migrate", "--verbosity", "0")
    bench.start_server()
    bench.start_worker()
    try:
        yield bench
    finally:
        bench.stop()


def start_weak(engine: DockerEngine) -> None:
    """One container per weakness, named for it."""
    options = {
        "plain": (),
        "host-pid": ("--pid=host",),
        "host-network": ("--network=host",),
        "host-ipc": ("--ipc=host",),
        "engine-socket": (f"--volume={engine.socket}:/var/run/docker.sock",),
        "admin": ("--cap-add=SYS_ADMIN", "--cap-add=NET_ADMIN"),
        "tracer": ("--cap-add=SYS_PTRACE",),
        "host-network-admin": ("--network=host", "--cap-add=NET_ADMIN"),
        "host-etc": ("--volume=/etc:/host-etc",),
        "unfiltered": ("--security-opt=seccomp=unconfined",),
        "first": ("--ipc=shareable",),
        "second": tuple(f"--{kind}=container:{PREFIX}first" for kind in ("pid", "ipc", "network")),
        "hardened": HARDENED_OPTIONS,
    }
    assert options.keys() == FAILING.keys()
    for name, chosen in options.items():
        engine.run(PREFIX + name, *chosen)


def report_facts(bench: Workbench, token: str, state: Path) -> None:
    """Run the agent once, as its own process, and wait until its facts were judged."""
    before = newest_judged(bench)
    command = [sys.executable, str(PROGRAM), "run", "--once", "--server", bench.url]
    command += ["--token", token, "--state", str(state)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    deadline = time.monotonic() + WAIT_SECONDS
    while newest_judged(bench) == before:
        assert time.monotonic() < deadline, "the facts were not judged"
        time.sleep(0.2)


def query(bench: Workbench, statement: str) -> list[tuple[str, ...]]:
    with psycopg.connect(bench.environment["UNDERPIN_DATABASE"]) as connection:
        return connection.execute(statement).fetchall()


def newest_judged(bench: Workbench) -> int:
    return int(query(bench, JUDGED)[0][0] or 0)


def open_checks(bench: Workbench, kind: str, watched: frozenset[str]) -> dict[str, set[str]]:
    """The watched checks that fail, by target; an unknown one fails the test."""
    found: dict[str, set[str]] = {}
    for target_kind, name, check, status in query(bench, OPEN):
        folded = kind == "pair" and target_kind == "host" and check in watched
        assert not folded, f"{check} is unknown for several pairs"
        mine = all(part.startswith(PREFIX) for part in name.split(", "))
        if target_kind != kind or check not in watched or not mine:
            continue
        assert status == "fail", f"{check} on {name} is {status}"
        found.setdefault(name.replace(PREFIX, ""), set()).add(check)
    return found


@pytest.mark.docker
@pytest.mark.postgres
@pytest.mark.redis
@pytest.mark.slow
@pytest.mark.timeout(400)
def test_weak_containers_are_found_and_fixed_ones_are_closed(
    docker_engine: DockerEngine, workbench: Workbench, tmp_path: Path
) -> None:
    token = workbench.manage("make_enrolment_token", "--days", "1").strip()
    state = tmp_path / "agent"
    start_weak(docker_engine)
    try:
        report_facts(workbench, token, state)
        found = open_checks(workbench, "container", WATCHED)
        expected = {name: set(checks) for name, checks in FAILING.items() if checks}
        assert found == expected
        pairs = open_checks(workbench, "pair", PAIR_WATCHED)
        assert pairs == {name: set(checks) for name, checks in PAIR_FAILING.items()}

        fix(docker_engine)
        report_facts(workbench, token, state)
        assert open_checks(workbench, "container", WATCHED) == {}
        assert open_checks(workbench, "pair", PAIR_WATCHED) == {}
        closed = "SELECT count(*) FROM assessments_finding WHERE closed_at IS NOT NULL"
        assert int(query(workbench, closed)[0][0]) >= sum(map(len, FAILING.values()))
    finally:
        docker_engine.remove_all()


def fix(engine: DockerEngine) -> None:
    """Start every container again, right."""
    for name in FAILING:
        engine.remove(PREFIX + name)
        engine.run(PREFIX + name, *HARDENED_OPTIONS)
