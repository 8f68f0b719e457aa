"""The two things a newcomer runs: the embedded server on this machine, and one assessment."""

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from agents.models import Agent
from agents.services import local_agent
from tests.support import process
from tests.support.joined import enrolled_agent, make_estate
from tests.support.workbench import ROOT, embedded_environment
from workbench.core.models import Role

FIRST_FINDINGS_SECONDS = 60


@pytest.fixture
def running(tmp_path: Path) -> Iterator[tuple[int, subprocess.Popen[str], Path]]:
    """``manage.py run`` with its own data folder: port, process and log."""
    port, log = process.free_port(), tmp_path / "log"
    with log.open("w") as output:
        server = subprocess.Popen(
            [sys.executable, "manage.py", "run", "--port", str(port)],
            cwd=ROOT,
            env=embedded_environment(tmp_path / "data"),
            stdout=output,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
    try:
        yield port, server, log
    finally:
        if server.poll() is None:
            os.killpg(server.pid, signal.SIGKILL)
            server.wait()


class Browser:
    """As much of a browser as signing in needs: cookies and one form."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.cookies: dict[str, str] = {}

    def ask(self, method: str, path: str, body: str = "") -> tuple[int, str]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        headers = {"Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items())}
        if body:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        connection.request(method, path, body or None, headers)
        response = connection.getresponse()
        for cookie in response.headers.get_all("Set-Cookie") or []:
            name, _, value = cookie.split(";")[0].partition("=")
            self.cookies[name] = value
        text = response.read().decode()
        connection.close()
        return response.status, text


def wait_for(condition, *, seconds: float, what: str) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"{what} took longer than {seconds} s"
        time.sleep(0.25)


@pytest.mark.slow
@pytest.mark.timeout(150)
def test_the_embedded_server_shows_findings_of_this_machine_and_ends_on_sigterm(running) -> None:
    port, server, log = running
    link = re.compile(rf"http://127\.0\.0\.1:{port}(/login/once/\S+/)")
    wait_for(lambda: link.search(log.read_text()), seconds=30, what="printing the link")
    browser = Browser(port)

    def answers() -> bool:
        try:
            return browser.ask("GET", "/health/")[0] == 200
        except OSError:
            return False

    wait_for(answers, seconds=20, what="the first page")
    path = link.search(log.read_text())[1]
    status, page = browser.ask("GET", path)
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)[1]
    status, _ = browser.ask("POST", path, f"csrfmiddlewaretoken={token}")
    assert status == 302

    def has_findings() -> bool:
        status, page = browser.ask("GET", "/api/v1/findings/?min_level=1")
        return status == 200 and json.loads(page)["count"] > 0

    wait_for(has_findings, seconds=FIRST_FINDINGS_SECONDS, what="the first finding")
    hosts = json.loads(browser.ask("GET", "/api/v1/hosts/")[1])["results"]
    assert [host["kernel_release"] for host in hosts] == [os.uname().release]
    server.send_signal(signal.SIGTERM)
    assert server.wait(15) == 0, log.read_text()
    with pytest.raises(ConnectionRefusedError):
        browser.ask("GET", "/health/")


def test_the_agent_is_built_anew_only_when_its_source_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local_agent, "program_path", lambda: tmp_path / "agent.pyz")
    built = local_agent.program_build()
    first = built.stat().st_ino  # a build replaces the file
    assert local_agent.program_build().stat().st_ino == first
    newest = max(path.stat().st_mtime for path in local_agent.program_sources())
    os.utime(built, (newest - 1, newest - 1))
    assert local_agent.program_build().stat().st_ino != first


@pytest.mark.django_db
def test_the_local_agent_follows_the_server_to_another_port(tmp_path: Path) -> None:
    estate = make_estate()
    agent = enrolled_agent(estate)
    identity = tmp_path / "identity.json"
    old, new = "http://127.0.0.1:8000", "http://127.0.0.1:8123"
    identity.write_text(json.dumps({"host_id": agent.host_id, "server": old, "secret": "s"}))
    assert local_agent.is_enrolled(tmp_path, server=new)
    assert json.loads(identity.read_text())["server"] == new
    assert identity.stat().st_mode & 0o777 == 0o600
    Agent.objects.all().delete()
    assert not local_agent.is_enrolled(tmp_path, server=new)


@pytest.mark.django_db
def test_a_sign_in_link_is_for_members_only() -> None:
    estate = make_estate()
    output = StringIO()
    email = estate.members[Role.REVIEWER].user.email
    call_command("sign_in_link", email=email, stdout=output)
    path = output.getvalue().strip().removeprefix("http://testserver")
    assert Client().post(path).status_code == 302
    with pytest.raises(CommandError, match="no active member"):
        call_command("sign_in_link", email="nobody@example.org")


def test_a_taken_port_is_said_before_anything_starts(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = subprocess.run(
            [sys.executable, "manage.py", "run", "--port", str(port)],
            cwd=ROOT,
            env=embedded_environment(tmp_path),
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 1
    assert f"port {port} cannot be used" in done.stderr


def assess(*words: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "manage.py", "assess", *words],
        cwd=ROOT,
        env=embedded_environment(folder / "data"),
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )


def test_assess_prints_a_table_and_writes_report_and_results(tmp_path: Path) -> None:
    pdf, results = tmp_path / "out.pdf", tmp_path / "out.json"
    done = assess("--pdf", str(pdf), "--json", str(results), folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert re.search(r"^Risk +Check +Target", done.stdout, re.MULTILINE)
    assert pdf.read_bytes().startswith(b"%PDF-")
    found = json.loads(results.read_text())
    assert found.keys() == {"results", "posture", "facts_digest", "catalogue_digest"}
    statuses = {"pass", "fail", "unknown", "not_applicable"}
    for row in found["results"]:
        keys = {"check", "status", "target", "container", "container_id", "level", "evidence"}
        assert row.keys() == keys
        assert row["status"] in statuses
        assert row["target"] in {"host", "container", "pair", "runtime", "image"}
        assert (row["level"] is None) == (row["status"] != "fail")
    assert not list((tmp_path / "data").glob("*.sqlite3")), "no database is left behind"


@pytest.mark.parametrize("option", ["--pdf", "--json"])
def test_a_file_that_cannot_be_written_is_said_before_any_work(tmp_path: Path, option: str) -> None:
    done = assess(option, "/no/such/folder/out", folder=tmp_path)
    assert done.returncode == 1
    assert "there is no folder" in done.stderr
