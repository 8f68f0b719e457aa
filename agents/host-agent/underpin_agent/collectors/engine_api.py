"""Asking an engine over its unix socket: plain GET, one second to answer, two to finish."""

import json
import os
import socket
import time

from ..reading import Absent, Denied, ReadFailed, named_failure
from ..wire import BadAnswer, Connection, Dead, request_bytes

_TIMEOUT_SECONDS = 1.0
_DEADLINE_SECONDS = 2.0
_MAX_BYTES = 8_388_608
_NO_API = "no runtime API"


class TimedOut(ReadFailed):
    """The engine accepted no connection or sent no answer in time."""


def get_json(host, socket_path, url):
    """The JSON answer to ``GET url``. Raises ReadFailed: Absent, Denied or TimedOut among them."""
    end = time.monotonic() + _DEADLINE_SECONDS
    descriptor = host.handle(socket_path)
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as raw:
            raw.settimeout(_TIMEOUT_SECONDS)
            # Through /proc/self/fd: no second look-up of the path, and no limit of 108 bytes.
            raw.connect("/proc/self/fd/%d" % descriptor)
            request = request_bytes("GET", url, {"Host": "localhost"})
            connection = Connection(raw, most=_MAX_BYTES, silence=_TIMEOUT_SECONDS)
            answer = connection.exchange(request, end=end)
    except (OSError, BadAnswer, Dead, ValueError) as error:
        raise _failure(socket_path, error) from None
    finally:
        os.close(descriptor)
    return _parsed(socket_path, answer.status, answer.body)


def _failure(socket_path, error):
    """The named failure for what went wrong in the exchange."""
    if isinstance(error, socket.timeout):
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
