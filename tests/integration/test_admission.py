"""Admission: heartbeats last to be shed, one noisy host 429, a full server 503, bad tokens free."""

import json
import threading
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext
from hypothesis import given
from hypothesis import strategies as st

from agents.api import admission
from agents.api.admission import SHARES, Kind, Rate, Room
from agents.live.store import live_store
from tests.support.joined import client_post, enrolled_agent, enrolment_secret, make_estate
from tests.support.redis import RedisServer
from tests.support.wire_agent import WireAgent
from workbench.core.errors import Unavailable

URGENT_FIRST = [Kind.HEARTBEAT, Kind.EVENTS, Kind.INDEX, Kind.BLOBS, Kind.ENROL]
FORGED = "Bearer k1.00000000-0000-4000-8000-000000000000." + "A" * 43 + "." + "0" * 32


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch) -> Iterator[Room]:
    """A door with room for ten small bodies and the product's own rates."""
    room = Room(max_bytes=1_000_000, max_bodies=10)
    monkeypatch.setattr(admission, "room", room)
    monkeypatch.setattr(admission, "hosts", Rate(per_second=4, burst=20))
    monkeypatch.setattr(admission, "enrolments", Rate(per_second=50, burst=50))
    return room


# ---- how often one sender may come ------------------------------------------------------------


def test_a_burst_passes_and_the_next_request_waits_for_its_turn() -> None:
    rate = Rate(per_second=4, burst=20)
    assert [rate.wait_seconds("a", now=100.0) for _ in range(20)] == [0.0] * 20
    assert rate.wait_seconds("a", now=100.0) == pytest.approx(0.25)
    assert rate.wait_seconds("a", now=100.3) == 0.0


def test_one_noisy_sender_takes_nothing_from_another() -> None:
    rate = Rate(per_second=4, burst=20)
    for _ in range(100):
        rate.wait_seconds("noisy", now=5.0)
    assert rate.wait_seconds("quiet", now=5.0) == 0.0


@given(gaps=st.lists(st.floats(0, 3), min_size=1, max_size=200))
def test_no_window_of_any_length_lets_more_through_than_burst_and_rate(gaps: list[float]) -> None:
    rate, now, passed = Rate(per_second=4, burst=20), 0.0, []
    for gap in gaps:
        now += gap
        if not rate.wait_seconds("a", now=now):
            passed.append(now)
    for first, begun in enumerate(passed):
        for last in range(first, len(passed)):
            assert last - first + 1 <= 20 + 4 * (passed[last] - begun) + 1 + 1e-6


def test_who_is_quiet_is_forgotten() -> None:
    rate = Rate(per_second=4, burst=20)
    for step in range(50_000):
        rate.wait_seconds(step, now=step / 1_000)
    assert len(rate._whole_at) + len(rate._before) <= 2 * 5_000 + 2


# ---- room --------------------------------------------------------------------------------------


def places_for(kind: Kind) -> int:
    room = Room(max_bytes=10**9, max_bodies=100)
    for taken in range(1_000):
        try:
            room.enter(kind, 1)
        except Unavailable:
            return taken
    return 1_000


def test_the_least_urgent_kind_is_shed_first_and_heartbeats_last() -> None:
    refused_at = {kind: places_for(kind) for kind in URGENT_FIRST}
    assert list(refused_at.values()) == [100, 90, 80, 70, 60]


def test_bytes_are_bounded_as_bodies_are() -> None:
    room = Room(max_bytes=1_000, max_bodies=100)
    room.enter(Kind.BLOBS, 700)
    with pytest.raises(Unavailable):
        room.enter(Kind.BLOBS, 1)
    room.enter(Kind.HEARTBEAT, 300)
    room.leave(700)
    room.leave(300)
    assert (room.taken_bytes, room.taken_bodies) == (0, 0)


