"""Starting a service as a child process and ending it again, whatever happens in between."""

import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.support import tools

LOG_TAIL_BYTES = 4_000
POLL_SECONDS = 0.05


class ServiceError(Exception):
    """A throw-away service did not start; the text ends with the last lines of its log."""


@dataclass(frozen=True, slots=True)
class Service:
    """A running child process with its log."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path

    def stop(self, *, ask: signal.Signals, grace_seconds: float) -> None:
        """End the process: ask first, kill after ``grace_seconds``."""
        if self.process.poll() is None:
            self.process.send_signal(ask)
        try:
            self.process.wait(grace_seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(grace_seconds)

    def tail(self) -> str:
        """The end of the log, for error texts."""
        raw = self.log.read_bytes() if self.log.exists() else b""
        return raw[-LOG_TAIL_BYTES:].decode(errors="replace")


def free_port() -> int:
    """A TCP port of the loopback interface that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def start(
    name: str,
    command: Sequence[str | Path],
    *,
    log: Path,
    run_as: Sequence[str] = (),
    environment: Mapping[str, str] | None = None,
) -> Service:
    """Start ``command`` so that the kernel ends it when the test session dies.

    ``setpriv`` execs the command: the process id stays that of the service. The parent-death
    signal covers a test session that is killed outright; the fixtures cover every other end.
    """
    prefix: list[str | Path] = [tools.SETPRIV.require(), "--pdeathsig", "TERM", *run_as, "--"]
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*prefix, *command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=environment,
            start_new_session=True,
        )
    return Service(name, process, log)


def wait_until_ready(service: Service, ready: Callable[[], bool], *, seconds: float) -> None:
    """Return when ``ready()`` is true.

    Raises:
        ServiceError: when the process ends first or ``seconds`` pass; it is stopped then.
    """
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if service.process.poll() is not None:
            message = f"{service.name} ended with {service.process.returncode}:\n{service.tail()}"
            raise ServiceError(message)
        if ready():
            return
        time.sleep(POLL_SECONDS)
    service.stop(ask=signal.SIGTERM, grace_seconds=5)
    message = f"{service.name} did not answer within {seconds:g} s:\n{service.tail()}"
    raise ServiceError(message)
