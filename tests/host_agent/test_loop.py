"""The daemon in virtual time: when it calls, what it says, and what it makes of the answers."""

import socket

import pytest
from underpin_agent import loop
from underpin_agent.backoff import Backoff
from underpin_agent.client import Unreachable
from underpin_agent.fingerprint import combined, evidence
from underpin_agent.heartbeat import Standing
from underpin_agent.index import build_index
from underpin_agent.isolation import Isolated
from underpin_agent.ticks import phase_of

from tests.host_agent.at_work import DAY, Clock, collection, enrolled, make_loop, run_for
from tests.host_agent.server import DROP


def indexed(*arguments):
    return build_index(collection(*arguments))


# ---- the loop ---------------------------------------------------------------------------------


def test_one_round_enrols_and_delivers(server, state, host):
    assert make_loop(server, state, host).once() == 0
    assert server.paths()[0] == "/enrol"
    assert server.root


def test_a_round_waits_about_the_interval(server, state, host):
    assert 30 * 0.95 <= make_loop(server, state, host).cycle() <= 90 * 1.05


def test_without_token_and_key_there_is_nothing_to_do(server, state, host):
    assert make_loop(server, state, host, token="").once() == loop.EXIT_REFUSED
    assert server.paths() == []


def test_an_unreachable_server_is_tried_less_and_less_often(state, host):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = "http://127.0.0.1:%d" % free.getsockname()[1]

    class Nowhere:
        url = address

    one = make_loop(Nowhere, state, host)
    waits = [one.cycle() for _ in range(8)]
    assert waits == [7.5, 15, 30, 60, 120, 240, 270, 270]
    assert one.once() == loop.EXIT_UNREACHABLE


def test_retry_after_is_a_floor(server, state, host):
    one = make_loop(server, state, host)
    one.cycle()
    server.answers["/hb"] = [(503, {}, {"Retry-After": "100"})]
    assert one.cycle() == 150


def test_a_removed_agent_erases_its_key_and_ends_well(server, state, host):
    one = make_loop(server, state, host)
    one.cycle()
    server.answers["/hb"] = [(410, {"e": "gone"}, {})]
    with pytest.raises(loop.Stop) as stopped:
        one.cycle()
    assert stopped.value.code == 0
    assert state.read("identity.json") == {}


def test_a_revoked_agent_keeps_quiet_for_hours(server, state, host):
    one = make_loop(server, state, host)
    one.cycle()
    server.answers["/hb"] = [(401, {"e": "revoked"}, {})]
    assert one.cycle() >= 3 * 3600
    assert state.read("identity.json")["host_id"] == "h-1"


def test_an_unknown_agent_enrols_again_with_a_new_key_at_most_hourly(server, state, host):
    one = make_loop(server, state, host)
    one.cycle()
    old = state.read("identity.json")["secret"]
    server.answers["/hb"] = [(401, {"e": "unknown"}, {})] * 2
    one.cycle()
    assert server.paths().count("/enrol") == 1  # enrolled less than an hour ago
    one.membership.enrolled_at -= 3700
    one.cycle()
    one.cycle()
    assert server.paths().count("/enrol") == 2
    assert state.read("identity.json")["secret"] != old


def test_a_refused_new_enrolment_keeps_the_old_key(server, state, host):
    one = make_loop(server, state, host)
    one.cycle()
    one.membership.enrolled_at -= 3700
    server.answers["/hb"] = [(401, {"e": "unknown"}, {})]
    server.answers["/enrol"] = [(409, {}, {})]
    one.cycle()
    assert one.cycle() >= 3600
    assert state.read("identity.json")["host_id"] == "h-1"


def test_a_clone_is_told_and_backs_off(server, state, host, capsys):
    one = make_loop(server, state, host)
    one.cycle()
    server.answers["/hb"] = [(409, {"e": "clone"}, {})]
    assert one.cycle() == 7.5
    assert "two machines" in capsys.readouterr().err


def test_a_copied_image_drops_the_key_and_enrols_anew(server, state, host, tree):
    make_loop(server, state, host).cycle()
    old = state.read("identity.json")
    tree.write("/etc/machine-id", "a1" * 16)
    make_loop(server, state, host).cycle()
    new = state.read("identity.json")
    assert new["secret"] != old["secret"]
    assert new["fingerprint"] == combined(evidence(host)) != old["fingerprint"]


