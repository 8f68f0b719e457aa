"""Granian as the product runs it, in a process of its own, with the CPU that it used."""

import os
import signal
import socket
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support import process

ROOT = Path(__file__).resolve().parent.parent.parent


@dataclass(frozen=True, slots=True)
class Server:
    """A running server."""

    port: int
    pid: int

    def cpu_seconds(self) -> float:
        """CPU time of its processes and threads so far (proc(5): schedstat, in ns)."""
        return sum(_thread_seconds(pid) for pid in _family(self.pid))


@contextmanager
def serving(
    application: str,
    *,
    folder: Path,
    environment: Mapping[str, str],
    threads: int = 4,
    options: Sequence[str] = (),
) -> Iterator[Server]:
    """``application`` (``module:name``) behind granian with one worker."""
    port = process.free_port()
    command = [sys.executable, "-m", "granian", "--interface", "wsgi", "--host", "127.0.0.1"]
    command += ["--port", str(port), "--workers", "1", "--blocking-threads", str(threads)]
    command += ["--no-ws", "--log-level", "warning", *options, application]
    chosen = {**environment, "PYTHONPATH": f"{ROOT}:{ROOT}/agents/host-agent"}
    log = folder / f"{application.replace(':', '.')}.log"
    service = process.start(application, command, log=log, environment=chosen)
    try:
        process.wait_until_ready(service, lambda: _listens(port), seconds=30)
        yield Server(port, service.process.pid)
    finally:
        service.stop(ask=signal.SIGTERM, grace_seconds=5)


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def _family(root: int) -> list[int]:
    """A process and its descendants."""
    parents: dict[int, int] = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                stat = Path(f"/proc/{entry}/stat").read_text(encoding="ascii", errors="replace")
            except OSError:
                continue
            parents[int(entry)] = int(stat.rpartition(")")[2].split()[1])
    found = [root]
    for pid in found:
        found += [child for child, parent in parents.items() if parent == pid]
    return found


def _thread_seconds(pid: int) -> float:
    total = 0
    for thread in Path(f"/proc/{pid}/task").iterdir():
        try:
            total += int((thread / "schedstat").read_text(encoding="ascii").split()[0])
        except OSError:
            continue  # it ended meanwhile
    return total / 1e9
