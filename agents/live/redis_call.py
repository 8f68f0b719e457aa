"""One Redis script, called with as little between us and the socket as the client library allows.

A call through ``redis.Redis`` costs three times the CPU (pool, retry, telemetry): too much for
every heartbeat. Connections, sign-in and TLS are still the library's.
"""

import hashlib
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Final

import redis
from redis.backoff import NoBackoff
from redis.exceptions import NoScriptError
from redis.retry import Retry

TIMEOUT_SECONDS: Final = 2


class RedisScript:
    """A script that the server keeps under its SHA-1 (EVALSHA)."""

    def __init__(self, text: str, *, url: str) -> None:
        self._text = text
        self._sha = hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()
        self._pool = redis.ConnectionPool.from_url(
            url,
            decode_responses=True,
            socket_timeout=TIMEOUT_SECONDS,
            socket_connect_timeout=TIMEOUT_SECONDS,
            retry=Retry(NoBackoff(), 0),  # a heartbeat has the database to fall back on
        )
        # Last in, first out, and safe between threads: append and pop are one step each.
        self._free: list[Any] = []

    def __call__(self, keys: Sequence[str], args: Sequence[str | int]) -> str:
        """The script's answer.

        Raises:
            redis.RedisError: when the server is away or refuses.
        """
        words = (len(keys), *keys, *args)
        try:
            return self._ask("EVALSHA", self._sha, *words)
        except NoScriptError:
            return self._ask("EVAL", self._text, *words)

    def _ask(self, *command: str | int) -> str:
        kept = self._take()
        if kept is not None:
            # One that the server closed meanwhile is no reason to give up.
            with suppress(redis.ConnectionError):
                return self._exchange(kept, command)
        return self._exchange(self._pool.make_connection(), command)

    def _take(self) -> Any:
        try:
            return self._free.pop()
        except IndexError:
            return None

    def _exchange(self, connection: Any, command: Sequence[str | int]) -> str:
        try:
            connection.send_command(*command)
            answer: str = connection.read_response()
        except redis.ResponseError:
            self._free.append(connection)
            raise
        except BaseException:
            connection.disconnect()
            raise
        self._free.append(connection)
        return answer
