"""A network that fails, cheats or floods: the agent waits, reads little and keeps its token."""

import socket
import time

import pytest
from underpin_agent import client as door
from underpin_agent import loop
from underpin_agent.client import Client, ServerAddressError, Unreachable, Untrusted, parse_server

from tests.host_agent import certificates
from tests.host_agent.at_work import Clock, make_loop, run_for
from tests.host_agent.raw import HEAD, read_request, reset, serving

DAY = certificates.DAY
NOW = certificates.NOW


def silence(connection, server):
    """Take the request and say nothing."""
    read_request(connection)
    server.stop.wait(10)


def cut_short(connection, _server):
    read_request(connection)
    connection.sendall(HEAD + b"Content-Length: 100\r\n\r\n{")
    reset(connection)


def hang_up(connection, _server):
    read_request(connection)


def huge(connection, server):
    read_request(connection)
    connection.sendall(HEAD + b"Content-Length: 1073741824\r\n\r\n")
    while not server.stop.is_set():
        connection.sendall(b"x" * 65_536)


def endless_chunks(connection, server):
    read_request(connection)
    connection.sendall(HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
    while not server.stop.is_set():
        connection.sendall(b"1000\r\n" + b"x" * 4096 + b"\r\n")


def endless_head(connection, server):
    read_request(connection)
    connection.sendall(HEAD)
    while not server.stop.is_set():
        connection.sendall(b"X: " + b"y" * 4096 + b"\r\n")


def endless_body(connection, server):
    read_request(connection)
    connection.sendall(HEAD + b"\r\n")
    while not server.stop.is_set():
        connection.sendall(b"x" * 4096)


def drips(connection, server):
    read_request(connection)
    for byte in HEAD + b"Content-Length: 2\r\n\r\n{}":
        connection.sendall(bytes([byte]))
        if server.stop.wait(0.05):
            return


def says(*parts):
    """A server with one answer to everything."""

    def talk(connection, _server):
        while read_request(connection):
            connection.sendall(b"".join(parts))

    return talk


BROKEN = {
    "silence": silence,
    "reset in the body": cut_short,
    "hang up": hang_up,
    "one gigabyte": huge,
    "endless chunks": endless_chunks,
    "endless head": endless_head,
    "endless body": endless_body,
    "a byte now and then": drips,
    "no HTTP": says(b"SSH-2.0-OpenSSH_9.2\r\n\r\n\r\n"),
    "an odd status": says(b"HTTP/1.1 999 Odd\r\n\r\n"),
    "two lengths": says(HEAD, b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}"),
    "a negative length": says(HEAD, b"Content-Length: -2\r\n\r\n{}"),
    "an unknown coding": says(HEAD, b"Transfer-Encoding: gzip\r\n\r\n{}"),
    "a broken chunk": says(HEAD, b"Transfer-Encoding: chunked\r\n\r\nxyz\r\n{}"),
    "a folded header": says(HEAD, b" folded\r\nContent-Length: 2\r\n\r\n{}"),
}


@pytest.mark.parametrize("talk", BROKEN.values(), ids=BROKEN)
def test_a_broken_answer_ends_in_time_and_costs_no_memory(talk, monkeypatch):
    monkeypatch.setattr(door, "TOTAL_SECONDS", 0.5)
    with serving(talk) as server:
        client, start = Client(server.url), time.monotonic()
        with pytest.raises(Unreachable):
            client.post("/hb", b"{}", token="k1.a.b.c")
        assert time.monotonic() - start < 2
        assert client._connection is None


@pytest.mark.parametrize("talk", BROKEN.values(), ids=BROKEN)
def test_a_broken_answer_makes_the_loop_wait(talk, monkeypatch, state, host):
    monkeypatch.setattr(door, "TOTAL_SECONDS", 0.2)
    with serving(talk) as server:
        clock = Clock()
        one = make_loop(server, state, host, clock=clock, pick=lambda low, _high: low)
        run_for(one, clock, 20)
        assert server.connections <= 20  # once more when a kept connection broke
        assert min(clock.slept) >= 2.5


ANSWERS = {
    "a proxy that wants a name": (407, b"<html>", {"Proxy-Authenticate": "Basic"}),
    "a portal that redirects": (302, b"<html>", {"Location": "http://127.0.0.1:1/login"}),
    "a portal that answers": (200, b"<html>log in</html>", {"Content-Type": "text/html"}),
    "an empty page": (200, b"", {}),
    "a list": (200, b"[]", {}),
    "half an object": (200, b'{"need": ', {}),
    "nothing found": (404, b"<html>", {}),
}


@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)
def test_an_answer_of_somebody_else_is_no_answer(server, state, host, answer):
    clock = Clock()
    one = make_loop(server, state, host, clock=clock)
    one.cycle()
    kept = state.read("identity.json")
    server.answers["/hb"] = [answer] * 50
    server.requests.clear()
    run_for(one, clock, 600)
    assert set(server.paths()) == {"/hb"}
    assert len(server.paths()) <= 8  # 7.5, 15, 30 ... 270 s
    assert state.read("identity.json") == kept


