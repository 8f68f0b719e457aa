"""Settings pushed by a server, good and hostile, and the local policy that only narrows."""

import json
import os

import pytest
from underpin_agent.__main__ import main
from underpin_agent.configuration import Configuration, ConfigurationRefused, parse
from underpin_agent.policy_file import Policy, PolicyError, load_policy, parse_policy

from tests.host_agent.at_work import HOUR, Clock, make_loop, run_for

GOOD = {
    "interval": 300,
    "collectors": {"images": {"on": False, "interval": 3600}, "packages": {"interval": 60}},
    "events": {"login": False},
    "fold_seconds": 120,
    "spool_bytes": 1_048_576,
    "labels": {"team": "platform"},
    "options": {"tls_probe": True, "set_id_scan": False},
    "sysctls": ["kernel.printk", "net.ipv4.ip_forward"],
}
BAD = [
    {"interval": 29}, {"interval": 3601}, {"interval": "60"}, {"interval": 60.0},
    {"interval": True}, {"interval": [60]}, {"interval": -(10**400)},
    {"collectors": []}, {"collectors": {"x": 5}}, {"collectors": {"x": {"on": "no"}}},
    {"collectors": {"x": {"interval": 59}}}, {"collectors": {"x": {"interval": 86_401}}},
    {"collectors": {"../x": {"on": True}}}, {"collectors": {"X": {}}}, {"collectors": {"": {}}},
    {"collectors": {"c%d" % n: {} for n in range(65)}},
    {"events": {"a": 1}}, {"events": {"a b": True}}, {"events": "all"},
    {"fold_seconds": 0}, {"fold_seconds": 3601}, {"fold_seconds": False},
    {"spool_bytes": 262_143}, {"spool_bytes": 268_435_457}, {"spool_bytes": 1e6},
    {"labels": {"a": 5}}, {"labels": {"a": "b\n"}}, {"labels": {"": "b"}},
    {"labels": {str(n): "" for n in range(65)}}, {"labels": {"a": "x" * 256}},
    {"options": {"tls_probe": 1}}, {"options": ["tls_probe"]},
    {"sysctls": ["../../etc/shadow"]}, {"sysctls": ["kernel..x"]}, {"sysctls": [".x"]},
    {"sysctls": ["a/b"]}, {"sysctls": ["x;y"]}, {"sysctls": [5]}, {"sysctls": "kernel.x"},
    {"sysctls": ["a%d" % n for n in range(65)]}, {"sysctls": ["x" * 129]}, {"sysctls": ["X"]},
    [], "interval", 5, None,
]  # fmt: skip


def test_every_key_is_read():
    found = parse(GOOD)
    assert found.interval == 300
    assert found.collectors == {"images": (False, 3600), "packages": (True, 60)}
    assert (found.events, found.fold_seconds) == ({"login": False}, 120)
    assert (found.spool_bytes, found.labels) == (1_048_576, {"team": "platform"})
    assert found.options == {"tls_probe": True, "set_id_scan": False}
    assert found.sysctls == ("kernel.printk", "net.ipv4.ip_forward")


@pytest.mark.parametrize("value", BAD, ids=lambda value: json.dumps(value)[:40])
def test_a_value_out_of_bounds_refuses_everything(value):
    whole = {**GOOD, **value} if isinstance(value, dict) else value
    with pytest.raises(ConfigurationRefused):
        parse(whole)


@pytest.mark.parametrize(
    "more",
    [
        {"command": "rm -rf /"}, {"paths": ["/etc/shadow"]}, {"url": "http://x"}, {"query": "x"},
        {"options": {"shell": True}}, {"interval": None}, {"collectors": {"images": {"run": "x"}}},
    ],
)  # fmt: skip
def test_unknown_keys_say_nothing(more):
    found = parse(more)
    assert all("rm" not in str(getattr(found, name)) for name in Configuration.__slots__)
    assert (found.options, found.interval, found.labels) == ({}, None, {})


# ---- on the wire ------------------------------------------------------------------------------


def push(server, config, etag):
    server.config, server.etag = config, etag


def working(server, state, host, **more):
    clock = Clock()
    one = make_loop(server, state, host, clock=clock, **more)
    run_for(one, clock, 300)
    return one, clock


def test_a_pushed_configuration_holds_and_survives_a_restart(server, state, host):
    one, clock = working(server, state, host)
    push(server, GOOD, "e1")
    run_for(one, clock, HOUR)
    assert one.interval == 300
    assert one.collector.configuration.options == {"tls_probe": True, "set_id_scan": False}
    beats = [body for path, _, body in server.requests if path == "/hb"]
    assert (beats[0]["c"], beats[-1]["c"]) == ("", "e1")
    assert server.paths().count("/config") == 1
    again = make_loop(server, state, host, clock=clock)
    again.cycle()
    assert again.interval == 300
    assert server.paths().count("/config") == 1


