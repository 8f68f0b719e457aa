"""Servers in trouble: whatever they answer, never a tight loop, and back when they are back."""

import random

import pytest
from underpin_agent import loop
from underpin_agent.backoff import HEARTBEAT_CAP_SECONDS, uniform
from underpin_agent.enrolment import secret_hash
from underpin_agent.heartbeat import Standing

from tests.host_agent.at_work import HOUR, Clock, collection, make_loop, run_for
from tests.host_agent.server import DROP, root_of

TROUBLE = {
    "500": (500, {}, {}),
    "502 with a page": (502, b"<html>", {"Content-Type": "text/html"}),
    "503": (503, {}, {}),
    "503, 0 s": (503, {}, {"Retry-After": "0"}),
    "503, -1 s": (503, {}, {"Retry-After": "-1"}),
    "503, 1e9 s": (503, {}, {"Retry-After": "1000000000"}),
    "503, a date": (503, {}, {"Retry-After": "Fri, 31 Dec 2027 23:59:59 GMT"}),
    "503, garbage": (503, {}, {"Retry-After": "\xff soon"}),
    "429": (429, {}, {"Retry-After": "1"}),
    "408": (408, {}, {}),
    "400": (400, {}, {}),
    "404": (404, {}, {}),
    "200 with bad JSON": (200, b'{"need":', {}),
    "200 with deep JSON": (200, b"[" * 60_000, {}),
    "418": (418, {}, {}),
}


@pytest.mark.parametrize("answer", TROUBLE.values(), ids=TROUBLE)
@pytest.mark.parametrize("path", ["/enrol", "/hb", "/index", "/blobs"])
def test_no_answer_makes_a_tight_loop(server, state, host, path, answer):
    clock = Clock()
    server.answers[path] = [answer] * 500
    one = make_loop(server, state, host, clock=clock, pick=lambda low, _high: low)
    if path == "/enrol" and answer[0] in (400, 404, 418):
        with pytest.raises(loop.Stop):
            one.cycle()
        assert server.paths() == ["/enrol"]
        return
    run_for(one, clock, 600)
    assert len(server.paths()) <= 60
    assert all(1.0 <= slept <= 1.5 * HOUR for slept in clock.slept)


@pytest.mark.parametrize("answer", TROUBLE.values(), ids=TROUBLE)
@pytest.mark.parametrize("path", ["/hb", "/index", "/blobs"])
def test_when_the_server_is_back_the_facts_arrive(server, state, host, path, answer):
    clock = Clock()
    server.answers[path] = [answer] * 5
    one = make_loop(server, state, host, clock=clock, interval=900)
    run_for(one, clock, 8 * HOUR)
    assert server.root == root_of(server.sections, server.containers) != ""
    assert server.counters == sorted(set(server.counters))


def test_an_empty_answer_may_carry_a_body(server, state, host):
    clock = Clock()
    one = make_loop(server, state, host, clock=clock)
    one.cycle()
    server.answers["/hb"] = [(204, b'{"need":"index"}', {})]
    run_for(one, clock, 300)
    assert len(server.counters) >= 4


@pytest.mark.parametrize(
    "body", [{"need": 5}, {"c": {"interval": 1}}, {"c": 7}, {"rot": "yes"}, {"ack": "x"}, {"c": ""}]
)
def test_an_answer_with_wrong_types_asks_for_nothing(server, state, host, body):
    clock = Clock()
    one = make_loop(server, state, host, clock=clock)
    one.cycle()
    server.requests.clear()
    server.answers["/hb"] = [(200, body, {})]
    one.cycle()
    assert server.paths() == ["/hb"]


