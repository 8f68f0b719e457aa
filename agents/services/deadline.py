"""An end to waiting for a database that took a statement and says nothing more.

A stopped PostgreSQL keeps its connections open, so no timeout of its own or of the kernel ends the
wait, and every thread of the server would hang in turn. Cutting the connection makes the wait an
``OperationalError``; the agent is told to come again.
"""

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper


@contextmanager
def database_within(seconds: float) -> Iterator[None]:
    """Cut this thread's connection to PostgreSQL when the block lasts longer than ``seconds``."""
    wrapper = connections["default"]
    if wrapper.vendor != "postgresql":
        yield
        return
    timer = threading.Timer(seconds, _cut, [wrapper])
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _cut(wrapper: BaseDatabaseWrapper) -> None:
    connection = wrapper.connection
    if connection is None or connection.closed:
        return
    with suppress(OSError), socket.socket(fileno=os.dup(connection.pgconn.socket)) as end:
        end.shutdown(socket.SHUT_RDWR)