def test_after_an_outage_heartbeats_go_first_and_facts_wait(server, state, host):
    clock = Clock()
    one = make_loop(server, state, host, clock=clock)
    one.cycle()
    server.answers["/hb"] = [(503, {}, {})] * 3
    one.collector.value = collection("changed")
    for _ in range(3):
        one.cycle()
    server.requests.clear()
    run_for(one, clock, 299)
    assert set(server.paths()) == {"/hb"}
    run_for(one, clock, 120)
    assert server.paths().count("/index") == 1


def test_a_failing_index_does_not_hold_up_heartbeats(server, state, host):
    clock = Clock()
    one = make_loop(server, state, host, clock=clock)
    one.cycle()
    one.collector.value = collection("changed")
    server.answers["/index"] = [(503, {}, {})] * 100
    server.requests.clear()
    run_for(one, clock, 3600)
    assert 55 <= server.paths().count("/hb") <= 65
    assert 4 <= server.paths().count("/index") <= 12


def test_a_refused_index_is_left_alone_for_an_hour_and_counted(server, state, host):
    clock = Clock()
    one = make_loop(server, state, host, clock=clock)
    one.cycle()
    one.collector.value = collection("changed")
    server.answers["/index"] = [(422, {}, {})]
    server.requests.clear()
    run_for(one, clock, 3000)
    assert server.paths().count("/index") == 1
    run_for(one, clock, 1500)
    assert server.remarks == [{"counts": {"requests_refused": 1}}]


# ---- waiting for approval ---------------------------------------------------------------------


def test_a_host_that_waits_for_approval_sends_no_facts_and_then_all(server, state, host):
    clock, rows = Clock(), Rows(2)
    one = make_loop(server, state, host, clock=clock, samples=rows)
    server.answers["/hb"] = [(204, None, {})] * 30
    for number in range(30):
        one.collector.value = collection("change %d" % number)
        clock.sleep(one.cycle())
    assert set(server.paths()) == {"/enrol", "/hb"}
    assert len(rows.rows) == 2
    run_for(one, clock, 120)
    assert server.root == one.collector.index().root
    assert server.samples == [{"n": 0}, {"n": 1}]


def test_a_self_check_while_waiting_for_approval_costs_no_hour(server, state, host):
    clock = Clock()
    one = make_loop(server, state, host, clock=clock)
    server.answers["/index"] = [(403, {"e": "pending"}, {})]
    one.cycle()
    run_for(one, clock, 300)
    assert server.root == one.collector.index().root


# ---- the daily self-check ---------------------------------------------------------------------


def test_every_day_the_whole_is_read_and_sent_once_more(server, state, host):
    clock = Clock()
    one = make_loop(server, state, host, clock=clock, wall=clock)
    one.cycle()
    one.interval = 1800.0
    run_for(one, clock, 5 * DAY)
    whole = [body for path, _, body in server.requests if path == "/index" and "delta" not in body]
    assert 5 <= sum(one.collector.everything) <= 6
    # the first is that of the enrolment, sent again after its bodies
    assert 5 <= len({body["gen"] for body in whole}) - 1 <= 6
    assert len(server.blobs) == len(indexed().bodies)


def test_the_day_goes_on_over_a_restart(server, state, host):
    clock = Clock()

    def started():
        return make_loop(server, state, host, clock=clock, wall=clock, interval=1800)

    run_for(started(), clock, DAY)
    before = server.number
    for _ in range(10):  # ten restarts in one day
        run_for(started(), clock, DAY / 10)
    assert 1 <= server.number - before <= 2


def test_hosts_check_themselves_at_different_hours():
    due = [phase_of("host-%d" % number) for number in range(1000)]
    assert all(0 <= one < 1 for one in due)
    hours = [sum(1 for one in due if int(one * 24) == hour) for hour in range(24)]
    assert min(hours) > 15 < 70 > max(hours)


# ---- samples and events -----------------------------------------------------------------------


