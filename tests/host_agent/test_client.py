"""The HTTPS door: which servers it talks to, what it sends, and what it refuses to read."""

import socket
import threading
import time

import pytest
from underpin_agent import client as door
from underpin_agent.client import Client, ServerAddressError, Unreachable, parse_server

from tests.host_agent.server import running

OPENED = []


def connect(address):
    """A client that is closed after the test."""
    OPENED.append(Client(address))
    return OPENED[-1]


@pytest.fixture
def server():
    with running() as started:
        yield started


@pytest.fixture(autouse=True)
def close_clients():
    yield
    while OPENED:
        OPENED.pop().close()


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("https://u.example", ("https", "u.example", 443, "")),
        ("https://u.example:8443/base/", ("https", "u.example", 8443, "/base")),
        ("http://127.0.0.1:8000", ("http", "127.0.0.1", 8000, "")),
        ("http://[::1]:80", ("http", "::1", 80, "")),
        ("http://localhost", ("http", "localhost", 80, "")),
    ],
)
def test_addresses(address, expected):
    assert parse_server(address) == expected


@pytest.mark.parametrize(
    "address",
    [
        "", "u.example", "ftp://u.example", "https://", "http://u.example", "http://10.0.0.1",
        "http://127.0.0.1.evil.example", "https://user:pw@u.example", "https://u.example?x=1",
        "https://u.example#x", "https://u.example:x", "file:///etc/passwd",
    ],
)  # fmt: skip
def test_refused_addresses(address):
    with pytest.raises(ServerAddressError):
        parse_server(address)


def test_plain_http_to_another_machine_needs_to_be_asked_for():
    assert parse_server("http://u.example", allow_http=True)[0] == "http"


def test_big_bodies_are_compressed_and_heartbeats_never(server):
    client = connect(server.url)
    server.answers["/x"] = [(200, {}, {})] * 3
    client.post("/x", b'{"a": "%s"}' % (b"a" * 600))
    client.post("/x", b'{"a": 1}')
    client.post("/x", b'{"a": "%s"}' % (b"a" * 600), compress=False)
    encodings = [headers.get("Content-Encoding") for _path, headers, _body in server.requests]
    assert encodings == ["gzip", None, None]
    assert server.requests[0][1]["User-Agent"].startswith("underpin-agent/")


def test_one_connection_is_kept(server):
    client = connect(server.url)
    server.answers["/x"] = [(204, None, {})] * 2
    client.post("/x", b"{}")
    first = client._connection
    client.post("/x", b"{}")
    assert client._connection is first


def test_a_connection_that_died_meanwhile_is_made_anew(server):
    client = connect(server.url)
    server.answers["/x"] = [(204, None, {})] * 2
    client.post("/x", b"{}")
    client._connection.raw.shutdown(socket.SHUT_RDWR)
    assert client.post("/x", b"{}").status == 204


@pytest.mark.parametrize("headers", [{"Connection": "close"}, {"Connection": "keep-alive"}])
def test_an_answer_is_read_whether_the_connection_ends_or_not(server, headers):
    server.answers["/x"] = [(200, {"a": "b" * 9000}, headers)] * 3
    client = connect(server.url)
    assert [len(client.post("/x", b"{}").body["a"]) for _ in range(3)] == [9000] * 3


def test_an_old_server_that_ends_every_connection(old_server):
    assert connect(old_server).post("/x", b"{}").body == {"old": True}
    assert connect(old_server).post("/x", b"{}").status == 200


def answer_as_http_1_0(listener):
    for _ in range(2):
        connection, _address = listener.accept()
        with connection:
            request = b""
            while not request.endswith(b"{}"):
                request += connection.recv(65_536)
            connection.sendall(b"HTTP/1.0 200 OK\r\nContent-Type: x\r\n\r\n")
            time.sleep(0.1)
            connection.sendall(b'{"old": true}')


@pytest.fixture
def old_server():
    """Django's development server answers like this: no length, the end of the connection."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=answer_as_http_1_0, args=(listener,))
        thread.start()
        yield "http://127.0.0.1:%d" % listener.getsockname()[1]
        thread.join()


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_redirects_are_never_followed(server, status):
    server.answers["/x"] = [(status, {}, {"Location": server.url + "/i/v1/evil"})]
    assert connect(server.url).post("/x", b"{}").status == status
    assert server.paths() == ["/x"]


def test_a_long_reply_is_refused(server):
    server.answers["/x"] = [(200, {"a": "x" * 70_000}, {})]
    with pytest.raises(Unreachable, match="64 KiB"):
        connect(server.url).post("/x", b"{}")


@pytest.mark.parametrize("body", [[], "x", None, 5])
def test_a_reply_that_is_no_object_is_empty(server, body):
    server.answers["/x"] = [(200, body, {})]
    assert connect(server.url).post("/x", b"{}").body == {}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("7", 7.0),
        ("", 0.0),
        ("soon", 0.0),
        ("-5", 0.0),
        ("999999", 3600.0),
        ("0", 1.0),
        ("1" * 400, 3600.0),
        ("Fri, 31 Dec 2027 23:59:59 GMT", 0.0),
    ],
)
def test_retry_after(server, text, expected):
    server.answers["/x"] = [(503, {}, {"Retry-After": text})]
    assert connect(server.url).post("/x", b"{}").retry_after == expected


def test_nobody_listens():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(Unreachable):
        connect("http://127.0.0.1:%d" % port).post("/x", b"{}")


def drip(listener, until):
    """A server that sends one byte of its answer now and then, for ever."""
    connection, _ = listener.accept()
    with connection:
        for byte in b"HTTP/1.1 200 OK\r\nX: " + b"a" * 10_000:
            if until.is_set():
                return
            try:
                connection.sendall(bytes([byte]))
            except OSError:
                return
            time.sleep(0.02)


def test_a_server_that_drips_cannot_hold_the_agent(monkeypatch):
    monkeypatch.setattr(door, "TOTAL_SECONDS", 0.5)
    stop = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=drip, args=(listener, stop))
        thread.start()
        start = time.monotonic()
        with pytest.raises(Unreachable):
            connect("http://127.0.0.1:%d" % listener.getsockname()[1]).post("/x", b"{}")
        assert time.monotonic() - start < 2
        stop.set()
        thread.join()


def test_tls_is_checked(tmp_path):
    client = connect("https://127.0.0.1:1")
    assert client._tls.check_hostname
    assert client._tls.verify_mode.name == "CERT_REQUIRED"
    assert client._tls.minimum_version.name == "TLSv1_2"
