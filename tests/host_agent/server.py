"""A server that speaks ingest v1 on the loopback interface and keeps what it got."""

import base64
import gzip
import hashlib
import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Server:
    """What one server stored. ``answers`` maps a path to replies that come before the usual one:
    each ``(status, body, headers)`` is used once."""

    def __init__(self):
        self.requests = []  # (path, headers, body)
        self.blobs = {}
        self.root, self.number = "", 0
        self.secret_hash = ""
        self.answers = {}
        self.url = ""

    def paths(self):
        """Paths of the requests so far."""
        return [path for path, _headers, _body in self.requests]

    def reply(self, path, headers, body):
        """``(status, body, headers)`` of one request."""
        self.requests.append((path, headers, body))
        waiting = self.answers.get(path)
        if waiting:
            return waiting.pop(0)
        return getattr(self, "on_" + path.strip("/"))(headers, body)

    def on_enrol(self, _headers, body):
        """Any token but ``wrong`` is good."""
        if body["token"] == "wrong":
            return 403, {"error": {}}, {}
        self.secret_hash = body["secret_hash"]
        return 201, {"host_id": "h-1", "tag": "t" * 32, "state": "active", "config": {}}, {}

    def on_hb(self, headers, body):
        """401 without the enrolled secret; asks for the index when the root differs."""
        if not self._known(headers):
            return 401, {"e": "unknown"}, {}
        return (204, None, {}) if body["d"] == self.root[:32] else (200, {"need": "index"}, {})

    def on_index(self, _headers, body):
        """Checks every digest and the root as the real one does."""
        for name, text in body["inline"].items():
            assert hashlib.sha256(text.encode()).hexdigest() == name
            self.blobs[name] = text
        containers = {key: [one, two] for key, one, two in body["containers"]}
        whole = {"sections": body["sections"], "containers": containers}
        raw = json.dumps(whole, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
        if hashlib.sha256(raw).hexdigest() != body["root"]:
            return 400, {"error": "root"}, {}
        if body["gen"] <= self.number:
            return 200, {"gen": self.number, "need": []}, {}
        wanted = {value for value in body["sections"].values() if isinstance(value, str)}
        wanted |= {name for row in body["containers"] for name in row[1:]}
        need = sorted(wanted - set(self.blobs))
        if not need:
            self.root, self.number = body["root"], body["gen"]
        return 200, {"gen": self.number, "need": need}, {}

    def on_blobs(self, _headers, body):
        """Stores what hashes to its name."""
        bad = []
        for name, text in body["blobs"].items():
            if hashlib.sha256(text.encode()).hexdigest() == name:
                self.blobs[name] = text
            else:
                bad.append(name)
        return 200, {"stored": len(body["blobs"]) - len(bad), "bad": bad}, {}

    def _known(self, headers):
        kind, host, secret, tag = headers["Authorization"].removeprefix("Bearer ").split(".")
        raw = base64.urlsafe_b64decode(secret + "=" * (-len(secret) % 4))
        good = (kind, host, tag) == ("k1", "h-1", "t" * 32)
        return good and hashlib.sha256(raw).hexdigest() == self.secret_hash


@contextmanager
def running():
    """A ``Server`` on a free port of the loopback interface."""
    server = Server()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            raw = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                raw = gzip.decompress(raw)
            path = self.path.removeprefix("/i/v1")
            status, body, headers = server.reply(path, dict(self.headers), json.loads(raw))
            raw = b"" if body is None else json.dumps(body).encode()
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

        def log_message(self, *_arguments):
            return

    listener = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    listener.daemon_threads = True
    server.url = "http://127.0.0.1:%d" % listener.server_port
    thread = threading.Thread(target=listener.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        listener.shutdown()
        listener.server_close()
        thread.join()
