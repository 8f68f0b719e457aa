"""The HTTPS door of the agent: one JSON body there, one small JSON answer back, in 20 seconds."""

import json
import re
import socket
import ssl
import sys
import time
import zlib

from . import __version__
from .wire import BadAnswer, Connection, Dead, request_bytes

CONNECT_SECONDS, TOTAL_SECONDS = 5.0, 20.0
IDLE_SECONDS = 70.0  # proxies end a silent connection after 75 s
COMPRESS_ABOVE_BYTES = 512
RETRY_AFTER_BOUNDS = (1.0, 3600.0)
BASE_PATH = "/i/v1"
ADDRESS = re.compile(
    r"(https?)://(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)"
    r"(?::([0-9]{1,5}))?(/[!-~]*)?"
)
CLOCK_CODES = {9: "is not valid yet", 10: "has expired"}  # X509_V_ERR_CERT_NOT_YET_VALID and so on


class ServerAddressError(Exception):
    """The server address is unusable; the text says why."""


class Unreachable(Exception):
    """No usable answer came: no connection, a timeout, a broken or oversized reply."""


class Untrusted(Unreachable):
    """Somebody answers, and its certificate does not hold."""


class Reply:
    """One answer. ``body`` is ``{}`` for an empty or foreign one; ``retry_after`` in seconds, 0
    without. ``foreign``: a 200 that no Underpin server gave, such as a login page on the way."""

    __slots__ = ("body", "foreign", "retry_after", "status")

    def __init__(self, status, body=None, retry_after=0.0):
        self.status = status
        self.foreign = body is None and status in (200, 201, 202)
        self.body = body or {}
        self.retry_after = retry_after


class Client:
    """One server. Keeps one connection; reconnects once when the kept one turns out dead."""

    def __init__(self, server, *, ca_file=None, allow_http=False):
        self.scheme, self.host, self.port, prefix = parse_server(server, allow_http=allow_http)
        self.base = prefix + BASE_PATH
        self._connection = None
        self._used_at = 0.0
        self._tls = self._session = None
        if self.scheme == "https":
            self._tls = ssl.create_default_context(cafile=ca_file)
            self._tls.minimum_version = ssl.TLSVersion.TLSv1_2

    def post(self, path, body, *, token="", compress=True):
        """POST ``body`` (bytes) to ``/i/v1<path>``. Raises Unreachable; follows no redirect."""
        headers = self._headers(token)
        headers["Content-Type"] = "application/json"
        if compress and len(body) > COMPRESS_ABOVE_BYTES:
            body = _gzipped(body)
            headers["Content-Encoding"] = "gzip"
        return self._ask(request_bytes("POST", self.base + path, headers, body))

    def get(self, path, *, token="", etag=""):
        """GET ``/i/v1<path>`` unless it still is ``etag``. Raises Unreachable."""
        headers = self._headers(token)
        if etag:
            headers["If-None-Match"] = '"%s"' % etag
        return self._ask(request_bytes("GET", self.base + path, headers))

    def close(self):
        """Drop the kept connection."""
        if self._connection is not None:
            self._session = getattr(self._connection.raw, "session", None)
            self._connection.close()
            self._connection = None

    def _headers(self, token):
        host = "[%s]" % self.host if ":" in self.host else self.host
        usual = self.port == (443 if self._tls is not None else 80)
        headers = {
            "Host": host if usual else "%s:%d" % (host, self.port),
            "User-Agent": "underpin-agent/%s py/%d.%d" % (__version__, *sys.version_info[:2]),
            "Accept-Encoding": "identity",
        }
        if token:
            headers["Authorization"] = "Bearer " + token
        return headers

    def _ask(self, request):
        end = time.monotonic() + TOTAL_SECONDS
        try:
            return self._asked(request, end)
        except ssl.SSLCertVerificationError as error:
            self.close()
            raise Untrusted(_certificate_text(error)) from None
        except (OSError, Dead, BadAnswer) as error:
            self.close()
            raise Unreachable(str(error) or type(error).__name__) from None

    def _asked(self, request, end):
        if self._connection is not None and time.monotonic() - self._used_at > IDLE_SECONDS:
            self.close()
        if self._connection is not None:
            try:
                return self._exchange(request, end)
            except Dead:  # it ended while nobody spoke; every request may be repeated
                self.close()
        self._connect(end)
        return self._exchange(request, end)

    def _connect(self, end):
        raw = socket.create_connection((self.host, self.port), CONNECT_SECONDS)
        try:
            raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._tls is not None:
                raw.settimeout(max(0.1, min(CONNECT_SECONDS, end - time.monotonic())))
                raw = self._tls.wrap_socket(raw, server_hostname=self.host, session=self._session)
        except BaseException:
            raw.close()
            raise
        self._connection = Connection(raw)

    def _exchange(self, request, end):
        answer = self._connection.exchange(request, end=end)
        self._used_at = time.monotonic()
        if not answer.keep:
            self.close()
        seconds = retry_after_seconds(answer.headers.get("retry-after", ""))
        return Reply(answer.status, _json_object(answer.body), seconds)


def _gzipped(body):
    packer = zlib.compressobj(6, zlib.DEFLATED, 31)  # 16 + 15: with the head and end of gzip
    return packer.compress(body) + packer.flush()


def _certificate_text(error):
    """A date that does not fit is told apart: the clock of this machine may be what is wrong."""
    text = CLOCK_CODES.get(getattr(error, "verify_code", 0))
    if text is not None:
        return "its certificate %s by this machine's clock" % text
    return "its certificate: %s" % getattr(error, "verify_message", str(error))


def _json_object(raw):
    """The object in ``raw``; None when there is none."""
    try:
        found = json.loads(raw)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def retry_after_seconds(text):
    """Seconds of a Retry-After header (RFC 9110, 10.2.3) in 1 s to 1 h; 0 without a number.

    A date would need a right clock, so it says nothing here.
    """
    text = text.strip()
    if not text.isascii() or not text.isdigit():
        return 0.0
    low, high = RETRY_AFTER_BOUNDS
    return min(max(float(text[:12]), low), high)


def parse_server(server, *, allow_http=False):
    """``(scheme, host, port, path prefix)``. Raises ServerAddressError for all but https://…

    Plain http is for a server on this very machine, or where ``allow_http`` says so.
    """
    found = ADDRESS.fullmatch(server)
    if found is None or "?" in server or "#" in server or "@" in server:
        text = "the server address must look like https://underpin.example.org"
        raise ServerAddressError(text)
    scheme, host, port, path = found.groups()
    host = host.strip("[]").lower()
    if scheme == "http" and not allow_http and not is_loopback(host):
        text = "refusing plain http to another machine; use https or --allow-http"
        raise ServerAddressError(text)
    number = int(port or (443 if scheme == "https" else 80))
    if not 0 < number < 65_536:
        text = "the port of the server address is no port"
        raise ServerAddressError(text)
    return scheme, host, number, (path or "").rstrip("/")


def is_loopback(host):
    """True for localhost and loopback addresses; names are not looked up."""
    if host in ("localhost", "::1"):
        return True
    try:
        return socket.inet_pton(socket.AF_INET, host)[0] == 127
    except OSError:
        return False
