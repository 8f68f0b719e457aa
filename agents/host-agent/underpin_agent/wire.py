"""One HTTP/1.1 exchange on a socket (RFC 9112), with one deadline and small limits.

The standard library's client takes the parent 2 MB of memory, and neither bounds an exchange as a
whole nor the length of what it reads.
"""

import collections
import re
import socket
import time

MAX_HEAD_BYTES, MAX_BODY_BYTES = 16_384, 65_536
PART_BYTES = 65_536
STATUS_LINE = re.compile(r"HTTP/1\.([01]) ([1-5][0-9][0-9])(?: .*)?", re.DOTALL)
NAME = re.compile(r"[!#$%&'*+.^_`|~0-9a-z-]+")

# ``keep`` is True when another request may follow on the connection.
Answer = collections.namedtuple("Answer", "status headers body keep")


class BadAnswer(Exception):
    """What came is no HTTP answer, or longer than an answer may be."""


class Dead(Exception):
    """The connection ended before the first byte of an answer."""


class Connection:
    """A connected socket. Every exchange ends at its deadline, however slowly bytes come:
    a plain socket timeout starts anew with each of them. ``most`` bytes may an answer's body have,
    ``silence`` seconds may pass without one of them."""

    def __init__(self, raw, *, most=MAX_BODY_BYTES, silence=None):
        self.raw = raw
        self._most, self._silence = most, silence
        self._buffer = b""
        self._end = 0.0

    def close(self):
        """End the connection."""
        self.raw.close()

    def exchange(self, request, *, end):
        """The ``Answer`` to ``request`` (bytes) before ``end`` (monotonic seconds).

        Raises Dead, BadAnswer, OSError.
        """
        self._end = end
        try:
            self._send(request)
        except (BrokenPipeError, ConnectionResetError):
            # A server may refuse a body by its announced length: the answer is there already.
            try:
                return self._answer()
            except (OSError, BadAnswer):
                text = "connection closed"
                raise Dead(text) from None
        return self._answer()

    def _arm(self):
        left = self._end - time.monotonic()
        if left <= 0:
            text = "no answer in time"
            raise socket.timeout(text)
        self.raw.settimeout(left if self._silence is None else min(left, self._silence))

    def _send(self, data):
        view = memoryview(data)
        while view:
            self._arm()
            view = view[self.raw.send(view[:PART_BYTES]) :]

    def _more(self):
        """Receive something into the buffer; False at the end of the connection."""
        self._arm()
        part = self.raw.recv(PART_BYTES)
        self._buffer += part
        return bool(part)

    def _answer(self):
        while True:
            minor, status, headers = self._head()
            if status >= 200:
                break
        body, bounded = self._body(status, headers)
        close = "close" in headers.get("connection", "").lower() or minor == "0"
        # Bytes after the answer belong to no request: such a connection is not used again.
        return Answer(status, headers, body, bounded and not close and not self._buffer)

    def _head(self):
        while b"\r\n\r\n" not in self._buffer:
            if len(self._buffer) > MAX_HEAD_BYTES:
                text = "the head of the reply is too long"
                raise BadAnswer(text)
            try:
                more = self._more()
            except ConnectionResetError:
                more = False
            if not more:
                if self._buffer:
                    text = "the reply ended in its head"
                    raise BadAnswer(text)
                text = "connection closed"
                raise Dead(text)
        head, _, self._buffer = self._buffer.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        found = STATUS_LINE.fullmatch(first)
        if found is None:
            text = "the reply is no HTTP"
            raise BadAnswer(text)
        return found.group(1), int(found.group(2)), _headers(lines)

    def _body(self, status, headers):
        """``(body, bounded)``: bounded means that its end was told, not the connection's."""
        if status in (204, 304):
            return b"", True
        if "transfer-encoding" in headers:
            if headers["transfer-encoding"].lower() != "chunked":
                text = "the reply has an unknown coding"
                raise BadAnswer(text)
            return self._chunks(), True
        if "content-length" in headers:
            text = headers["content-length"]
            if not (text.isascii() and text.isdigit()):
                text = "the reply has no valid length"
                raise BadAnswer(text)
            return self._exactly(int(text[:12])), True
        while self._more():
            self._bounded(len(self._buffer))
        body, self._buffer = self._buffer, b""
        return body, False

    def _exactly(self, size):
        self._bounded(size)
        while len(self._buffer) < size:
            if not self._more():
                text = "the reply ended early"
                raise BadAnswer(text)
        body, self._buffer = self._buffer[:size], self._buffer[size:]
        return body

    def _chunks(self):
        body = b""
        while True:
            text = self._line().partition(b";")[0].strip()
            if not re.fullmatch(b"[0-9a-fA-F]{1,8}", text):
                text = "the reply has a broken chunk"
                raise BadAnswer(text)
            size = int(text, 16)
            if size == 0:
                while self._line():
                    pass  # trailers
                return body
            self._bounded(len(body) + size)
            body += self._exactly(size)
            if self._line():
                text = "the reply has a broken chunk"
                raise BadAnswer(text)

    def _bounded(self, size):
        if size > self._most:
            text = "the reply is longer than %d KiB" % (self._most // 1024)
            raise BadAnswer(text)

    def _line(self):
        while b"\r\n" not in self._buffer:
            if len(self._buffer) > MAX_HEAD_BYTES:
                text = "a line of the reply is too long"
                raise BadAnswer(text)
            if not self._more():
                text = "the reply ended early"
                raise BadAnswer(text)
        line, _, self._buffer = self._buffer.partition(b"\r\n")
        return line


def _headers(lines):
    """Names in lower case; two different lengths in one reply are refused."""
    found = {}
    for line in lines:
        name, colon, value = line.partition(":")
        name, value = name.lower(), value.strip()
        if not colon or not NAME.fullmatch(name):
            text = "the reply has a broken header"
            raise BadAnswer(text)
        if name in ("content-length", "transfer-encoding") and found.get(name, value) != value:
            text = "the reply has two lengths"
            raise BadAnswer(text)
        found[name] = value
    return found


def request_bytes(method, path, headers, body=b""):
    """The bytes of one request. Raises ValueError for a character that could begin a header."""
    lines = ["%s %s HTTP/1.1" % (method, path)]
    lines += ["%s: %s" % row for row in headers.items()]
    if body or method == "POST":
        lines.append("Content-Length: %d" % len(body))
    for line in lines:
        if not line.isascii() or not line.isprintable():
            text = "a header holds a character that it must not hold"
            raise ValueError(text)
    return ("\r\n".join(lines) + "\r\n\r\n").encode("ascii") + body
