"""Thousands of damaged bodies and index documents at the real server: never a 5xx, no growth.

1,000 of them in the ordinary run; ``UNDERPIN_FUZZ=10000 pytest <this file>`` for all.
"""

import http.client
import json
import logging
import os
import secrets
import statistics
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from agents.facts.canonical import digest, root_digest
from tests.support.fuzz import Damaged, Fuzzer, dump
from tests.support.postgres import PostgresServer
from tests.support.redis import RedisServer
from tests.support.wire_agent import WireAgent
from tests.support.workbench import Workbench, production_environment
from tests.unit.facts.sample_documents import load, parts_of, sections_of

logger = logging.getLogger(__name__)
CASES = int(os.environ.get("UNDERPIN_FUZZ", "1000"))
SEED = 20_261_123
WARM_SHARE = 0.25
MAX_GROWTH_BYTES = 10 * 1024 * 1024
MAX_MEDIAN_SECONDS = 0.05
MAX_BOMB_SECONDS = 1.0
HOST_CASES = 150
API_TOKEN = """
from django.utils import timezone
from workbench.core.access import tokens
from workbench.core.accounts.bootstrap import installation_open
now = timezone.now()
print(tokens.make(installation_open(now=now).membership, name="fuzz", now=now, days=1)[1])
"""
JUDGE = """
from django.utils import timezone
from workbench.core.models import WorkItem
from workbench.core.work import items
print(items.run_due(clock=timezone.now, limit=10))
print(list(WorkItem.objects.exclude(last_error="").values_list("kind", "last_error")))
"""

pytestmark = [pytest.mark.postgres, pytest.mark.redis, pytest.mark.timeout(1_800)]


@dataclass
class Wire:
    """One kept connection to the server; every answer is counted."""

    port: int
    statuses: Counter[str] = field(default_factory=Counter)
    seconds: dict[str, list[float]] = field(default_factory=dict)
    bomb_seconds: list[float] = field(default_factory=list)
    connection: http.client.HTTPConnection | None = None

    def send(self, path: str, body: Damaged, headers: dict[str, str]) -> int:
        """POST one body; the status, 0 when the server closed the connection instead."""
        begun = time.perf_counter()
        status = self._send(path, body, {**headers, **body.headers})
        took = time.perf_counter() - begun
        self.seconds.setdefault(path, []).append(took)
        if body.is_bomb:
            self.bomb_seconds.append(took)
        self.statuses[f"{path} {status}"] += 1
        return status

    def close(self) -> None:
        """End the connection."""
        if self.connection is not None:
            self.connection.close()

    def _send(self, path: str, body: Damaged, headers: dict[str, str]) -> int:
        for _ in range(2):  # a kept connection may have been closed after the answer before
            fresh = self.connection is None
            wire = self.connection or http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
            self.connection = wire
            try:
                encoded = {name: value.encode("latin-1") for name, value in headers.items()}
                wire.request("POST", path, body.raw, encoded)
                answer = wire.getresponse()
                answer.read()
            except (http.client.HTTPException, ConnectionError):
                wire.close()
                self.connection = None
                if fresh:
                    return 0
            else:
                return answer.status
        return 0


@pytest.fixture
def server(
    postgres_server: PostgresServer, redis_server: RedisServer, tmp_path: Path
) -> Iterator[Workbench]:
    database = postgres_server.create_database("fuzzed")
    bench = Workbench(tmp_path, production_environment(database=database, redis=redis_server.url))
    try:
        bench.manage("migrate", "--verbosity", "0")
        bench.start_server()
        yield bench
    finally:
        bench.stop()


def resident_bytes(root: int) -> int:
    """VmRSS of a process and its descendants (proc(5))."""
    total = 0
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and is_below(int(entry.name), root):
            status = (entry / "status").read_text(errors="replace")
            line = next((row for row in status.splitlines() if row.startswith("VmRSS")), "")
            total += int(line.split()[1]) * 1_024 if line else 0
    return total


def is_below(pid: int, root: int) -> bool:
    while pid > 1 and pid != root:
        try:
            stat = Path(f"/proc/{pid}/stat").read_text(errors="replace")
        except OSError:
            return False
        pid = int(stat.rpartition(")")[2].split()[1])
    return pid == root


def index_of(sections: dict[str, Any], pairs: dict[str, tuple[Any, Any]], number: int) -> Any:
    """An index whose digests are right, whatever its bodies say."""
    bodies: dict[str, str] = {}

    def keep(body: Any) -> str:
        text = dump(body)
        bodies[digest(text.encode())] = text
        return digest(text.encode())

    named = {name: keep(body) for name, body in sections.items()}
    listed = [[key, keep(one), keep(two)] for key, (one, two) in pairs.items()]
    root = root_digest(dict(named), {key: [one, two] for key, one, two in listed})
    message = {"v": 1, "gen": number, "prev": "", "root": root, "sections": named}
    return {**message, "containers": listed, "inline": bodies}