class Rows:
    """Samples that wait."""

    def __init__(self, count):
        self.rows = [{"n": number} for number in range(count)]

    def waiting(self):
        return self.rows[:64]

    def sent(self, rows):
        assert self.rows[: len(rows)] == rows
        del self.rows[: len(rows)]

    def stop(self):
        return


def test_samples_travel_with_unchanged_facts_every_five_minutes(server, state, host):
    clock, rows = Clock(), Rows(3)
    one = make_loop(server, state, host, clock=clock, samples=rows)
    run_for(one, clock, 3600)
    assert server.samples == [{"n": 0}, {"n": 1}, {"n": 2}]
    generation = server.number
    server.requests.clear()
    for number in range(60):
        rows.rows.append({"n": number})
        run_for(one, clock, 60)
    assert 10 <= server.paths().count("/index") <= 12
    assert server.number == generation
    assert len(server.accepted) == 1


def test_many_samples_need_not_wait_five_minutes_each(server, state, host):
    clock, rows = Clock(), Rows(640)
    one = make_loop(server, state, host, clock=clock, samples=rows)
    run_for(one, clock, 900)
    assert len(server.samples) == 640


def test_samples_are_kept_until_the_server_has_them(server, state, host):
    clock, rows = Clock(), Rows(2)
    one = make_loop(server, state, host, clock=clock, samples=rows)
    one.cycle()
    server.answers["/index"] = [(503, {}, {}), DROP]
    run_for(one, clock, 1800)
    assert not rows.rows
    assert server.samples[-2:] == [{"n": 0}, {"n": 1}]


class Happenings:
    """Events that count their calls."""

    acked_through, in_memory = 7, False

    def __init__(self):
        self.calls = []

    def start(self):
        self.calls.append("start")

    def observe(self, index):
        self.calls.append("observe")

    def deliver(self, _client, token):
        self.calls.append(token)

    def stop(self):
        self.calls.append("stop")


def test_events_follow_a_heartbeat_that_was_answered(server, state, host):
    events = Happenings()
    one = make_loop(server, state, host, events=events)
    assert one.once() == 0
    token = one.delivery.keys.token
    assert events.calls == ["start", "observe", token, "stop"]
    assert server.requests[1][2]["q"] == 7
    server.answers["/hb"] = [(503, {}, {})]
    assert one.once() == loop.EXIT_REFUSED
    assert events.calls.count(token) == 1


def test_the_heartbeat_says_when_events_live_in_memory(server, state, host):
    one = make_loop(server, state, host, events=Happenings())
    one.cycle()
    one.events.in_memory = True
    one.cycle()
    beats = [sent.get("s") for path, _headers, sent in server.requests if path == "/hb"]
    assert beats == [None, "memory"]


# ---- settings of the enrolment ----------------------------------------------------------------


def test_the_salt_of_the_workspace_is_used(server, state, host):
    answer = {"host_id": "h-1", "tag": "t" * 32, "config": {"org_salt": "ab" * 16}}
    server.answers["/enrol"] = [(201, answer, {})]
    server.answers["/hb"] = [(204, None, {})]
    one = make_loop(server, state, host)
    one.cycle()
    assert one.collector.salt == bytes.fromhex("ab" * 16)


def test_words_of_the_server_cannot_write_the_journal(capsys):
    loop.say("a\nunderpin-agent: forged\x1b[2J")
    assert capsys.readouterr().err.count("\n") == 1


def test_jitter_comes_after_the_cap():
    low = Backoff(180.0, lambda low, high: low)
    high = Backoff(180.0, lambda low, high: high)
    for _ in range(20):
        low.next_seconds()
        high.next_seconds()
    assert (low.next_seconds(), high.next_seconds()) == (90.0, 270.0)


def test_a_real_collection_can_be_delivered(server, state, host):
    one = enrolled(server, state, host)
    index = Isolated("/").index()
    assert one.deliver(index).standing is Standing.FINE
    assert server.root == index.root


def test_a_broken_connection_is_unreachable(server, state, host):
    one = enrolled(server, state, host)
    one.client.port = 1
    one.client.close()
    with pytest.raises(Unreachable):
        one.deliver(indexed())
