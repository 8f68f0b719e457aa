"""Folding repeats, and bringing events to a server that may answer anything."""

import json

import pytest
from underpin_agent.client import Reply, Unreachable
from underpin_agent.events.event import make, payload
from underpin_agent.events.folding import Folding
from underpin_agent.events.sender import Sender
from underpin_agent.events.storage import Storage

from tests.host_agent.spools import TOKEN, Scripted

# ---- folding ----------------------------------------------------------------------------------


def changed(mono, keys=("a",)):
    what = {"attributes": {"section": "kernel", "keys": list(keys)}}
    return make("facts.changed", "agent", boot="b", mono=mono, what=what)


def test_repeats_within_a_minute_are_one_event_with_a_count():
    folding = Folding()
    assert len(folding.offer(changed(0), 0)) == 1
    assert folding.offer(changed(10_000), 10_000) == []
    assert folding.offer(changed(20_000), 20_000) == []
    assert folding.due(59_999) == []
    (one,) = folding.due(60_000)
    assert (one["count"], one["first_ms"], one["last_ms"]) == (2, 10_000, 20_000)
    assert len(folding.offer(changed(70_000), 70_000)) == 1


def test_other_objects_and_class_a_are_never_folded():
    folding = Folding()
    start = make("container.start", "cgroup", boot="b", mono=1, where={"container": "a"})
    assert [len(folding.offer(start, one)) for one in range(3)] == [1, 1, 1]
    assert len(folding.offer(changed(0), 0)) == 1
    assert len(folding.offer(changed(0, keys=("b",)), 0)) == 1


def test_texts_from_the_host_are_bounded_and_storable():
    where = {"container_name": "x" * 5_000 + "\0", "runtime": "a\0b"}
    event = make("container.start", "cgroup", boot="b", mono=1, where=where)
    assert len(event["where"]["container_name"]) == 256
    assert event["where"]["runtime"] == "ab"
    assert b"\\u0000" not in payload(event)


# ---- sending ----------------------------------------------------------------------------------


def sender_of(tmp_path, count, size=10):
    storage = Storage(str(tmp_path / "s"), say=lambda _text: None)
    storage.open()
    for number in range(1, count + 1):
        event = make("container.start", "cgroup", boot="b", mono=number, where={"x": "y" * size})
        storage.append(payload(event))
    clock = [1_000.0]
    sender = Sender(
        storage, boot="b", say=lambda _t: None, clock=lambda: clock[0], pick=lambda low, _h: low
    )
    return storage, sender, clock


def test_at_most_a_thousand_events_a_request_and_four_requests_a_minute(tmp_path):
    storage, sender, clock = sender_of(tmp_path, 5_500)
    client = Scripted()
    sender.deliver(client, TOKEN)
    sender.deliver(client, TOKEN)
    assert [len(json.loads(raw)["ev"]) for raw in client.sent] == [1_000] * 4
    clock[0] += 60
    sender.deliver(client, TOKEN)
    assert [event["seq"] for event in client.events()] == list(range(1, 5_501))
    assert storage.spool.acked == 5_500


def test_a_request_stays_below_a_mebibyte(tmp_path):
    _storage, sender, _clock = sender_of(tmp_path, 900, size=250 * 10)
    client = Scripted()
    sender.deliver(client, TOKEN)
    assert max(len(raw) for raw in client.sent) <= 1_048_576


def test_413_halves_the_batch_and_drops_what_alone_is_too_big(tmp_path):
    storage, sender, clock = sender_of(tmp_path, 8)

    def picky(request):
        if any(event["seq"] == 5 for event in request["ev"]):
            return Reply(413, {})
        return Scripted().post("/events", json.dumps(request).encode(), "k1.")

    client = Scripted(*[picky] * 30)
    for _ in range(6):
        sender.deliver(client, TOKEN)
        clock[0] += 60
    taken = {
        event["seq"]
        for raw in client.sent
        for event in json.loads(raw)["ev"]
        if all(one["seq"] != 5 for one in json.loads(raw)["ev"])
    }
    assert taken == {1, 2, 3, 4, 6, 7, 8}
    assert storage.spool.acked == 8
    drops = [one for raw in client.sent for one in json.loads(raw)["drop"]]
    assert {"from": 5, "to": 5, "n": 1, "why": "too_big"} in drops


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_busy_server_is_left_alone_for_a_while(tmp_path, status):
    storage, sender, clock = sender_of(tmp_path, 5)
    client = Scripted(lambda _request: Reply(status, {}, 300.0))
    for seconds in (0, 60, 200):
        clock[0] = 1_000 + seconds
        sender.deliver(client, TOKEN)
    assert len(client.sent) == 1
    clock[0] = 1_301
    sender.deliver(client, TOKEN)
    assert storage.spool.acked == 5


@pytest.mark.parametrize("status", [401, 403, 404, 410, 426])
def test_a_refused_key_keeps_the_spool(tmp_path, status):
    storage, sender, _clock = sender_of(tmp_path, 5)
    client = Scripted(status)
    sender.deliver(client, TOKEN)
    assert len(client.sent) == 1
    assert storage.spool.acked == 0
    assert len(storage.spool.batch(rows=10, size=10_000).rows) == 5


@pytest.mark.parametrize(
    "answer", [{}, {"ack": "5"}, {"ack": -1}, {"ack": 0}, {"ack": True}, {"ack": 2.5}]
)
def test_an_answer_without_a_sound_number_acknowledges_nothing(tmp_path, answer):
    storage, sender, _clock = sender_of(tmp_path, 5)
    client = Scripted(*[lambda _request: Reply(200, answer)] * 9)
    sender.deliver(client, TOKEN)
    assert storage.spool.acked == 0
    assert len(client.sent) == 1


def test_a_broken_connection_is_no_error_of_events(tmp_path):
    storage, sender, _clock = sender_of(tmp_path, 5)

    def away(_request):
        raise Unreachable

    sender.deliver(Scripted(away), TOKEN)
    assert storage.spool.acked == 0


def test_a_server_that_always_goes_back_is_asked_twice_and_no_more(tmp_path):
    storage, sender, _clock = sender_of(tmp_path, 5)
    storage.spool.acknowledge(4)
    client = Scripted(*[lambda _request: Reply(409, {"ack": 0})] * 9)
    sender.deliver(client, TOKEN)
    assert len(client.sent) == 2
    assert json.loads(client.sent[1])["from"] == 1
