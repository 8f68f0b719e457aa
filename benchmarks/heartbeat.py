"""What an unchanged heartbeat costs the server: SQL statements, Redis calls, CPU.

Through the real HTTP server, Redis call included; beside it, in turn, a Django view that does
nothing, behind the same server. 512 hosts take turns, so that no cache of one host helps.
"""

import itertools
import os
import statistics
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.serving.client import Connections, post
from benchmarks.serving.hosts import MadeHost, beat_body, made_hosts, put_all
from benchmarks.serving.rows import line
from benchmarks.serving.server import Server, serving
from tests.support import process
from tests.support import redis as redis_service

HOSTS, CONNECTIONS, ROUNDS = 512, 32, 25
# The protocol's target 8, and the ratio from the choice of the server.
BUDGET_MICROSECONDS, BUDGET_RATIO = 150, 2.0


def main() -> None:
    """Print one JSON line per number."""
    folder = Path(tempfile.mkdtemp(prefix="up-"))
    with redis_service.running(folder / "redis", port=process.free_port()) as redis:
        os.environ["UNDERPIN_REDIS"] = redis.url
        os.environ["UNDERPIN_DATABASE"] = f"sqlite://{folder}/none.sqlite3"
        os.environ["DJANGO_SETTINGS_MODULE"] = "workbench.settings.test"
        import django

        django.setup()
        hosts = made_hosts(HOSTS)
        put_all(hosts)
        count_calls(hosts, redis)
        bare = {**os.environ, "DJANGO_SETTINGS_MODULE": "benchmarks.serving.bare_settings"}
        with (
            serving("workbench.wsgi:application", folder=folder, environment=os.environ) as ours,
            serving("benchmarks.serving.bare:application", folder=folder, environment=bare) as base,
        ):
            measure(ours, base, hosts)


def count_calls(hosts: list[MadeHost], redis: redis_service.RedisServer) -> None:
    """SQL and Redis calls of ten heartbeats, in this process; what scripts call is not counted."""
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    from workbench.wsgi import application

    seen: list[str] = []
    application(environ(hosts[10]), lambda *_: None)  # loads the script and connects
    with (
        redis.client() as client,
        client.monitor() as monitor,
        CaptureQueriesContext(connection) as queries,
    ):
        client.echo("begin")
        for host in hosts[:10]:
            application(environ(host), lambda status, _headers: seen.append(status))
        client.echo("end")
        heard = (monitor.next_command() for _ in itertools.count())
        after = itertools.dropwhile(lambda call: call["command"] != "ECHO begin", heard)
        calls = list(itertools.takewhile(lambda call: call["command"] != "ECHO end", after))[1:]
    assert seen == ["204 No Content"] * 10, seen
    line("heartbeat SQL statements", len(queries), "", 0)
    line("heartbeat Redis calls", sum(c["client_type"] != "lua" for c in calls) / 10, "", 1)


def environ(host: MadeHost) -> dict[str, object]:
    """A heartbeat as WSGI."""
    from io import BytesIO

    body = beat_body(1)
    return {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": "/i/v1/hb",
        "CONTENT_TYPE": "application/json",
        "CONTENT_LENGTH": str(len(body)),
        "HTTP_AUTHORIZATION": host.token,
        "wsgi.input": BytesIO(body),
    }


def measure(ours: Server, base: Server, hosts: list[MadeHost]) -> None:
    """Both in turn, so that the machine's other work meets both."""
    beats = [post("/i/v1/hb", beat_body(2), token=host.token) for host in hosts]
    bares = [post("/bare", b"")] * HOSTS
    pairs: list[tuple[float, float]] = []
    with Connections(ours.port, CONNECTIONS) as one, Connections(base.port, CONNECTIONS) as two:
        pairs += [(cost(ours, one, beats), cost(base, two, bares)) for _ in range(ROUNDS)]
    del pairs[:5]  # both servers and their threads are warm now
    median, bare = (statistics.median(column) for column in zip(*pairs, strict=True))
    line("heartbeat CPU, whole server, median of 20", median, "µs", None)
    line("bare Django view CPU, whole server, median of 20", bare, "µs", None)
    least = min(one for one, _ in pairs)
    line("heartbeat CPU, whole server, least disturbed of 20", least, "µs", BUDGET_MICROSECONDS)
    ratio = statistics.median(one / two for one, two in pairs)
    line("heartbeat / bare Django view, same server", ratio, "times", BUDGET_RATIO)


def cost(server: Server, connections: Connections, requests: list[bytes]) -> float:
    """The server's CPU per request in microseconds."""
    before = server.cpu_seconds()
    statuses = connections.ask_all(requests)
    assert set(statuses) == {"204"}, statuses
    return (server.cpu_seconds() - before) / len(requests) * 1e6


if __name__ == "__main__":
    main()
