"""The throw-away services really start, answer, and are gone afterwards."""

import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from playwright.sync_api import Browser

from tests.support import docker, network, postgres, process, redis


@pytest.fixture
def short_folder() -> Iterator[Path]:
    """A place not made yet, with a path short enough for sockets."""
    with tempfile.TemporaryDirectory(prefix="uph-") as parent:
        yield Path(parent) / "s"


def test_postgres_starts_with_its_own_data_and_leaves_nothing(short_folder: Path) -> None:
    with postgres.running(short_folder, port=process.free_port()) as server:
        url = server.create_database("mine")
        with psycopg.connect(url) as connection:
            row = connection.execute(
                "SELECT current_database(), current_setting('fsync')"
            ).fetchone()
    assert row == ("mine", "on")
    assert not server.answers()
    assert not short_folder.exists()


def test_redis_starts_empty_and_leaves_nothing(short_folder: Path) -> None:
    with redis.running(short_folder, port=process.free_port()) as server, server.client() as client:
        client.set("a", "1")
        server.flush()
        assert client.dbsize() == 0
    assert not server.answers()
    assert not short_folder.exists()


@pytest.mark.docker
@pytest.mark.slow
def test_the_docker_engine_runs_containers_and_leaves_nothing(short_folder: Path) -> None:
    with docker.running(short_folder) as engine:
        engine.run("one", "--cap-drop=ALL", "--user", "65534")
        assert engine.docker("exec", "one", "id", "-u") == "65534"
        pid = engine.main_pid("one")
        assert Path(f"/proc/{pid}").exists()
    assert not Path(f"/proc/{pid}").exists()
    assert docker.processes_of(short_folder) == []
    assert docker.mounts_below(short_folder) == []
    assert not short_folder.exists()


@pytest.mark.browser
def test_the_browser_renders_and_reaches_no_other_machine(browser: Browser) -> None:
    page = browser.new_page()
    page.set_content("<h1>Below</h1>")
    assert page.inner_text("h1") == "Below"
    with pytest.raises(Exception, match="ERR_NAME_NOT_RESOLVED"):
        page.goto("http://example.invalid/")
    page.close()


def test_a_test_that_leaves_the_machine_fails() -> None:
    with socket.socket() as leaving, pytest.raises(network.OutsideConnectionError):
        leaving.connect(("192.0.2.1", 80))


def test_a_service_that_does_not_start_says_why(short_folder: Path) -> None:
    short_folder.mkdir()
    command = ["sh", "-c", "echo no room; exit 3"]
    service = process.start("thing", command, log=short_folder / "log")
    with pytest.raises(process.ServiceError, match="thing ended with 3:\nno room"):
        process.wait_until_ready(service, lambda: False, seconds=10)
