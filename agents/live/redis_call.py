"""One Redis script, called with nothing between us and the socket but the protocol's own coder.

A call through ``redis.Redis`` costs four times the CPU (pool, retry, telemetry): too much for
every heartbeat. Scripts are all this can do; everything else goes through the library.
"""

import hashlib
import socket
import ssl
import struct
from collections.abc import Sequence
from typing import Any

import hiredis
import redis
from redis.connection import parse_url
from redis.exceptions import NoScriptError

REPLY_BYTES = 4_096
Word = str | int | bytes


class RedisScript:
    """A script that the server keeps under its SHA-1 (EVALSHA); an answer may take ``seconds``."""

    def __init__(self, text: str, *, url: str, seconds: float = 2.0) -> None:
        self._text = text
        self._sha = hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()
        self._url, self._seconds = url, seconds
        # Last in, first out, and safe between threads: append and pop are one step each.
        self._free: list[_Line] = []

    def __call__(self, keys: Sequence[str], args: Sequence[Word]) -> Any:
        """The script's answer.

        Raises:
            redis.RedisError: when the server is away or refuses.
        """
        words = (len(keys), *keys, *args)
        try:
            return self._ask("EVALSHA", self._sha, *words)
        except NoScriptError:
            return self._ask("EVAL", self._text, *words)

    def __del__(self) -> None:
        for line in self._free:
            line.close()

    def _ask(self, *words: Word) -> Any:
        try:
            line = self._free.pop()
        except IndexError:
            line = _Line(self._url, seconds=self._seconds)
        try:
            answer = line.ask(words)
        except _Closed:  # by the server while it was kept here, which is no reason to give up
            line = _Line(self._url, seconds=self._seconds)
            answer = line.ask(words)
        self._free.append(line)
        if isinstance(answer, hiredis.ReplyError):
            text = str(answer)
            raise NoScriptError(text) if text.startswith("NOSCRIPT") else redis.ResponseError(text)
        return answer


class _Closed(redis.ConnectionError):
    """The server has ended this connection."""


class _Line:
    """One connection, signed in. It is dropped on every error."""

    def __init__(self, url: str, *, seconds: float) -> None:
        self._reader = hiredis.Reader(encoding="utf-8")
        where: dict[str, Any] = parse_url(url)  # type: ignore[no-untyped-call]
        try:
            self._socket = _connect(where, seconds=seconds)
        except OSError as error:
            raise redis.ConnectionError(str(error)) from None
        for words in _greeting(where):
            if isinstance(answer := self.ask(words), hiredis.ReplyError):
                self.close()
                raise redis.AuthenticationError(str(answer))

    def ask(self, words: Sequence[Word]) -> Any:
        """The answer to one command; a refusal is returned, not raised."""
        try:
            self._socket.sendall(hiredis.pack_command(tuple(words)))  # type: ignore[arg-type]
            while (answer := self._reader.gets()) is False:
                self._reader.feed(self._receive())
        except (ConnectionResetError, BrokenPipeError):
            self._socket.close()
            message = "Redis closed the connection"
            raise _Closed(message) from None
        except (OSError, hiredis.ProtocolError) as error:
            self._socket.close()
            raise redis.TimeoutError(str(error)) from None
        return answer

    def close(self) -> None:
        """End the connection."""
        self._socket.close()

    def _receive(self) -> bytes:
        if got := self._socket.recv(REPLY_BYTES):
            return got
        raise ConnectionResetError


def _connect(where: dict[str, Any], *, seconds: float) -> socket.socket:
    if "path" in where:
        made = socket.socket(socket.AF_UNIX)
        made.settimeout(seconds)
        made.connect(where["path"])
    else:
        host, port = where.get("host", "localhost"), where.get("port", 6379)
        made = socket.create_connection((host, port), timeout=seconds)
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if issubclass(where.get("connection_class", redis.Connection), redis.SSLConnection):
            context = ssl.create_default_context(cafile=where.get("ssl_ca_certs"))
            made = context.wrap_socket(made, server_hostname=host)
    # The kernel keeps the time from here on: Python's own timeouts cost a poll() each.
    made.settimeout(None)
    for option in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):
        whole, rest = divmod(seconds, 1)
        made.setsockopt(socket.SOL_SOCKET, option, struct.pack("ll", int(whole), int(rest * 1e6)))
    return made


def _greeting(where: dict[str, Any]) -> list[tuple[Word, ...]]:
    """AUTH and SELECT as the address asks for them."""
    found: list[tuple[Word, ...]] = []
    if where.get("password"):
        found.append(("AUTH", where.get("username") or "default", where["password"]))
    if where.get("db"):
        found.append(("SELECT", where["db"]))
    return found
