"""A flood of bad tokens: what it costs behind the door, and what good hosts feel of it."""

import os
import secrets
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from psycopg import sql

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.serving.client import Connections, post
from benchmarks.serving.database import migrated
from benchmarks.serving.hosts import MadeHost, beat_body, made_hosts, put_all
from benchmarks.serving.rows import line
from benchmarks.serving.server import serving
from tests.support.postgres import PostgresServer
from tests.support.redis import RedisServer

# The protocol says 60 s; ten show the same and do not hold the machine for a minute.
SECONDS, RATE, BEATS = 10, 5_000, 1_000
CONNECTIONS = 16


def main() -> None:
    """Print one JSON line per number."""
    folder = Path(tempfile.mkdtemp(prefix="up-"))
    with migrated(folder) as (database, store):
        from django.db import connections

        hosts = made_hosts(200)
        put_all(hosts)
        # Neither what the migrations did, reported late, nor its cleaners are the flood's.
        connections.close_all()
        database.execute(sql.SQL("ALTER SYSTEM SET autovacuum = off"))
        database.execute(sql.SQL("SELECT pg_reload_conf()"))
        with (
            serving("workbench.wsgi:application", folder=folder, environment=os.environ) as server,
            Connections(server.port, 1) as good,
        ):
            beats = beats_of(hosts)
            good.seconds_each(beats[:200])
            alone = good.seconds_each(beats)
            before, cpu = spent(database, store), server.cpu_seconds()
            sent = int(flooding(server.port).communicate(timeout=120)[0])
            cpu = server.cpu_seconds() - cpu
            after = spent(database, store)
            process = flooding(server.port)
            time.sleep(1.0)
            meanwhile = good.seconds_each(beats)
            process.communicate(timeout=120)
    line("bad tokens refused per second", sent / SECONDS, "1/s", None, at_least=RATE)
    line("CPU of the server for each", cpu / sent * 1e6, "µs", None)
    line("SQL transactions for them", after[0] - before[0], "", 0)
    line("Redis calls for them", after[1] - before[1], "", 0)
    line("good heartbeat p99, alone", 1e3 * p99(alone), "ms", None)
    line("good heartbeat p99, in the flood", 1e3 * p99(meanwhile), "ms", None)
    line("p99 in the flood / alone", p99(meanwhile) / p99(alone), "times", 2.0)


def flooding(port: int) -> "subprocess.Popen[str]":
    """This program again, as the flood, in a process of its own."""
    command = [sys.executable, __file__, str(port)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def beats_of(hosts: list[MadeHost]) -> list[bytes]:
    """Heartbeats of all hosts in turn."""
    requests = [post("/i/v1/hb", beat_body(2), token=host.token) for host in hosts]
    return requests * (BEATS // len(hosts))


def p99(seconds: list[float]) -> float:
    """The 99th percentile."""
    return statistics.quantiles(seconds, n=100)[98]


def spent(database: PostgresServer, store: RedisServer) -> tuple[int, int]:
    """Transactions of the product's database, and script calls from outside, so far."""
    import psycopg

    with psycopg.connect(database.url("postgres"), autocommit=True) as connection:
        connection.execute("SELECT pg_stat_clear_snapshot()")
        time.sleep(1.5)  # sessions report their statistics once a second
        row = connection.execute(
            "SELECT sum(xact_commit + xact_rollback) FROM pg_stat_database WHERE datname = 'bench'"
        ).fetchone()
    with store.client() as client:
        stats = client.info("commandstats")
    calls = sum(stats.get(f"cmdstat_{name}", {"calls": 0})["calls"] for name in NAMES)
    assert row is not None
    return int(row[0]), calls


NAMES = ("evalsha", "eval", "get", "set", "ping")


def flood(port: int) -> None:
    """Send bad tokens for ten seconds, as fast as the rate wants or the server takes them."""
    refused = [post("/i/v1/hb", beat_body(1), token=forged()) for _ in range(CONNECTIONS * 8)]
    sent, begun = 0, time.perf_counter()
    with Connections(port, CONNECTIONS) as connections:
        while (passed := time.perf_counter() - begun) < SECONDS:
            if sent > RATE * passed * 1.02:
                time.sleep(0.001)
                continue
            statuses = connections.ask_all(refused)
            assert set(statuses) == {"401"}, statuses
            sent += len(refused)
    print(sent)


def forged() -> str:
    """A token of the right form with a tag that is not ours."""
    host = "00000000-0000-4000-8000-" + secrets.token_hex(6)
    return f"Bearer k1.{host}.{secrets.token_urlsafe(32)}.{secrets.token_hex(16)}"


if __name__ == "__main__":
    if len(sys.argv) > 1:
        flood(int(sys.argv[1]))
    else:
        main()