def test_many_threads_leave_the_room_as_they_found_it() -> None:
    room = Room(max_bytes=2_000, max_bodies=8)
    most: list[int] = []

    def visit() -> None:
        for _ in range(500):
            try:
                room.enter(Kind.HEARTBEAT, 100)
            except Unavailable:
                continue
            most.append(room.taken_bodies)
            room.leave(100)

    threads = [threading.Thread(target=visit) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert max(most) <= 8
    assert (room.taken_bytes, room.taken_bodies) == (0, 0)


def test_retry_after_is_drawn_between_5_and_60_seconds() -> None:
    drawn = {admission.random_wait() for _ in range(3_000)}
    assert min(drawn) == 5
    assert max(drawn) == 60
    assert len(drawn) == 56


def test_a_compressed_body_counts_as_what_it_may_become() -> None:
    request = HttpRequest()
    limits = admission.Limits(max_wire_bytes=10_000, max_raw_bytes=50_000)
    assert admission.size_of(request, length=1_000, limits=limits) == 1_000
    assert admission.size_of(request, length=99_999, limits=limits) == 10_000
    request.META["HTTP_CONTENT_ENCODING"] = "gzip"
    assert admission.size_of(request, length=1_000, limits=limits) == 50_000


# ---- at the door -------------------------------------------------------------------------------


@pytest.mark.django_db
def test_one_noisy_host_is_answered_429_and_others_are_served(narrow: Room) -> None:
    estate = make_estate()
    noisy, quiet = enrolled_agent(estate, name="noisy"), enrolled_agent(estate, name="quiet")
    statuses = [noisy.heartbeat().status for _ in range(30)]
    assert set(statuses[:20]) == {204}
    assert 429 in statuses[20:]
    assert quiet.heartbeat().status == 204


@pytest.mark.django_db
def test_a_full_server_takes_heartbeats_longest_and_says_when_to_come(narrow: Room) -> None:
    agent = enrolled_agent(make_estate())
    header = {"Authorization": agent.authorization()}
    with ExitStack() as stack:
        for _ in range(9):
            narrow.enter(Kind.HEARTBEAT, 1)
            stack.callback(narrow.leave, 1)
        answers = {
            name: Client().post(f"/i/v1/{name}", b"{}", "application/json", headers=header)
            for name in ("enrol", "blobs", "index", "events")
        }
        assert {name: answer.status_code for name, answer in answers.items()} == dict.fromkeys(
            answers, 503
        )
        assert all(5 <= int(answer["Retry-After"]) <= 60 for answer in answers.values())
        assert agent.heartbeat().status == 204
        assert Client().get("/health/").status_code == 200
    assert narrow.taken_bodies == 0


@pytest.mark.django_db
def test_a_refused_body_gives_its_place_back(narrow: Room) -> None:
    agent = enrolled_agent(make_estate())
    header = {"Authorization": agent.authorization()}
    for raw in (b"{", b"x" * 100_000, b"\xff"):
        Client().post("/i/v1/hb", raw, "application/json", headers=header)
    assert (narrow.taken_bytes, narrow.taken_bodies) == (0, 0)


@pytest.mark.django_db
def test_one_enrolment_token_is_held_to_fifty_a_second(narrow: Room) -> None:
    estate = make_estate()
    secret, other = enrolment_secret(estate.workspace), enrolment_secret(estate.workspace)
    admission.enrolments = Rate(per_second=0.01, burst=3)
    statuses = [WireAgent(client_post, name=f"h{n}").enrol(secret).status for n in range(5)]
    assert statuses == [201, 201, 201, 429, 429]
    assert WireAgent(client_post, name="h9").enrol(other).status == 201


@pytest.mark.django_db
@pytest.mark.parametrize("endpoint", ["hb", "index", "blobs", "events", "rotate"])
def test_a_bad_token_costs_no_sql_and_no_look_up(
    endpoint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    class Watched:
        def __getattr__(self, name: str) -> object:
            asked.append(name)
            return getattr(live_store(), name)

    monkeypatch.setattr("agents.services.heartbeat.live_store", Watched)
    body = json.dumps({"v": 1, "b": "0", "n": 1, "d": "", "q": 0}).encode()
    with CaptureQueriesContext(connection) as queries:
        answer = Client().post(
            f"/i/v1/{endpoint}", body, "application/json", headers={"Authorization": FORGED}
        )
    assert answer.status_code == 401
    assert answer.json()["e"] == "unknown"
    assert len(queries) == 0
    assert asked == []


@pytest.mark.django_db
@pytest.mark.postgres
def test_a_bad_token_costs_no_redis_command(redis_server: RedisServer) -> None:
    with redis_server.client() as client:
        before = client.info("stats")["total_commands_processed"]
        for _ in range(20):
            assert client_post("/i/v1/hb", b"{}", {"Authorization": FORGED}).status == 401
        after = client.info("stats")["total_commands_processed"]
    assert after - before == 1  # the question itself


def test_shares_fall_with_urgency() -> None:
    shares = [SHARES[kind] for kind in URGENT_FIRST]
    assert shares == sorted(shares, reverse=True)
    assert len(set(shares)) == len(shares)
    assert shares[0] == 1.0


def test_the_body_is_not_read_before_the_token_and_the_room_are_known(narrow: Room) -> None:
    class Poisoned(HttpRequest):
        def read(self, *_args: object, **_words: object) -> bytes:
            raise AssertionError

    request = Poisoned()
    request.method = "POST"
    request.META = {"CONTENT_LENGTH": "10", "HTTP_AUTHORIZATION": FORGED}
    view = admission.admitted(Kind.INDEX, admission.Limits(1_000, 1_000))(
        lambda _request: HttpResponse()
    )
    with pytest.raises(admission.agent_tokens.UnknownKey):
        view(request)
