"""A PostgreSQL server that a test may stop, kill and freeze, on its own data and port."""

import os
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from tests.support import postgres, process, tools


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
        family = self._family()
        os.kill(family[0].pid, signal.SIGKILL)
        if self.service is not None:
            self.service.process.wait(10)
            self.service = None
        psutil.wait_procs(family, timeout=10)

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Stop every process of it in its tracks for the length of the block."""
        family = self._family()
        for one in family:
            one.suspend()
        try:
            yield
        finally:
            for one in reversed(family):
                one.resume()

    def _family(self) -> list[psutil.Process]:
        if self.service is None:
            message = "the server does not run"
            raise process.ServiceError(message)
        parent = psutil.Process(self.service.process.pid)
        return [parent, *parent.children(recursive=True)]


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
