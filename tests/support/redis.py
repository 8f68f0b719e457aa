"""A throw-away Redis server on the loopback interface; nothing is written to disk."""

import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import redis

from tests.support import process, tools


@dataclass(frozen=True, slots=True)
class RedisServer:
    """Address of a running server."""

    port: int

    @property
    def url(self) -> str:
        """Its address, as ``UNDERPIN_REDIS`` takes it."""
        return f"redis://127.0.0.1:{self.port}/0"

    def client(self) -> redis.Redis:
        """A new client; the caller closes it."""
        return redis.Redis(host="127.0.0.1", port=self.port, db=0, socket_timeout=5)

    def flush(self) -> None:
        """Forget everything."""
        with self.client() as client:
            client.flushall()

    def answers(self) -> bool:
        """Whether it takes commands yet."""
        try:
            with self.client() as client:
                return bool(client.ping())
        except redis.ConnectionError:
            return False


@contextmanager
def running(folder: Path, *, port: int) -> Iterator[RedisServer]:
    """A server in ``folder``, which is made here and removed afterwards.

    Raises:
        tools.MissingProgramError: when Redis is not installed.
        process.ServiceError: when it does not come up.
    """
    server = RedisServer(port=port)
    folder.mkdir(mode=0o700)
    command: list[str | Path] = [tools.REDIS.require(), "--bind", "127.0.0.1"]
    command += ["--port", str(port), "--dir", folder, "--save", "", "--appendonly", "no"]
    command += ["--maxmemory-policy", "noeviction", "--maxmemory", "256mb"]
    service = process.start("redis-server", command, log=folder / "log")
    try:
        process.wait_until_ready(service, server.answers, seconds=10)
        yield server
    finally:
        service.stop(ask=signal.SIGTERM, grace_seconds=5)
        shutil.rmtree(folder, ignore_errors=True)