def test_a_portal_that_answers_the_enrolment_leaves_no_identity(server, state, host):
    server.answers["/enrol"] = [(200, b"<html>", {})] * 3
    one = make_loop(server, state, host, clock=Clock())
    for _ in range(3):
        one.cycle()
    one.cycle()
    assert len(server.enrolments) == 1
    assert state.read("identity.json")["host_id"] == "h-1"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_the_token_is_not_taken_to_where_a_redirect_leads(server, status):
    with serving(silence) as elsewhere:
        server.answers["/hb"] = [(status, b"", {"Location": elsewhere.url + "/i/v1/hb"})]
        assert Client(server.url).post("/hb", b"{}", token="k1.a.b.c").status == status
        assert elsewhere.connections == 0


def test_the_token_never_goes_over_plain_http_to_another_machine():
    for address in ("http://underpin.example", "http://192.0.2.1", "http://[2001:db8::1]"):
        with pytest.raises(ServerAddressError):
            parse_server(address)


def test_nobody_can_put_a_header_into_a_request(server):
    for token in ("a\r\nX: y", "a\nb", "a\x00", "\u00e9"):
        with pytest.raises(ValueError, match="character"):
            Client(server.url).post("/hb", b"{}", token=token)
    assert server.paths() == []


def test_a_name_that_is_not_known_is_a_server_out_of_reach(monkeypatch, state, host, capsys):
    def fail(*_arguments, **_more):
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    class Nowhere:
        url = "https://underpin.example"

    monkeypatch.setattr(socket, "create_connection", fail)
    assert make_loop(Nowhere, state, host).once() == loop.EXIT_UNREACHABLE
    assert "cannot be reached: " in capsys.readouterr().err


def test_bytes_after_an_empty_answer_do_not_become_the_next_one():
    said = b"HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 410 Gone\r\nContent-Length: 0\r\n\r\n"
    with serving(says(said)) as server:
        client = Client(server.url)
        assert [client.post("/hb", b"{}").status for _ in range(3)] == [204] * 3
        assert server.connections == 3


def test_an_interim_answer_is_skipped():
    said = b"HTTP/1.1 100 Continue\r\n\r\n" + HEAD + b"Content-Length: 7\r\n\r\n" + b'{"a":1}'
    with serving(says(said)) as server:
        assert Client(server.url).post("/hb", b"{}").body == {"a": 1}


def test_chunks_are_put_together():
    said = (
        HEAD + b'Transfer-Encoding: chunked\r\n\r\n3\r\n{"a\r\n4;x=y\r\n":1}\r\n0\r\nT: x\r\n\r\n'
    )
    with serving(says(said)) as server:
        client = Client(server.url)
        assert [client.post("/hb", b"{}").body for _ in range(2)] == [{"a": 1}] * 2
        assert server.connections == 1


def test_an_answer_before_the_end_of_the_request_is_read():
    """A server refuses by the announced length and hangs up: 413 reaches the agent."""

    def refuse(connection, _server):
        connection.recv(1000)
        connection.sendall(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n")
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(65_536):
            pass

    with serving(refuse) as server:
        assert Client(server.url).post("/x", b"x" * 3_000_000, compress=False).status == 413


# ---- TLS --------------------------------------------------------------------------------------

FINE = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


def test_a_certificate_that_holds_is_taken_and_its_session_used_again(tmp_path):
    context, trusted = certificates.make(tmp_path, "good")
    resumed = []

    def talk(connection, _server):
        resumed.append(connection.session_reused)
        read_request(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}")
        connection.unwrap()

    with serving(talk, tls=context) as server:
        client = Client(server.url, ca_file=str(trusted))
        assert [client.post("/hb", b"{}").status for _ in range(2)] == [200, 200]
    assert resumed == [False, True]


@pytest.mark.parametrize(
    ("more", "text"),
    [
        ({"begins": NOW - 3 * DAY, "ends": NOW - DAY}, "has expired by this machine's clock"),
        ({"begins": NOW + DAY, "ends": NOW + 3 * DAY}, "is not valid yet by this machine's clock"),
        ({"address": "127.0.0.2"}, "IP address mismatch"),
    ],
)
def test_a_wrong_date_is_told_apart_from_a_server_that_is_down(tmp_path, more, text):
    context, trusted = certificates.make(tmp_path, "wrong", **more)
    with serving(says(FINE), tls=context) as server, pytest.raises(Untrusted, match=text):
        Client(server.url, ca_file=str(trusted)).post("/hb", b"{}", token="k1.a.b.c")


def test_an_unknown_authority_is_not_trusted(tmp_path, state, host, capsys):
    context, _trusted = certificates.make(tmp_path, "mine")
    _context, other = certificates.make(tmp_path, "other")
    heard = []

    def talk(connection, _server):
        heard.append(read_request(connection))

    with serving(talk, tls=context) as server:
        client = Client(server.url, ca_file=str(other))
        assert make_loop(server, state, host, client=client).once() == loop.EXIT_UNREACHABLE
    assert heard == []
    assert "is not trusted" in capsys.readouterr().err