def test_an_outage_of_half_an_hour_spreads_the_return(server, state, host):
    """The time of return of 400 agents: spread over the backoff, none of them in step."""
    returns = []
    for number in range(400):
        clock = Clock(now=number * 1.0)
        one = make_loop(server, state, host, clock=clock, pick=uniform)
        while clock.now < number + 1800:
            clock.sleep(one.beats.next_seconds())
        returns.append(clock.now - number - 1800)
    assert max(returns) <= 1.5 * HEARTBEAT_CAP_SECONDS
    busiest = max(sum(1 for one in returns if at <= one < at + 10) for at in range(0, 270, 10))
    assert busiest <= 60
    assert 30 <= sorted(returns)[200] <= 150


# ---- lost replies -----------------------------------------------------------------------------


@pytest.mark.parametrize("every", [1, 2, 3, 4, 5, 7])
def test_with_lost_replies_everything_arrives_once(server, state, host, every):
    """Every n-th reply is lost after the work: enrolment, index, bodies, new key, samples."""
    clock = Clock()
    server.drop_every = every
    server.rotate = True
    one = make_loop(server, state, host, clock=clock, interval=120)
    # With every reply lost nothing is ever acknowledged; later every second one arrives.
    run_for(one, clock, HOUR)
    server.drop_every = 2 if every == 1 else every
    for number in range(5):
        one.collector.value = collection("change %d" % number, containers=number)
        run_for(one, clock, HOUR)
    server.drop_every = 0
    run_for(one, clock, HOUR)
    index = one.collector.index()
    assert len(server.enrolments) == 1
    assert server.root == index.root == one.delivery.facts.accepted
    assert set(index.bodies) <= set(server.blobs)
    numbers = [number for number, _root in server.accepted]
    assert numbers == sorted(set(numbers))
    assert server.counters == sorted(server.counters)  # a repeated request has the same number
    assert server.next_hash == ""
    assert not server.rotate


def test_a_lost_reply_to_an_index_makes_no_second_one(server, state, host):
    clock = Clock()
    one = make_loop(server, state, host, clock=clock)
    one.cycle()
    server.answers["/index"] = [DROP, DROP]
    one.collector.value = collection("changed")
    run_for(one, clock, HOUR)
    assert [number for number, _root in server.accepted] == [1, 2]
    assert one.delivery.facts.generation == 2


def test_a_lost_reply_to_a_heartbeat_counts_on(server, state, host):
    clock = Clock()
    one = make_loop(server, state, host, clock=clock)
    one.cycle()
    server.answers["/hb"] = [DROP] * 10
    run_for(one, clock, HOUR)
    assert one.delivery.beat(one.delivery.facts.accepted).standing is Standing.FINE


# ---- any order of troubles --------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(8))
def test_whatever_happens_on_the_way_it_converges(server, state, host, seed):
    """Random changes, renewals, restarts, lost replies and errors; the model is the last
    collection, one host, one key, and generations that only rise."""
    choose = random.Random(seed)
    clock = Clock()
    errors = [(503, {}, {}), (500, {}, {}), (429, {}, {"Retry-After": "3"}), (408, {}, {}), DROP]
    server.fate = lambda: choose.choice(errors) if choose.random() < 0.35 else None
    one, steps = make_loop(server, state, host, clock=clock, interval=300), 0
    while steps < 60:
        steps += 1
        clock.sleep(one.cycle())
        happens = choose.random()
        if happens < 0.3:
            value = collection("change %d" % steps, containers=choose.randint(0, 4))
            one.collector.value = value
        elif happens < 0.4:
            server.rotate = True
        elif happens < 0.5:
            one = make_loop(server, state, host, one.collector.value, clock=clock, interval=300)
    server.fate = None
    run_for(one, clock, 2 * HOUR)
    index = one.collector.index()
    assert len(server.enrolments) == 1
    assert server.root == index.root == one.delivery.facts.accepted
    assert root_of(server.sections, server.containers) == index.root
    assert set(index.bodies) <= set(server.blobs)
    numbers = [number for number, _root in server.accepted]
    assert numbers == sorted(set(numbers))
    assert server.counters == sorted(server.counters)
    assert (server.rotate, server.next_hash) == (False, "")
    assert server.secret_hash == secret_hash(state.read("identity.json")["secret"])
