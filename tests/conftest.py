"""Fixtures for every test: real PostgreSQL, Redis, docker engine and Chromium, started on demand.

``pytest --database sqlite`` runs the Django tests on SQLite instead of PostgreSQL. Nothing is ever
skipped because a service is missing: the error names the package to install.
"""

import os
import sys
from collections.abc import Iterator

import django
import pytest
from django.core.cache import cache
from django.db import connections
from playwright.sync_api import Browser

from agents.live.store import live_store
from tests.support import chromium, docker, network, postgres, redis
from tests.support.session import Database, Session, prepare

SESSION = prepare(sys.argv[1:])

if SESSION.needs_django:
    django.setup()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add ``--database``."""
    parser.addoption(
        "--database",
        choices=[str(word) for word in Database],
        default=str(Database.POSTGRESQL),
        help="what the Django tests run on (default: a throw-away PostgreSQL)",
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """On SQLite, leave out what is about PostgreSQL or Redis; pytest counts it as deselected."""
    if SESSION.database is not Database.SQLITE:
        return
    left_out = [
        item
        for item in items
        if item.get_closest_marker("postgres") or item.get_closest_marker("redis")
    ]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in left_out]


@pytest.fixture(scope="session")
def test_session() -> Session:
    """Addresses and folder of this session."""
    return SESSION


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[postgres.PostgresServer]:
    """A running throw-away PostgreSQL, also the one behind the Django tests."""
    chosen = SESSION.postgres
    with postgres.running(
        SESSION.folder / "pg", port=chosen.port, password=chosen.password
    ) as server:
        yield server


@pytest.fixture(scope="session")
def running_redis() -> Iterator[redis.RedisServer]:
    """The Redis of the session; tests use ``redis_server``, which is empty."""
    with redis.running(SESSION.folder / "redis", port=SESSION.redis.port) as server:
        yield server


@pytest.fixture
def redis_server(running_redis: redis.RedisServer) -> redis.RedisServer:
    """A running throw-away Redis, emptied before the test."""
    running_redis.flush()
    return running_redis


@pytest.fixture(scope="session")
def docker_engine() -> Iterator[docker.DockerEngine]:
    """A running throw-away docker engine without containers."""
    with docker.running(SESSION.folder / "dk") as engine:
        yield engine


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """A real Chromium.

    Playwright keeps an event loop in this thread, which Django takes for asynchronous code; the
    tests use the database from this thread only, so the warning light is switched off meanwhile.
    """
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    try:
        with chromium.running() as started:
            yield started
    finally:
        del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


@pytest.fixture(scope="session")
def django_db_modify_db_settings(request: pytest.FixtureRequest) -> None:
    """Start what the Django tests need, just before their database is made."""
    if SESSION.database is Database.POSTGRESQL:
        request.getfixturevalue("postgres_server")
        request.getfixturevalue("running_redis")
        return
    # A file, not memory: threads and child processes must see one database with real locks.
    connections["default"].settings_dict["TEST"]["NAME"] = str(SESSION.folder / "test.sqlite3")


@pytest.fixture(autouse=True)
def services_of_markers(request: pytest.FixtureRequest) -> None:
    """A marker brings its service; a Django test begins with empty caches and live store."""
    for marker, fixture in (("postgres", "postgres_server"), ("redis", "redis_server")):
        if request.node.get_closest_marker(marker):
            request.getfixturevalue(fixture)
    if request.node.get_closest_marker("docker"):
        request.getfixturevalue("docker_engine")
    if request.node.get_closest_marker("django_db"):
        cache.clear()  # allauth counts attempts there
        if SESSION.database is Database.POSTGRESQL:
            request.getfixturevalue("redis_server")
        else:
            live_store.cache_clear()


@pytest.fixture(autouse=True, scope="session")
def stay_on_this_machine() -> Iterator[None]:
    """Connections from a test reach the loopback interface only."""
    with network.only_loopback():
        yield
