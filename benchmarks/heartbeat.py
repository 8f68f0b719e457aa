"""What an unchanged heartbeat costs the server: SQL statements, Redis calls, CPU.

The CPU of the whole view, called in this process, against that of an empty Django view in the same
run. The budgets: 0 SQL, 1 Redis call, and at most 2 times the bare view beside that
call, whose cost (two system calls and the client library) is a row of its own.
"""

import json
import os
import statistics
import sys
import tempfile
import time
import uuid
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tests.support import process
from tests.support import redis as redis_service

ROUNDS, BEATS = 9, 2_000
# The design says 2 including the share of the HTTP server, which is not measured here.
BUDGET_RATIO = 2.0


def main() -> None:
    """Print one JSON line per number."""
    folder = Path(tempfile.mkdtemp(prefix="up-"))
    with redis_service.running(folder / "redis", port=process.free_port()) as server:
        os.environ["UNDERPIN_REDIS"] = server.url
        os.environ["UNDERPIN_DATABASE"] = f"sqlite://{folder}/none.sqlite3"
        os.environ["DJANGO_SETTINGS_MODULE"] = "workbench.settings.test"
        import django

        django.setup()
        measure()


def measure() -> None:
    """Both calls in turn, so that the machine's drift meets both."""
    import redis
    from django.conf import settings
    from django.core.handlers.wsgi import WSGIHandler
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    from agents.live.store import live_store

    handler = WSGIHandler()
    client = redis.Redis.from_url(settings.REDIS_URL)
    beat, bare = heartbeat_call(handler), bare_call(handler)
    with CaptureQueriesContext(connection) as queries:
        before = calls(client)
        for _ in range(10):
            beat()
        redis_calls = (calls(client) - before - 1) / 10
    line("heartbeat SQL statements", len(queries), "", 0)
    line("heartbeat Redis calls", redis_calls, "", 1)
    with_redis, _ = compared(beat, bare)
    settings.LIVE_BACKEND = "agents.live.memory.MemoryLive"
    live_store.cache_clear()
    cost, ratio = compared(heartbeat_call(handler), bare)
    line("heartbeat CPU", with_redis * 1e6, "µs", None)
    line("heartbeat CPU beside the Redis call", cost * 1e6, "µs", None)
    line("heartbeat beside the Redis call / bare view", ratio, "times", BUDGET_RATIO)


def compared(beat: Callable[[], None], bare: Callable[[], None]) -> tuple[float, float]:
    """Median CPU seconds of ``beat``, and the median of its ratios to ``bare``."""
    pairs = [(cpu(beat), cpu(bare)) for _ in range(ROUNDS)]
    ratios = [cost / base for cost, base in pairs]
    return statistics.median(cost for cost, _ in pairs), statistics.median(ratios)


def calls(client: object) -> int:
    """How many commands the Redis server has processed, scripts counted once."""
    stats = client.info("commandstats")  # type: ignore[attr-defined]
    return sum(
        row["calls"] for name, row in stats.items() if name in {"cmdstat_evalsha", "cmdstat_eval"}
    )


def heartbeat_call(handler: object) -> Callable[[], None]:
    """One heartbeat of a host that the live store knows."""
    import base64
    import hashlib

    from django.utils import timezone

    from agents.live.base import Known
    from agents.live.store import live_store
    from agents.services.agent_tokens import tag_for

    secret, host = os.urandom(32), uuid.uuid4()
    secret_hash = hashlib.sha256(secret).hexdigest()
    live_store().put(host, Known(secret_hash, "active", "a" * 64), now=timezone.now())
    text = base64.urlsafe_b64encode(secret).rstrip(b"=").decode()
    header = f"Bearer k1.{host}.{text}.{tag_for(host, secret_hash)}"
    body = json.dumps({"v": 1, "b": "3f2c9a01", "n": 18231, "d": "a" * 32, "q": 0}).encode()
    return caller(handler, "/i/v1/hb", body, header, expected="204")


def bare_call(handler: object) -> Callable[[], None]:
    """A request that meets the same first middlewares and a view that does nothing."""
    from django.http import HttpResponse
    from django.urls import clear_url_caches, path

    from agents.api import ingest_urls

    bare = path("i/v1/bare", lambda request: HttpResponse(status=204))
    vars(ingest_urls)["urlpatterns"] = [*ingest_urls.urlpatterns, bare]
    clear_url_caches()
    return caller(handler, "/i/v1/bare", b"", "", expected="204")


def caller(
    handler: object, path: str, body: bytes, header: str, *, expected: str
) -> Callable[[], None]:
    """A function that sends one request through the WSGI handler."""
    from io import BytesIO

    seen: list[str] = []
    environment = {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": path,
        "SCRIPT_NAME": "",
        "QUERY_STRING": "",
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "CONTENT_TYPE": "application/json",
        "CONTENT_LENGTH": str(len(body)),
        "HTTP_AUTHORIZATION": header,
        "wsgi.url_scheme": "http",
        "wsgi.errors": sys.stderr,
    }

    def start(status: str, headers: object, _error: object = None) -> None:
        seen.append(status)

    def call() -> None:
        seen.clear()
        response = handler({**environment, "wsgi.input": BytesIO(body)}, start)  # type: ignore[operator]
        response.close()
        assert seen[0].startswith(expected), seen

    return call


def cpu(call: Callable[[], None]) -> float:
    """CPU seconds of one call, over many."""
    begun = time.process_time()
    for _ in range(BEATS):
        call()
    return (time.process_time() - begun) / BEATS


def line(name: str, value: float, unit: str, budget: float | None) -> None:
    """One number."""
    ok = budget is None or value <= budget
    print(json.dumps({"name": name, "value": value, "unit": unit, "budget": budget, "ok": ok}))


if __name__ == "__main__":
    main()
