"""The product itself as child processes: granian and Celery on PostgreSQL, or embedded."""

import contextlib
import http.client
import json
import os
import secrets
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.support import process
from tests.support.wire_agent import Answer

ROOT = Path(__file__).resolve().parent.parent.parent
TIMEOUT_SECONDS = 10


@dataclass
class Workbench:
    """A production-like server on its own database. Start and kill its parts at will."""

    folder: Path
    environment: Mapping[str, str]
    port: int = field(default_factory=process.free_port)
    parts: dict[str, process.Service] = field(default_factory=dict)
    threads: int = 4
    header_seconds: int = 30

    @property
    def url(self) -> str:
        """Address for browsers and agents."""
        return f"http://127.0.0.1:{self.port}"

    def manage(self, *words: str) -> str:
        """Run one management command and return what it printed."""
        done = subprocess.run(
            [sys.executable, "manage.py", *words],
            cwd=ROOT,
            env=dict(self.environment),
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        if done.returncode != 0:
            message = f"manage.py {words[0]} failed:\n{done.stdout}{done.stderr}"
            raise process.ServiceError(message)
        return done.stdout

    def start_server(self) -> None:
        """Start granian and wait until the health page answers."""
        command = [sys.executable, "-m", "granian", "--interface", "wsgi", "--port", str(self.port)]
        command += ["--host", "127.0.0.1", "--workers", "1"]
        command += ["--blocking-threads", str(self.threads)]
        command += ["--http1-header-read-timeout", str(1_000 * self.header_seconds)]
        command += ["--log-level", "warning", "workbench.wsgi:application"]
        service = self._start("server", command)
        process.wait_until_ready(service, self.is_healthy, seconds=30)

    def start_worker(self) -> None:
        """Start a Celery worker with the scheduler inside."""
        command = [sys.executable, "-m", "celery", "-A", "workbench.celery", "worker", "-B"]
        command += [
            "--pool",
            "solo",
            "--loglevel",
            "WARNING",
            "--without-gossip",
            "--without-mingle",
        ]
        command += ["--schedule", str(self.folder / "beat")]
        self._start("worker", command)

    def kill(self, name: str) -> None:
        """``kill -9`` of the part and of every process it started."""
        service = self.parts.pop(name)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(service.process.pid, signal.SIGKILL)
        service.process.wait(10)

    def stop(self) -> None:
        """End what still runs."""
        for name in list(self.parts):
            self.kill(name)

    def is_healthy(self) -> bool:
        """Whether the health page answers 200."""
        try:
            return self.get("/health/").status == 200
        except OSError:
            return False

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> Answer:
        """One GET."""
        return self._ask("GET", path, b"", headers or {})

    def post(self, path: str, raw: bytes, headers: Mapping[str, str]) -> Answer:
        """One POST of JSON: the wire of a ``WireAgent``. Raises OSError when the server is away."""
        return self._ask("POST", path, raw, {"Content-Type": "application/json", **headers})

    def _ask(self, method: str, path: str, raw: bytes, headers: Mapping[str, str]) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=TIMEOUT_SECONDS)
        try:
            connection.request(method, path, raw or None, dict(headers))
            response = connection.getresponse()
            body = response.read()
        except http.client.HTTPException as error:
            raise ConnectionError(str(error)) from error
        finally:
            connection.close()
        try:
            return Answer(response.status, json.loads(body) if body else None)
        except ValueError:
            return Answer(response.status, body)

    def _start(self, name: str, command: list[str]) -> process.Service:
        log = self.folder / f"{name}-{secrets.token_hex(3)}.log"
        service = process.start(name, command, log=log, environment=self.environment)
        self.parts[name] = service
        return service


def production_environment(*, database: str, redis: str) -> dict[str, str]:
    """The variables of a production server without TLS in front.

    Leases are short, so that tests need not wait long for the work of a killed worker.
    """
    return {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "workbench.settings.production",
        "PYTHONPATH": str(ROOT),
        "UNDERPIN_SECRET_KEY": secrets.token_urlsafe(48),
        "UNDERPIN_DATABASE": database,
        "UNDERPIN_REDIS": redis,
        "UNDERPIN_ALLOWED_HOSTS": "127.0.0.1",
        "UNDERPIN_PUBLIC_URL": "http://127.0.0.1",
        "UNDERPIN_TLS_REDIRECT": "no",
        "UNDERPIN_WORK_LEASE_SECONDS": "10",
        "UNDERPIN_AGENT_REQUESTS_PER_SECOND": "1000",
    }


def embedded_environment(folder: Path) -> dict[str, str]:
    """The variables of an embedded server with its data in ``folder``."""
    return {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "workbench.settings.embedded",
        "PYTHONPATH": str(ROOT),
        "UNDERPIN_DATA_DIR": str(folder),
        "UNDERPIN_WORK_LEASE_SECONDS": "10",
        "UNDERPIN_AGENT_REQUESTS_PER_SECOND": "1000",
    }
