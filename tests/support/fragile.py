"""A PostgreSQL server that a test may stop, kill and freeze, on its own data and port."""

import os
import shutil
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from tests.support import postgres, process, tools

EXIT_SECONDS = 10.0


@dataclass
class FragilePostgres:
    """The server; ``start`` brings it up again after any fault."""

    folder: Path
    server: postgres.PostgresServer
    account: list[str]
    service: process.Service | None = field(default=None)

    def start(self) -> None:
        """Start it and wait until it takes connections."""
        command: list[str | Path] = [tools.POSTGRES.require(), "-D", self.folder / "data"]
        command += ["-k", self.folder, "-h", "127.0.0.1", "-p", str(self.server.port)]
        for name, value in postgres.SERVER_OPTIONS.items():
            command += ["-c", f"{name}={value}"]
        log = self.folder / "log"
        self.service = process.start("postgres", command, log=log, run_as=self.account)
        process.wait_until_ready(self.service, self.server.answers, seconds=30)

    def stop(self) -> None:
        """Shut it down in order, ending its clients."""
        if self.service is not None:
            self.service.stop(ask=signal.SIGINT, grace_seconds=15)
            self.service = None

    def kill(self) -> None:
        """``kill -9`` of the server; returns when its children have noticed."""
        parent = self._pid()
        children = children_of(parent)
        os.kill(parent, signal.SIGKILL)
        if self.service is not None:
            self.service.process.wait(10)
            self.service = None
        end = time.monotonic() + EXIT_SECONDS
        while any(Path(f"/proc/{child}").exists() for child in children):
            if time.monotonic() > end:
                message = "children of the killed server live on"
                raise process.ServiceError(message)
            time.sleep(process.POLL_SECONDS)

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Stop every process of it in its tracks for the length of the block."""
        parent = self._pid()
        os.kill(parent, signal.SIGSTOP)  # first, so that it makes no more children
        children = children_of(parent)
        try:
            for child in children:
                os.kill(child, signal.SIGSTOP)
            yield
        finally:
            for one in (*children, parent):
                os.kill(one, signal.SIGCONT)

    def _pid(self) -> int:
        if self.service is None:
            message = "the server does not run"
            raise process.ServiceError(message)
        return self.service.process.pid


def children_of(parent: int) -> list[int]:
    """The processes that have ``parent`` (proc_pid_stat(5): the second field after the name)."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            if int(path.read_text().rpartition(")")[2].split()[1]) == parent:
                found.append(int(path.parent.name))
    return found


@contextmanager
def running(folder: Path) -> Iterator[FragilePostgres]:
    """A server with its data below ``folder``, which is made here and removed afterwards."""
    server = postgres.PostgresServer(process.free_port(), "fragile")
    account = postgres.server_account()
    folder.mkdir(mode=0o700)
    if account is not None:
        folder.parent.chmod(0o711)
        os.chown(folder, account.pw_uid, account.pw_gid)
    fragile = FragilePostgres(folder, server, postgres.run_as(account))
    try:
        postgres.make_cluster(folder, server=server, account=fragile.account)
        fragile.start()
        yield fragile
    finally:
        fragile.stop()
        shutil.rmtree(folder, ignore_errors=True)