class Agents:
    """Hosts that joined; a new one takes over before a host's quota is used up."""

    def __init__(self, bench: Workbench) -> None:
        self._bench = bench
        self.token = bench.manage("make_enrolment_token", "--max-uses", "10000").strip()
        self._used = HOST_CASES
        self.agent = WireAgent(bench.post)

    def headers(self) -> dict[str, str]:
        """Of the agent whose turn it is."""
        self._used += 1
        if self._used > HOST_CASES:
            self._used = 0
            self.agent = WireAgent(self._bench.post, name=f"fuzzed-{secrets.token_hex(3)}")
            assert self.agent.enrol(self.token).status == 201
        return {
            "Authorization": self.agent.authorization(),
            "Content-Type": "application/json",
            "User-Agent": "underpin-agent/0.1.0 py/3.11",
        }


def valid_bodies(token: str, document: dict[str, Any]) -> dict[str, Callable[[int], Any]]:
    """Per address what a proper client sends; the number of the case makes it new."""
    sections, parts = sections_of(document), parts_of(document)
    pairs = {part.key: (part.identity, part.posture) for part in parts[:3]}
    small = {"kernel": sections["kernel"], "host": sections["host"]}
    event = {"seq": 1, "kind": "container.started", "class": "B", "stream": "runtime"}
    event |= {"mono_ms": 5, "at": "2026-11-23T12:00:00Z", "who": {"uid": 0}, "what": {"a": [1]}}
    text = json.dumps({"facts": {"a": 1}, "unknowns": []})
    return {
        "/i/v1/enrol": lambda n: {
            "v": 1,
            "token": token,
            "nonce": f"{n:016x}",
            "secret_hash": f"{n:064x}",
            "name": f"h{n}",
            "fp": {"machine_id": f"{n:x}"},
            "boot": "0" * 8,
            "labels": {"env": "prod"},
            "agent": "0.1.0",
        },
        "/i/v1/hb": lambda n: {"v": 1, "b": "00000000", "n": n, "d": "a" * 32, "q": 0},
        "/i/v1/index": lambda n: index_of(small, pairs, n + 1),
        "/i/v1/blobs": lambda _n: {"v": 1, "blobs": {digest(text.encode()): text}},
        "/i/v1/events": lambda n: {
            "v": 1,
            "epoch": f"{n:016x}",
            "from": 1,
            "boot": "0" * 8,
            "mono_ms": 10,
            "sent_ms": 10,
            "ev": [event, {**event, "seq": 2}],
            "drop": [{"from": 3, "to": 4, "why": "full", "n": 2}],
        },
        "/i/v1/rotate": lambda n: {"v": 1, "secret_hash": f"{n:064x}"},
        "/api/v1/reports/": lambda n: {"title": f"r{n}"},
    }


def test_damaged_bodies_are_refused_in_time_and_leave_nothing_behind(server: Workbench) -> None:
    fuzzer, agents = Fuzzer(SEED), Agents(server)
    api = {
        "Authorization": f"Bearer {server.manage('shell', '-v', '0', '-c', API_TOKEN).strip()}",
        "Content-Type": "application/json",
    }
    document = load("as-found")
    makers = valid_bodies(agents.token, document)
    wire, before = Wire(server.port), 0
    for case in range(CASES):
        if case == int(WARM_SHARE * CASES):
            before = resident_bytes(server.parts["server"].process.pid)
        if case % 5 == 0:  # an index whose digests are right and whose facts are not
            sections = fuzzer.facts(sections_of(document))
            sections = sections if isinstance(sections, dict) else {}
            body = Damaged(dump(index_of(sections, {}, case + 1)).encode())
            path = "/i/v1/index"
        else:
            path = fuzzer.random.choice(list(makers))
            body = fuzzer.body(makers[path](case))
        headers = api if path.startswith("/api/") else agents.headers()
        status = wire.send(path, body, headers)
        assert status < 500, f"case {case} at {path}: {status}: {body.raw[:300]!r} {body.headers}"
    grown = resident_bytes(server.parts["server"].process.pid) - before
    wire.close()
    report(wire, grown)
    assert grown <= MAX_GROWTH_BYTES
    for path, seconds in wire.seconds.items():
        assert statistics.median(seconds) < MAX_MEDIAN_SECONDS, path
    assert wire.bomb_seconds, "no bomb was thrown"
    assert max(wire.bomb_seconds) < MAX_BOMB_SECONDS
    assert_still_well(server, agents)


def report(wire: Wire, grown: int) -> None:
    """The figures, for ``pytest --log-cli-level INFO``."""
    logger.info("%s", dict(sorted(wire.statuses.items())))
    for path, seconds in wire.seconds.items():
        middle = statistics.median(seconds) * 1e3
        logger.info("%s: median %.1f ms, longest %.3f s", path, middle, max(seconds))
    bombs = wire.bomb_seconds
    logger.info("%d bombs, the longest %.0f ms", len(bombs), max(bombs, default=0) * 1e3)
    logger.info("resident memory grew by %.1f MB", grown / 1e6)


def assert_still_well(server: Workbench, agents: Agents) -> None:
    """A proper host is served, and judging what was taken meets no fault."""
    agents.headers()
    good = WireAgent(server.post, name="good")
    assert good.enrol(agents.token).status == 201
    assert good.heartbeat().status == 204
    served = "10"
    while served == "10":
        served, faults = server.manage("shell", "-v", "0", "-c", JUDGE).split("\n", 1)
        assert faults.strip() == "[]"
