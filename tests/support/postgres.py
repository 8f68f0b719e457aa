"""A throw-away PostgreSQL server on the loopback interface, ended and deleted with the session."""

import os
import pwd
import secrets
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import sql

from tests.support import process, tools

UNPRIVILEGED_USERS = ("postgres", "nobody")
# fsync stays on: what the tests say about durability must hold. The rest saves start-up time.
SERVER_OPTIONS = {
    "fsync": "on",
    "synchronous_commit": "on",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_connections": "80",
    "shared_buffers": "64MB",
    "checkpoint_timeout": "30min",
    "log_min_messages": "warning",
    "timezone": "UTC",
}


@dataclass(frozen=True, slots=True)
class PostgresServer:
    """Address of a running server; the user owns it (superuser)."""

    port: int
    password: str
    user: str = "underpin"

    def url(self, database: str = "underpin") -> str:
        """Address of one database, as ``UNDERPIN_DATABASE`` takes it."""
        return f"postgresql://{self.user}:{self.password}@127.0.0.1:{self.port}/{database}"

    def create_database(self, name: str) -> str:
        """Make an empty database, in place of one of the same name, and return its address."""
        self.drop_database(name)
        self.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        return self.url(name)

    def drop_database(self, name: str) -> None:
        """Drop the database if it is there, ending what is still connected to it."""
        self.execute(
            sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
        )

    def execute(self, statement: sql.SQL | sql.Composed) -> None:
        """Run one statement outside a transaction, in the maintenance database."""
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(statement)

    def answers(self) -> bool:
        """Whether it takes connections yet."""
        try:
            with psycopg.connect(self.url("postgres"), connect_timeout=2):
                return True
        except psycopg.OperationalError:
            return False


def server_account() -> pwd.struct_passwd | None:
    """Whom the server runs as: somebody unprivileged when the session is root, else None.

    Raises:
        process.ServiceError: when root finds no such account.
    """
    if os.geteuid() != 0:
        return None
    known = {entry.pw_name: entry for entry in pwd.getpwall()}
    for name in UNPRIVILEGED_USERS:
        if name in known:
            return known[name]
    message = "PostgreSQL refuses to run as root, and there is no account postgres or nobody"
    raise process.ServiceError(message)


def run_as(account: pwd.struct_passwd | None) -> list[str]:
    """The setpriv options that make a command run as ``account``."""
    if account is None:
        return []
    return ["--reuid", str(account.pw_uid), "--regid", str(account.pw_gid), "--clear-groups"]


def make_cluster(folder: Path, *, server: PostgresServer, account: list[str]) -> None:
    """Run initdb in ``folder`` with a password for the only user."""
    password_file = folder / "password"
    password_file.write_text(server.password)
    command: list[str | Path] = [tools.SETPRIV.require(), *account, "--", tools.INITDB.require()]
    command += ["--pgdata", folder / "data", "--username", server.user]
    command += ["--auth", "scram-sha-256", "--pwfile", password_file]
    command += ["--encoding", "UTF8", "--locale", "C.UTF-8", "--no-sync", "--no-instructions"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=folder, check=False)
    if done.returncode != 0:
        message = f"initdb failed:\n{done.stdout}{done.stderr}"
        raise process.ServiceError(message)


@contextmanager
def running(folder: Path, *, port: int, password: str | None = None) -> Iterator[PostgresServer]:
    """A server with its data below ``folder``, which is made here and removed afterwards.

    Raises:
        tools.MissingProgramError: when PostgreSQL is not installed.
        process.ServiceError: when it does not come up.
    """
    server = PostgresServer(port=port, password=password or secrets.token_hex(12))
    account = server_account()
    folder.mkdir(mode=0o700)
    if account is not None:
        folder.parent.chmod(0o711)
        os.chown(folder, account.pw_uid, account.pw_gid)
    try:
        with _serving(folder, server=server, account=run_as(account)):
            server.create_database("underpin")
            yield server
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _serving(folder: Path, *, server: PostgresServer, account: list[str]) -> Iterator[None]:
    make_cluster(folder, server=server, account=account)
    command: list[str | Path] = [tools.POSTGRES.require(), "-D", folder / "data"]
    command += ["-k", folder, "-h", "127.0.0.1", "-p", str(server.port)]
    for name, value in SERVER_OPTIONS.items():
        command += ["-c", f"{name}={value}"]
    service = process.start("postgres", command, log=folder / "log", run_as=account)
    try:
        process.wait_until_ready(service, server.answers, seconds=30)
        yield
    finally:
        # SIGINT is PostgreSQL's fast shutdown: it ends clients instead of waiting for them.
        service.stop(ask=signal.SIGINT, grace_seconds=15)
