"""What a host takes in Redis: 20,000 hosts that have reported once."""

import os
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.serving.hosts import ROOT_DIGEST, made_hosts, put_all
from benchmarks.serving.rows import line
from tests.support import process
from tests.support import redis as redis_service

HOSTS = 20_000
BUDGET_BYTES = 256  # target 10; Fleet takes 2,240 to 4,510


def main() -> None:
    """Print one JSON line."""
    folder = Path(tempfile.mkdtemp(prefix="up-"))
    with redis_service.running(folder / "redis", port=process.free_port()) as redis:
        os.environ["UNDERPIN_REDIS"] = redis.url
        os.environ["UNDERPIN_DATABASE"] = f"sqlite://{folder}/none.sqlite3"
        os.environ["DJANGO_SETTINGS_MODULE"] = "workbench.settings.test"
        import django

        django.setup()
        from agents.live.base import Beat, Verdict
        from agents.live.store import live_store

        now = datetime.now(tz=UTC)
        hosts = made_hosts(HOSTS + 1)
        store = live_store()
        first = hosts.pop()
        put_all([first])  # loads the scripts and connects
        store.beat(Beat(first.host_id, first.secret_hash, "0", 1, ROOT_DIGEST), now=now)
        with redis.client() as client:
            before = client.info("memory")["used_memory"]
            put_all(hosts)
            for host in hosts:
                beat = Beat(host.host_id, host.secret_hash, "3f2c9a01", 18_231, ROOT_DIGEST)
                assert store.beat(beat, now=now).verdict is Verdict.FINE
            grown = client.info("memory")["used_memory"] - before
            line("Redis a host, dirty set included", grown / HOSTS, "bytes", None)
            store.take_seen(limit=HOSTS + 1)
            grown = client.info("memory")["used_memory"] - before
        line("Redis a host", grown / HOSTS, "bytes", BUDGET_BYTES)


if __name__ == "__main__":
    main()