def test_pushed_labels_go_with_the_next_enrolment(server, state, host):
    one, clock = working(server, state, host)
    one.settings.labels = {"rack": "7"}
    push(server, {"labels": {"team": "platform", "rack": "8"}}, "e1")
    run_for(one, clock, 2 * HOUR)
    server.forget()
    run_for(one, clock, HOUR)
    sent = [body["labels"] for path, _, body in server.requests if path == "/enrol"]
    assert sent == [{}, {"rack": "7", "team": "platform"}]


@pytest.mark.parametrize("value", BAD[:8], ids=lambda value: json.dumps(value)[:40])
def test_a_refused_configuration_is_reported_and_the_last_good_one_kept(
    server, state, host, value, capsys
):
    one, clock = working(server, state, host)
    push(server, GOOD, "e1")
    run_for(one, clock, HOUR)
    push(server, {**GOOD, **value}, "e2")
    run_for(one, clock, HOUR)
    assert one.interval == 300
    assert server.paths().count("/config") == 2  # asked for once, not every minute
    assert len(server.remarks) == 1
    assert "must be" in server.remarks[0]["refused"] or "holds" in server.remarks[0]["refused"]
    assert capsys.readouterr().err.count("configuration refused") == 1
    push(server, {"interval": 120}, "e3")
    run_for(one, clock, HOUR)
    assert one.interval == 120
    assert server.remarks[1:] == [{"refused": ""}]


@pytest.mark.parametrize(
    "answer",
    [
        (200, b"<html>", {}), (200, {"config": GOOD}, {}), (200, {"etag": 5, "config": GOOD}, {}),
        (200, {"etag": "a\r\nX: y", "config": GOOD}, {}), (200, {"etag": "e1"}, {}),
        (404, {}, {}), (500, {}, {}), (401, {"e": "unknown"}, {}), (302, b"", {"Location": "/x"}),
        (200, {"etag": "e1", "config": {"labels": {"a": "x" * 70_000}}}, {}),
    ],
)  # fmt: skip
def test_an_odd_answer_changes_nothing(server, state, host, answer):
    one, clock = working(server, state, host)
    push(server, GOOD, "e1")
    server.answers["/config"] = [answer] * 500
    run_for(one, clock, HOUR)
    assert one.interval == 60
    assert one.pushed.etag == ""
    assert server.paths().count("/config") <= 61  # at most one with each heartbeat
    assert server.paths().count("/hb") >= 55


def test_a_flapping_configuration_costs_one_request_a_heartbeat(server, state, host):
    one, clock = working(server, state, host)
    server.requests.clear()
    for number in range(60):
        push(server, {"interval": 60, "fold_seconds": 1 + number % 2}, "e%d" % number)
        run_for(one, clock, 60)
    assert server.paths().count("/config") <= server.paths().count("/hb") <= 65


def test_a_big_configuration_within_bounds_survives_a_restart(server, state, host):
    one, clock = working(server, state, host)
    big = {"labels": {"k%02d" % n + "x" * 200: "v" * 250 for n in range(64)}}
    push(server, big, "e1")
    run_for(one, clock, 300)
    again = make_loop(server, state, host, clock=clock)
    again.cycle()
    assert again.pushed.configuration.labels == big["labels"]


def test_a_saved_configuration_out_of_bounds_is_fetched_anew(server, state, host):
    one, clock = working(server, state, host)
    push(server, GOOD, "e1")
    run_for(one, clock, HOUR)
    state.write("pushed.json", {"etag": "e1", "config": {"interval": 1}})
    again = make_loop(server, state, host, clock=clock)
    run_for(again, clock, HOUR)
    assert again.interval == 300


# ---- local policy -----------------------------------------------------------------------------

POLICY = """
# what this host does not do, whatever the server asks for
interval = 600
collector.images = off      # takes long here
collector.packages.interval = 7200
event.login = off
option.tls_probe = off
fold_seconds = 300
spool_bytes = 524288
labels = off
sysctls = kernel.printk
"""


