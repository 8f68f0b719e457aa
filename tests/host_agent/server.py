"""A server that speaks ingest v1 on the loopback interface and keeps what it got.

Every reply can be replaced by data, every n-th one can get lost after its work was done.
"""

import base64
import gzip
import hashlib
import json
import socket
import threading
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

DROP = "drop"  # in place of a reply: the work is done, and the connection ends without a word


def root_of(sections, containers):
    """The root digest of the contract, written down a second time."""
    whole = {"sections": sections, "containers": containers}
    raw = json.dumps(whole, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    return hashlib.sha256(raw).hexdigest()


def tag_of(secret_hash):
    """The tag of the token for a secret; stands for the HMAC of the real server."""
    return hashlib.sha256(b"server key" + secret_hash.encode()).hexdigest()[:32]


class Server:
    """What one server stored. ``answers`` maps a path to replies that come before the usual one:
    each ``(status, body, headers)`` is used once; ``DROP`` does the work and loses the reply."""

    def __init__(self):
        self.requests = []  # (path, headers, body)
        self.blobs = {}
        self.root, self.number = "", 0
        self.sections, self.containers = {}, {}
        self.secret_hash = self.next_hash = ""
        self.enrolments = []  # (nonce, secret hash): one is one host
        self.counters, self.accepted, self.samples, self.remarks = [], [], [], []
        self.config, self.etag, self.rotate = {}, "", False
        self.answers = {}
        self.drop_every = 0
        self.fate = None  # a function that gives a reply, DROP or None before each request
        self.url = ""
        self.lock = threading.Lock()

    def paths(self):
        """Paths of the requests so far."""
        return [path for path, _headers, _body in self.requests]

    def reply(self, path, headers, body):
        """``(status, body, headers)`` of one request, or ``DROP``."""
        with self.lock:
            self.requests.append((path, headers, body))
            fate = self.fate() if self.fate else None
            if fate not in (None, DROP):
                return fate
            waiting = self.answers.get(path)
            if waiting and waiting[0] != DROP:
                return waiting.pop(0)
            found = getattr(self, "on_" + path.strip("/"))(headers, body)
            if waiting and waiting.pop(0):
                return DROP
            if self.drop_every and len(self.requests) % self.drop_every == 0:
                return DROP
            return fate or found

    def on_enrol(self, _headers, body):
        """Any token but ``wrong`` is good; the same nonce and hash is the same host."""
        if body["token"] == "wrong":
            return 403, {"error": {}}, {}
        attempt = (body["nonce"], body["secret_hash"])
        if attempt not in self.enrolments:
            self.enrolments.append(attempt)
        self.secret_hash, self.next_hash = body["secret_hash"], ""
        number = self.enrolments.index(attempt) + 1
        answer = {"host_id": "h-%d" % number, "tag": tag_of(self.secret_hash), "state": "active"}
        return 201, {**answer, "config": {}}, {}

    def on_hb(self, headers, body):
        """401 without the enrolled secret; asks for the index when the root differs."""
        if not self._known(headers):
            return 401, {"e": "unknown"}, {}
        self.counters.append(body["n"])
        answer = {} if body["d"] == self.root[:32] else {"need": "index"}
        if self.etag and body["c"] != self.etag:
            answer["c"] = self.etag
        if self.rotate:
            answer["rot"] = True
        return (200, answer, {}) if answer else (204, None, {})

    def on_config(self, headers, _body):
        """The configuration, or 304."""
        if not self._known(headers):
            return 401, {"e": "unknown"}, {}
        if headers.get("If-None-Match") == '"%s"' % self.etag:
            return 304, None, {}
        return 200, {"etag": self.etag, "config": self.config}, {"ETag": '"%s"' % self.etag}

    def on_rotate(self, headers, body):
        """Let the new secret follow; the old one holds until the new one is used."""
        if not self._known(headers):
            return 401, {"e": "unknown"}, {}
        if body["secret_hash"] != self.secret_hash:
            self.next_hash = body["secret_hash"]
        self.rotate = False
        return 200, {"tag": tag_of(body["secret_hash"])}, {}

    def on_index(self, headers, body):
        """Checks every digest and the root as the real one does."""
        if not self._known(headers):
            return 401, {"e": "unknown"}, {}
        for name, text in body["inline"].items():
            assert hashlib.sha256(text.encode()).hexdigest() == name
            self.blobs[name] = text
        if self._is_repeated(body):
            return 200, {"gen": self.number, "need": []}, {}
        sections, containers = self._resulting(body)
        if body.get("delta") and body["prev"] != self.root:
            return 409, {"gen": self.number}, {}
        if root_of(sections, containers) != body["root"]:
            return 400, {"error": "root"}, {}
        self.samples += body.get("samples", [])
        self.remarks += [{key: body[key]} for key in ("counts", "refused") if key in body]
        if body["gen"] == self.number:
            return 200, {"gen": self.number, "need": []}, {}
        wanted = {value for value in sections.values() if isinstance(value, str)}
        wanted |= {name for pair in containers.values() for name in pair}
        need = sorted(wanted - set(self.blobs))
        if not need:
            self.root, self.number = body["root"], body["gen"]
            self.sections, self.containers = sections, containers
            self.accepted.append((body["gen"], body["root"]))
        return 200, {"gen": self.number, "need": need}, {}

    def _is_repeated(self, body):
        """Late or sent again; not one that only carries samples for what is stored."""
        is_for_this = (body["prev"], body["root"]) == (self.root, self.root)
        return body["gen"] < self.number or (body["gen"] == self.number and not is_for_this)

    def _resulting(self, body):
        changed = {key: [one, two] for key, one, two in body["containers"]}
        if not body.get("delta"):
            return body["sections"], changed
        sections = {**self.sections, **body["sections"]}
        containers = {**self.containers, **changed}
        for name in body["sections_gone"]:
            del sections[name]
        for key in body["gone"]:
            del containers[key]
        return sections, containers

    def on_blobs(self, headers, body):
        """Stores what hashes to its name."""
        if not self._known(headers):
            return 401, {"e": "unknown"}, {}
        bad = []
        for name, text in body["blobs"].items():
            if hashlib.sha256(text.encode()).hexdigest() == name:
                self.blobs[name] = text
            else:
                bad.append(name)
        return 200, {"stored": len(body["blobs"]) - len(bad), "bad": bad}, {}

    def forget(self):
        """As after the loss of the database: no host, no facts."""
        self.secret_hash = self.next_hash = self.root = ""
        self.number, self.sections, self.containers = 0, {}, {}
        self.blobs.clear()

    def _known(self, headers):
        kind, _host, secret, tag = headers["Authorization"].removeprefix("Bearer ").split(".")
        raw = base64.urlsafe_b64decode(secret + "=" * (-len(secret) % 4))
        found = hashlib.sha256(raw).hexdigest()
        if (kind, tag) != ("k1", tag_of(found)):
            return False
        if found == self.next_hash:
            self.secret_hash, self.next_hash = found, ""  # its first use ends the old one
        return found == self.secret_hash


class Handler(BaseHTTPRequestHandler):
    """One connection; the listener holds the ``Server``."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # head and body are two writes

    def do_POST(self):
        """Read the body as the real server would."""
        raw = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("Content-Encoding") == "gzip":
            raw = gzip.decompress(raw)
        self.answer(json.loads(raw))

    def do_GET(self):
        """A question without a body."""
        self.answer(None)

    def answer(self, body):
        """Send what the ``Server`` says, or nothing at all."""
        path = self.path.removeprefix("/i/v1")
        found = self.server.held.reply(path, dict(self.headers), body)
        if found == DROP:
            self.close_connection = True
            with suppress(OSError):
                self.connection.shutdown(socket.SHUT_RDWR)
            return
        status, body, headers = found
        raw = b"" if body is None else body
        if not isinstance(raw, bytes):
            raw = json.dumps(body).encode()
        self.send_response(status)
        for name, value in {"Content-Length": str(len(raw)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        with suppress(OSError):
            self.wfile.write(raw)

    def log_message(self, *_arguments):
        """Nothing."""


class Listener(ThreadingHTTPServer):
    """The socket of one ``Server``."""

    daemon_threads = True

    def handle_error(self, *_arguments):
        """An agent that was killed in the middle of a request is no error."""


@contextmanager
def running():
    """A ``Server`` on a free port of the loopback interface."""
    server = Server()
    listener = Listener(("127.0.0.1", 0), Handler)
    listener.held = server
    server.url = "http://127.0.0.1:%d" % listener.server_port
    thread = threading.Thread(target=listener.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        listener.shutdown()
        listener.server_close()
        thread.join()
