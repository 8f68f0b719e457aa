"""Clients that send slowly, without end or ambiguously: cut off, while good hosts are answered."""

import contextlib
import json
import socket
import threading
import time
from collections.abc import Iterator

import pytest

from tests.support.postgres import PostgresServer
from tests.support.redis import RedisServer
from tests.support.wire_agent import WireAgent
from tests.support.workbench import Workbench, production_environment

BODY_SECONDS, HEADER_SECONDS = 1, 2
# Until the watching thread has looked and a busy machine has come round to it.
GRACE_SECONDS = 4
HOSTILE = "127.0.0.2"
BEAT = json.dumps({"v": 1, "b": "00000000", "n": 1, "d": "", "q": 0}).encode()

pytestmark = [pytest.mark.postgres, pytest.mark.redis]


@pytest.fixture(scope="module")
def server(
    postgres_server: PostgresServer,
    running_redis: RedisServer,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Workbench]:
    database = postgres_server.create_database("slow")
    variables = production_environment(database=database, redis=running_redis.url)
    variables["UNDERPIN_BODY_SECONDS"] = str(BODY_SECONDS)
    bench = Workbench(tmp_path_factory.mktemp("slow"), variables)
    bench.threads, bench.header_seconds = 64, HEADER_SECONDS
    try:
        bench.manage("migrate", "--verbosity", "0")
        bench.start_server()
        yield bench
    finally:
        bench.stop()


@pytest.fixture(scope="module")
def agent(server: Workbench) -> WireAgent:
    joined = WireAgent(server.post, name="good")
    token = server.manage("make_enrolment_token", "--max-uses", "9").strip()
    assert joined.enrol(token).status == 201
    return joined


def hostile(server: Workbench) -> socket.socket:
    address = ("127.0.0.1", server.port)
    made = socket.create_connection(address, timeout=20, source_address=(HOSTILE, 0))
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return made


def head(path: str, *lines: str, token: str = "") -> bytes:
    words = [f"POST {path} HTTP/1.1", "Host: 127.0.0.1", "Content-Type: application/json", *lines]
    words += [f"Authorization: {token}"] if token else []
    return "\r\n".join([*words, "", ""]).encode()


def drip(wire: socket.socket, byte: bytes, *, every: float, limit: float) -> float:
    """Send one byte after another; seconds until the server has ended the connection."""
    begun = time.monotonic()
    wire.settimeout(every)
    while time.monotonic() - begun < limit:
        try:
            wire.sendall(byte)
            if wire.recv(4_096) == b"":
                break
        except TimeoutError:
            continue
        except OSError:
            break
    return time.monotonic() - begun


def answers(wire: socket.socket) -> bytes:
    """Everything that comes until the server ends the connection or is quiet for two seconds."""
    wire.settimeout(2)
    found = b""
    try:
        while part := wire.recv(65_536):
            found += part
    except OSError:
        pass
    return found


SLOW = {
    "index": ("/i/v1/index", "Content-Length: 100000"),
    "heartbeat": ("/i/v1/hb", "Content-Length: 500"),
    "enrol": ("/i/v1/enrol", "Content-Length: 500"),
    "sign in": ("/account/login/", "Content-Length: 500"),
    "one byte chunks": ("/i/v1/index", "Transfer-Encoding: chunked"),
}


@pytest.mark.timeout(180)
def test_slow_bodies_are_cut_and_good_heartbeats_answered_meanwhile(
    server: Workbench, agent: WireAgent
) -> None:
    lasted: dict[str, float] = {}

    def attack(name: str, number: int) -> None:
        path, length = SLOW[name]
        with hostile(server) as wire:
            wire.sendall(head(path, length, token=agent.authorization()))
            byte = b"1\r\na\r\n" if "chunks" in name else b"{"
            took = drip(wire, byte, every=0.2, limit=BODY_SECONDS + 3 * GRACE_SECONDS)
            lasted[f"{name} {number}"] = took

    threads = [
        threading.Thread(target=attack, args=(name, number)) for name in SLOW for number in range(6)
    ]
    for thread in threads:
        thread.start()
    statuses = []
    while any(thread.is_alive() for thread in threads):
        statuses.append(agent.heartbeat().status)
        time.sleep(0.02)
    assert set(statuses) == {204}
    assert len(statuses) > 10
    assert len(lasted) == len(threads)
    late = {name: took for name, took in lasted.items() if took > BODY_SECONDS + GRACE_SECONDS}
    assert late == {}


