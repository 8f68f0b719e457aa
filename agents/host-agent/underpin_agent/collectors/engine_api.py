"""Asking an engine over its unix socket: plain GET, one second to answer, two to finish."""

import contextlib
import http.client
import json
import os
import socket
import threading

from ..reading import Absent, Denied, ReadFailed, named_failure

_TIMEOUT_SECONDS = 1.0
_DEADLINE_SECONDS = 2.0
_MAX_BYTES = 8_388_608
_NO_API = "no runtime API"


class TimedOut(ReadFailed):
    """The engine accepted no connection or sent no answer in time."""


class _UnixConnection(http.client.HTTPConnection):
    """HTTP over one unix socket, given as an open O_PATH descriptor."""

    def __init__(self, descriptor):
        super().__init__("localhost", timeout=_TIMEOUT_SECONDS)
        self._descriptor = descriptor
        self._held = None
        self.is_aborted = False

    def connect(self):
        """Through /proc/self/fd: no second look-up of the path, and no limit of 108 bytes."""
        self.sock = self._held = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect("/proc/self/fd/%d" % self._descriptor)

    def abort(self):
        """End the exchange from another thread: a timeout alone allows one byte per second."""
        self.is_aborted = True
        # Not connected yet (None), or already over.
        with contextlib.suppress(AttributeError, OSError):
            self._held.shutdown(socket.SHUT_RDWR)


def get_json(host, socket_path, url):
    """The JSON answer to ``GET url``. Raises ReadFailed: Absent, Denied or TimedOut among them."""
    descriptor = host.handle(socket_path)
    connection = _UnixConnection(descriptor)
    deadline = threading.Timer(_DEADLINE_SECONDS, connection.abort)
    deadline.daemon = True
    deadline.start()
    try:
        status, text = _exchanged(connection, url)
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise _failure(socket_path, error, connection.is_aborted) from None
    finally:
        deadline.cancel()
        connection.close()
        os.close(descriptor)
    if connection.is_aborted:
        raise TimedOut(socket_path, "ETIMEDOUT")
    return _parsed(socket_path, status, text)


def _exchanged(connection, url):
    connection.request("GET", url)
    reply = connection.getresponse()
    return reply.status, reply.read(_MAX_BYTES)


def _failure(socket_path, error, is_aborted):
    """The named failure for what went wrong in the exchange."""
    if is_aborted or isinstance(error, socket.timeout):
        return TimedOut(socket_path, "ETIMEDOUT")
    if isinstance(error, ConnectionRefusedError):
        return Absent(socket_path, "ECONNREFUSED")
    if isinstance(error, OSError):
        return named_failure(socket_path, error)
    return ReadFailed(socket_path, "EPROTO")


def _parsed(socket_path, status, text):
    if status in (401, 403):
        raise Denied(socket_path, "HTTP %d" % status)
    if status != 200:
        raise ReadFailed(socket_path, "HTTP %d" % status)
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise ReadFailed(socket_path, "EBADMSG") from None


def state_of(failure):
    """The word of ``runtimes[].api`` for a failure; None for one the table has no word for."""
    if isinstance(failure, TimedOut):
        return "timeout"
    if isinstance(failure, Denied):
        return "denied"
    return "absent" if isinstance(failure, Absent) else None


def ask(row, host, engine, url):
    """The answer of the engine's API, or None; ``row`` then knows the state of the API."""
    if not engine.sockets:
        row.store("api", "absent")
        return None
    try:
        answer = get_json(host, engine.sockets[0], url)
    except ReadFailed as failure:
        state = state_of(failure)
        if state is not None:
            row.store("api", state)
        else:
            row.failed("api", failure)
        return None
    row.store("api", "ok")
    return answer if isinstance(answer, dict) else None


def without_api(row, names):
    """Record that only the API could have told ``names``."""
    for name in names:
        row.missing(name, _NO_API, needs="read access to the runtime socket")
