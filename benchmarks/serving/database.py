"""A throw-away PostgreSQL and Redis with the product's tables, for benchmarks in this process."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support import postgres, process, redis


@contextmanager
def migrated(folder: Path) -> Iterator[tuple[postgres.PostgresServer, redis.RedisServer]]:
    """Both servers; Django is set up on them when the block begins."""
    folder.mkdir(parents=True, exist_ok=True)
    with (
        postgres.running(folder / "pg", port=process.free_port()) as database,
        redis.running(folder / "redis", port=process.free_port()) as store,
    ):
        os.environ["DJANGO_SETTINGS_MODULE"] = "workbench.settings.test"
        os.environ["UNDERPIN_DATABASE"] = database.create_database("bench")
        os.environ["UNDERPIN_REDIS"] = store.url
        import django
        from django.core.management import call_command

        django.setup()
        call_command("migrate", verbosity=0)
        yield database, store
        from django.db import connections

        connections.close_all()