def test_the_policy_wins_over_every_pushed_key():
    held = parse_policy(POLICY).narrow(parse({**GOOD, "events": {"login": True, "x": True}}))
    assert held.interval == 600
    assert held.collectors == {"images": (False, 3600), "packages": (True, 7200)}
    assert held.events == {"login": False, "x": True}
    assert held.options == {"tls_probe": False, "set_id_scan": False}
    assert (held.fold_seconds, held.spool_bytes, held.labels) == (300, 524_288, {})
    assert held.sysctls == ("kernel.printk",)


def test_the_policy_holds_without_a_pushed_configuration():
    held = parse_policy(POLICY).narrow(Configuration())
    assert (held.interval, held.fold_seconds, held.spool_bytes) == (600, 300, 524_288)
    assert held.collectors == {"images": (False, None), "packages": (True, 7200)}
    assert (held.events, held.options) == ({"login": False}, {"tls_probe": False})


def test_the_policy_never_widens():
    wanted = {
        "interval": 3600,
        "fold_seconds": 3600,
        "spool_bytes": 262_144,
        "sysctls": [],
        "collectors": {"images": {"on": False}, "packages": {"on": False, "interval": 86_400}},
        "events": {"login": False},
        "options": {"tls_probe": False},
    }
    held = parse_policy(POLICY).narrow(parse(wanted))
    assert (held.interval, held.fold_seconds, held.spool_bytes) == (3600, 3600, 262_144)
    assert held.collectors == {"images": (False, None), "packages": (False, 86_400)}
    assert held.sysctls == ()


def test_no_policy_narrows_nothing():
    held, wanted = Policy().narrow(parse(GOOD)), parse(GOOD)
    for name in Configuration.__slots__:
        assert getattr(held, name) == getattr(wanted, name)


def test_the_loop_keeps_to_the_policy(server, state, host):
    one, clock = working(server, state, host, policy=parse_policy("interval = 900"))
    push(server, {"interval": 30}, "e1")
    run_for(one, clock, 2 * HOUR)
    assert one.interval == 900
    assert len(server.counters) <= 10


@pytest.mark.parametrize(
    "line",
    [
        "interval", "interval = 5", "interval = fast", "interval = 1e3", "collector.images = on",
        "collector.images = no", "collector = off", "colector.images = off", "option.shell = off",
        "option.tls_probe = true", "event. = off", "sysctls =", "sysctls = ../x", "labels = on",
        "collector.packages.interval = 5", "interval.interval = 60", "[agent]", "x = off",
        "spool_bytes = 1", "event.login.interval = 60",
    ],
)  # fmt: skip
def test_a_line_that_is_not_understood_ends_the_agent(line):
    with pytest.raises(PolicyError, match="line 2"):
        parse_policy("# first\n" + line)


def test_names_with_dots_and_dashes_are_names():
    held = parse_policy("event.agent.start = off\nsysctls = none").narrow(parse(GOOD))
    assert held.events["agent.start"] is False
    assert held.sysctls == ()


def test_a_missing_file_is_no_policy(tmp_path):
    assert load_policy(str(tmp_path / "none")).narrow(parse(GOOD)).interval == 300


@pytest.mark.parametrize("mode", [0o666, 0o622, 0o664])
def test_a_file_that_others_may_change_is_refused(tmp_path, mode):
    path = tmp_path / "agent.conf"
    path.write_text("interval = 600\n")
    path.chmod(mode)
    with pytest.raises(PolicyError, match="changed by others"):
        load_policy(str(path))


def test_a_file_of_another_user_is_refused(tmp_path, monkeypatch):
    path = tmp_path / "agent.conf"
    path.write_text("interval = 600\n")
    path.chmod(0o644)
    assert load_policy(str(path)).interval == 600
    os.chown(path, 12_345, 12_345)
    with pytest.raises(PolicyError, match="another user"):
        load_policy(str(path))


def test_a_pipe_or_a_long_file_is_refused(tmp_path):
    os.mkfifo(tmp_path / "pipe", 0o600)
    with pytest.raises(PolicyError):
        load_policy(str(tmp_path / "pipe"))
    (tmp_path / "long").write_text("#" * 70_000)
    (tmp_path / "long").chmod(0o600)
    with pytest.raises(PolicyError, match="too long"):
        load_policy(str(tmp_path / "long"))


def test_the_program_does_not_start_with_a_policy_it_does_not_understand(server, tmp_path, capsys):
    path = tmp_path / "agent.conf"
    path.write_text("collector.images = of\n")
    path.chmod(0o600)
    arguments = ["run", "--once", "--server", server.url, "--token", "t"]
    arguments += ["--state", str(tmp_path / "s"), "--policy", str(path)]
    assert main(arguments) == 2
    assert "line 1: only off can be said here" in capsys.readouterr().err
    assert server.paths() == []
