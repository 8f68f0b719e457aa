"""The HTTPS door of the agent: POST one JSON body, get one small JSON answer, within 20 seconds."""

import gzip
import http.client
import io
import ipaddress
import json
import socket
import ssl
import sys
import time
import urllib.parse
from dataclasses import dataclass, field

from . import __version__

CONNECT_SECONDS, TOTAL_SECONDS = 5.0, 20.0
MAX_REPLY_BYTES = 65_536
COMPRESS_ABOVE_BYTES = 512
BASE_PATH = "/i/v1"


class ServerAddressError(Exception):
    """The server address is unusable; the text says why."""


class Unreachable(Exception):
    """No usable answer came: no connection, a timeout, a broken or oversized reply."""


@dataclass(frozen=True)
class Reply:
    """One answer. ``body`` is ``{}`` for an empty or foreign one; ``retry_after`` in seconds."""

    status: int
    body: dict = field(default_factory=dict)
    retry_after: float = 0.0


class _DeadlineSocket:
    """What http.client needs of a socket, with one deadline for everything until it is moved.

    A plain socket timeout starts anew with every byte, so a slow server could hold the agent.
    """

    def __init__(self, raw):
        self.raw = raw
        self.end = 0.0
        self._readers = 0
        self._closing = False

    def _arm(self):
        left = self.end - time.monotonic()
        if left <= 0:
            text = "no answer in time"
            raise socket.timeout(text)
        self.raw.settimeout(left)

    def sendall(self, data):
        self._arm()
        self.raw.sendall(data)

    def receive_into(self, buffer):
        self._arm()
        return self.raw.recv_into(buffer)

    def makefile(self, _mode):
        self._readers += 1
        return io.BufferedReader(_Reader(self))

    def close(self):
        """As socket.close(): with ``Connection: close`` the answer is read after this."""
        self._closing = True
        if not self._readers:
            self.raw.close()

    def reader_closed(self):
        self._readers -= 1
        if self._closing and not self._readers:
            self.raw.close()


class _Reader(io.RawIOBase):
    def __init__(self, owner):
        super().__init__()
        self._owner = owner

    def readable(self):
        return True

    def readinto(self, buffer):
        return self._owner.receive_into(buffer)

    def close(self):
        if not self.closed:
            self._owner.reader_closed()
        super().close()


class Client:
    """One server. Keeps one connection; reconnects once when the kept one turns out dead."""

    def __init__(self, server, *, ca_file=None, allow_http=False):
        self.scheme, self.host, self.port, prefix = parse_server(server, allow_http=allow_http)
        self.base = prefix + BASE_PATH
        self._connection = None
        self._tls = None
        if self.scheme == "https":
            self._tls = ssl.create_default_context(cafile=ca_file)
            self._tls.minimum_version = ssl.TLSVersion.TLSv1_2

    def post(self, path, body, *, token="", compress=True):
        """POST ``body`` (bytes) to ``/i/v1<path>``. Raises Unreachable; follows no redirect."""
        headers = self._headers(token)
        if compress and len(body) > COMPRESS_ABOVE_BYTES:
            body = gzip.compress(body, 6, mtime=0)
            headers["Content-Encoding"] = "gzip"
        kept = self._connection is not None
        try:
            return self._exchange(path, body, headers)
        except (http.client.RemoteDisconnected, BrokenPipeError, ConnectionResetError) as error:
            self.close()
            if not kept:
                raise Unreachable(str(error) or "connection closed") from None
        except (OSError, http.client.HTTPException) as error:
            self.close()
            raise Unreachable(str(error) or type(error).__name__) from None
        try:
            return self._exchange(path, body, headers)
        except (OSError, http.client.HTTPException) as error:
            self.close()
            raise Unreachable(str(error) or type(error).__name__) from None

    def close(self):
        """Drop the kept connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _headers(self, token):
        version = "%d.%d" % sys.version_info[:2]
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "underpin-agent/%s py/%s" % (__version__, version),
        }
        if token:
            headers["Authorization"] = "Bearer " + token
        return headers

    def _connect(self):
        raw = socket.create_connection((self.host, self.port), CONNECT_SECONDS)
        if self._tls is not None:
            raw.settimeout(CONNECT_SECONDS)
            raw = self._tls.wrap_socket(raw, server_hostname=self.host)
        connection = http.client.HTTPConnection(self.host, self.port)
        connection.default_port = 443 if self._tls is not None else 80
        connection.sock = _DeadlineSocket(raw)
        self._connection = connection

    def _exchange(self, path, body, headers):
        end = time.monotonic() + TOTAL_SECONDS
        if self._connection is None:
            self._connect()
        connection = self._connection
        connection.sock.end = end
        connection.request("POST", self.base + path, body, headers)
        with connection.getresponse() as response:
            raw = response.read(MAX_REPLY_BYTES + 1)
            finished = response.isclosed() and not response.will_close
        if not finished:
            self.close()
        if len(raw) > MAX_REPLY_BYTES:
            text = "the reply is longer than 64 KiB"
            raise Unreachable(text)
        seconds = retry_after_seconds(response.headers.get("Retry-After", ""))
        return Reply(response.status, _json_object(raw), seconds)


def _json_object(raw):
    try:
        found = json.loads(raw)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def retry_after_seconds(text):
    """Seconds of a Retry-After header (RFC 9110, 10.2.3, number form), at most a day."""
    return float(min(int(text), 86_400)) if text.strip().isdigit() else 0.0


def parse_server(server, *, allow_http=False):
    """``(scheme, host, port, path prefix)``. Raises ServerAddressError for all but https://…

    Plain http is for a server on this very machine, or where ``allow_http`` says so.
    """
    parts = urllib.parse.urlsplit(server)
    if parts.scheme not in ("https", "http") or not parts.hostname:
        text = "the server address must look like https://underpin.example.org"
        raise ServerAddressError(text)
    if parts.username or parts.password or parts.query or parts.fragment:
        text = "the server address must hold no user, query or fragment"
        raise ServerAddressError(text)
    if parts.scheme == "http" and not allow_http and not is_loopback(parts.hostname):
        text = "refusing plain http to another machine; use https or --allow-http"
        raise ServerAddressError(text)
    try:
        port = parts.port
    except ValueError:
        text = "the port of the server address is no number"
        raise ServerAddressError(text) from None
    return (
        parts.scheme,
        parts.hostname,
        port or (443 if parts.scheme == "https" else 80),
        (parts.path.rstrip("/")),
    )


def is_loopback(host):
    """True for localhost and loopback addresses; names are not looked up."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