def test_slow_headers_and_idle_connections_are_cut(server: Workbench, agent: WireAgent) -> None:
    with hostile(server) as wire:
        wire.sendall(b"POST /i/v1/hb HTTP/1.1\r\nHost: 127.0.0.1\r\nX-A: ")
        took = drip(wire, b"a", every=0.2, limit=HEADER_SECONDS + 3 * GRACE_SECONDS)
    assert took < HEADER_SECONDS + GRACE_SECONDS
    assert agent.heartbeat().status == 204


def test_a_length_that_is_never_reached_is_cut(server: Workbench, agent: WireAgent) -> None:
    with hostile(server) as wire:
        begun = time.monotonic()
        wire.sendall(head("/i/v1/hb", "Content-Length: 900", token=agent.authorization()) + BEAT)
        found = answers_until_closed(wire)
    assert time.monotonic() - begun < BODY_SECONDS + GRACE_SECONDS
    assert b" 204 " not in found


def answers_until_closed(wire: socket.socket) -> bytes:
    wire.settimeout(BODY_SECONDS + 2 * GRACE_SECONDS)
    found = b""
    try:
        while part := wire.recv(65_536):
            found += part
    except OSError:
        pass
    return found


def test_bytes_beyond_the_length_are_no_part_of_the_body(
    server: Workbench, agent: WireAgent
) -> None:
    length = f"Content-Length: {len(BEAT)}"
    with hostile(server) as wire:
        wire.sendall(head("/i/v1/hb", length, token=agent.authorization()) + BEAT + b"more\r\n\r\n")
        found = answers(wire)
    assert found.startswith(b"HTTP/1.1 204")
    assert found.count(b"HTTP/1.1") == found.count(b"HTTP/1.1 204") + found.count(b"HTTP/1.1 400")


def test_pipelined_heartbeats_are_answered_in_turn(server: Workbench, agent: WireAgent) -> None:
    length = f"Content-Length: {len(BEAT)}"
    one = head("/i/v1/hb", length, token=agent.authorization()) + BEAT
    wrong = head("/i/v1/hb", length, token="Bearer x") + BEAT
    with hostile(server) as wire:
        wire.sendall(one + wrong + one)
        found = answers(wire)
    statuses = [line.split()[1] for line in found.split(b"HTTP/1.1")[1:] for line in [b"x" + line]]
    assert statuses[:2] == [b"204", b"401"]


INNER = b"GET /health/ HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
SMUGGLED = {
    "length and chunks": ("Content-Length: 6", "Transfer-Encoding: chunked"),
    "two lengths": ("Content-Length: 5", "Content-Length: 60"),
    "length with a sign": ("Content-Length: +5",),
    "length with a list": ("Content-Length: 5, 60",),
    "chunks misspelled": ("Transfer-Encoding: xchunked", "Content-Length: 5"),
    "chunks twice": ("Transfer-Encoding: chunked, identity", "Content-Length: 5"),
    "space before the colon": ("Transfer-Encoding : chunked", "Content-Length: 5"),
    "folded header": ("Transfer-Encoding:\r\n chunked", "Content-Length: 5"),
    "bare line feed": ("X-A: b\nTransfer-Encoding: chunked", "Content-Length: 5"),
}


@pytest.mark.parametrize("name", SMUGGLED)
def test_an_ambiguous_length_smuggles_no_second_request(server: Workbench, name: str) -> None:
    with hostile(server) as wire:
        wire.sendall(head("/i/v1/hb", *SMUGGLED[name]) + b"0\r\n\r\n" + INNER)
        found = answers(wire)
    heads = [part[:4] for part in found.split(b"HTTP/1.1")[1:]]
    assert b" 200" not in heads, found
    assert b" 500" not in heads, found


def test_an_oversized_header_is_refused(server: Workbench, agent: WireAgent) -> None:
    with hostile(server) as wire:
        with contextlib.suppress(OSError):  # refused while we are still sending
            wire.sendall(head("/i/v1/hb", "X-Big: " + "a" * 10_000_000))
        found = answers(wire)
    assert not found or found.startswith(b"HTTP/1.1 431")
    assert agent.heartbeat().status == 204
