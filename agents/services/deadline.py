"""Waiting for the database has an end, and one that is away costs one thread, not all of them.

A stopped PostgreSQL keeps its connections open, so no timeout of its own or of the kernel ends the
wait, and every thread of the server would hang in turn, those for heartbeats too. So each use is
watched: when it takes long, a new connection tries whether the database still answers, and the
waiting one is cut. Then the rest is told to come again, until one request gets through.
"""

import os
import secrets
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Final

import psycopg
from django.db import DatabaseError, connections
from django.db.backends.base.base import BaseDatabaseWrapper

from workbench.core.errors import Unavailable

LOOK_SECONDS: Final = 1.0
CONNECT_SECONDS: Final = 2
PAUSE_SECONDS: Final = 2.0


class DatabaseAway(Unavailable):
    """The database did not answer a moment ago."""

    def __init__(self) -> None:
        wait = 5 + secrets.randbelow(56)
        super().__init__("the database is away, come again later", retry_after_seconds=wait)


@dataclass
class Gate:
    """What this process knows of its database; ``is_trying`` while one request tries it again."""

    away_until: float = 0.0
    has_failed: bool = False
    is_trying: bool = False
    lock: threading.Lock = field(default_factory=threading.Lock)

    def enter(self) -> bool:
        """True for the one request that tries a database that failed.

        Raises:
            DatabaseAway: for a while after a failure, and while another request tries.
        """
        with self.lock:
            if not self.has_failed:
                return False
            if self.is_trying or time.monotonic() < self.away_until:
                raise DatabaseAway
            self.is_trying = True
            return True

    def leave(self, *, tried: bool, failed: bool) -> None:
        """Note what came of a request that was let in."""
        with self.lock:
            if tried:
                self.is_trying = False
            if failed:
                self.has_failed = True
                self.away_until = time.monotonic() + PAUSE_SECONDS
            elif tried:
                self.has_failed = False


gate = Gate()


@contextmanager
def database_within(seconds: float) -> Iterator[None]:
    """Use the database for at most ``seconds``; without an answer of its own much shorter.

    Raises:
        DatabaseAway: before the block, while the database is away.
        OperationalError: in the block, when its connection was cut.
    """
    wrapper = connections["default"]
    if wrapper.vendor != "postgresql":
        yield
        return
    tried, failed, done = gate.enter(), False, threading.Event()
    watch = threading.Thread(target=_watch, args=(wrapper, done, seconds), daemon=True)
    watch.start()
    try:
        yield
    except DatabaseError:
        failed = wrapper.connection is None or bool(wrapper.connection.closed)
        raise
    finally:
        done.set()
        gate.leave(tried=tried, failed=failed)


def _watch(wrapper: BaseDatabaseWrapper, done: threading.Event, seconds: float) -> None:
    if done.wait(LOOK_SECONDS):
        return
    if _answers(wrapper) and done.wait(seconds - LOOK_SECONDS):
        return
    _cut(wrapper)


def _answers(wrapper: BaseDatabaseWrapper) -> bool:
    try:
        parameters = {**wrapper.get_connection_params(), "connect_timeout": CONNECT_SECONDS}
        psycopg.connect(**parameters).close()
    except psycopg.Error:
        return False
    return True


def _cut(wrapper: BaseDatabaseWrapper) -> None:
    connection = wrapper.connection
    if connection is None or connection.closed:
        return
    with suppress(OSError), socket.socket(fileno=os.dup(connection.pgconn.socket)) as end:
        end.shutdown(socket.SHUT_RDWR)
