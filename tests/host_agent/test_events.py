"""What the agent records: starts, deaths, changes, logins and itself; each once, over restarts."""

import json
import os
import random
import signal
import struct
import time
import types

import pytest
from underpin_agent.events import logins
from underpin_agent.events.recorder import Events
from underpin_agent.index import build_index
from underpin_agent.reading import Host

from tests.host_agent.spools import TOKEN, Scripted
from tests.host_agent.tree import Tree


def body(**facts):
    return {"facts": facts, "unknowns": []}


def container(key, ticks=100, **posture):
    identity = body(id=key * 8, name="name-" + key, runtime="docker", leader_start_ticks=ticks)
    return {"key": key, "identity": identity, "posture": body(**posture)}


def index(containers=(), **sections):
    known = {"host": body(os="debian"), **sections}
    return build_index({"sections": known, "containers": list(containers)})


@pytest.fixture
def machine(tmp_path):
    return Tree(tmp_path / "root")


def begun(folder, root, boot="b0000001"):
    one = Events(str(folder), Host(str(root)), boot=boot, say=lambda _text: None)
    one.start()
    return one


@pytest.fixture
def events(tmp_path):
    (tmp_path / "root").mkdir(exist_ok=True)
    return begun(tmp_path, tmp_path / "root")


def kept(one):
    """Every event that waits, as dicts."""
    batch = one.storage.spool.batch(rows=10_000, size=10**9)
    return [json.loads(raw) for _number, raw in batch.rows] if batch else []


def kinds(one):
    return [event["kind"] for event in kept(one)]


# ---- what happens -----------------------------------------------------------------------------


def test_the_first_collection_is_where_it_begins_and_no_event(events):
    events.observe(index([container("a"), container("b")]))
    assert kinds(events) == ["agent.start"]


def test_a_new_container_starts_when_the_kernel_says_and_a_gone_one_dies(events):
    events.observe(index([container("a")]))
    events.observe(index([container("b", ticks=250)]))
    died, started = kept(events)[1:]
    assert (died["kind"], died["where"]["container"]) == ("container.die", "a")
    assert (started["kind"], started["where"]["container_name"]) == ("container.start", "name-b")
    assert started["mono_ms"] == 250 * 1000 // os.sysconf("SC_CLK_TCK")
    assert started["class"] == "A"


def test_a_container_whose_first_process_is_another_died_and_started(events):
    events.observe(index([container("a", ticks=100)]))
    events.observe(index([container("a", ticks=900)]))
    assert kinds(events)[1:] == ["container.die", "container.start"]


def test_a_failed_look_kills_no_container(events):
    events.observe(index([container("a")]))
    failed = build_index({"sections": {"host": {"error": "EIO"}}, "containers": []})
    events.observe(failed)
    events.observe(index([container("a")]))
    assert kinds(events) == ["agent.start"]


def test_a_container_that_is_not_read_yet_is_named_when_it_is(events):
    events.observe(index())
    unread = {"key": "a", "identity": body(), "posture": body()}
    events.observe(index([unread]))
    assert kinds(events) == ["agent.start"]
    events.observe(index([container("a")]))
    assert kept(events)[-1]["where"]["container_name"] == "name-a"


def test_a_container_that_can_never_be_read_starts_all_the_same(events):
    unread = {"key": "a", "identity": body(), "posture": body()}
    for one in (index(), index([unread]), index([unread])):
        events.observe(one)
    assert kinds(events)[1:] == ["container.start"]


def test_changed_facts_are_named_by_section_and_first_key_never_by_value(events):
    events.observe(index(kernel=body(release="6.1", cmdline={"quiet": "hunter2"}), host=body(a=1)))
    events.observe(index(kernel=body(release="6.2", cmdline={"quiet": "hunter3"}), host=body(a=1)))
    (changed,) = kept(events)[1:]
    what = {"attributes": {"section": "kernel", "keys": ["cmdline", "release"]}}
    assert changed["what"] == what
    assert "hunter" not in json.dumps(changed)


def test_a_changed_wall_around_a_container_is_an_event_of_the_container(events):
    events.observe(index([container("a", privileged=False)]))
    events.observe(index([container("a", privileged=True)]))
    (changed,) = kept(events)[1:]
    assert changed["where"]["container"] == "a"
    assert changed["what"]["attributes"]["keys"] == ["posture"]


def test_sections_that_stay_unreadable_are_one_event(events):
    broken = {"sections": {"host": body(a=1), "kernel": {"error": "EACCES"}}, "containers": []}
    for _ in range(4):
        events.observe(build_index(broken))
    assert kinds(events)[1:] == ["agent.degraded"]


def test_a_thousand_containers_at_once_stay_a_bounded_number_of_events(events):
    events.observe(index())
    events.observe(index([container("c%d" % one) for one in range(1_000)]))
    found = kept(events)
    assert len(found) == 102
    assert found[-1]["what"]["amount"] == 900


def test_a_kind_can_be_switched_off_but_not_what_the_agent_says_of_itself(events):
    off = {"facts.changed": False, "agent.stop": False}
    events.use_configuration(types.SimpleNamespace(events=off, fold_seconds=None, spool_bytes=None))
    events.observe(index(host=body(a=1)))
    events.observe(index(host=body(a=2)))
    events.stop()
    assert kinds(events) == ["agent.start", "agent.stop"]


# ---- restarts ---------------------------------------------------------------------------------


def test_a_restart_says_what_was_missed(tmp_path, events):
    events.observe(index([container("a"), container("b")]))
    events.stop()
    again = begun(tmp_path, tmp_path / "root")
    again.observe(index([container("b"), container("c")]))
    found = kept(again)[1:]
    assert [one["kind"] for one in found] == [
        "agent.stop", "agent.start", "agent.gap", "container.die", "container.start",
    ]  # fmt: skip
    assert found[1]["what"]["reason"] == "started again"


@pytest.mark.parametrize("seed", range(30))
def test_a_damaged_state_is_a_new_beginning_and_never_an_error(tmp_path, events, seed):
    events.observe(index([container("a")]))
    events.stop()
    path = tmp_path / "spool" / "seen.json"
    raw = bytearray(path.read_bytes())
    raw[random.Random(seed).randrange(len(raw))] ^= 1 << seed % 8
    path.write_bytes(raw)
    again = begun(tmp_path, tmp_path / "root")
    again.observe(index([container("b")]))
    assert kinds(again)[-1] == "agent.start"
    assert kept(again)[-1]["what"]["reason"] == "first start"


def test_a_kill_and_a_restart_of_the_host_are_told_apart(tmp_path, events):
    events.observe(index())
    killed = begun(tmp_path, tmp_path / "root")
    assert kept(killed)[-2]["what"]["reason"] == "the last run ended without notice"
    booted = begun(tmp_path, tmp_path / "root", boot="b0000002")
    assert kept(booted)[-2]["what"]["reason"] == "the host was started"


def test_a_spool_of_another_enrolment_is_not_sent(tmp_path, events):
    client = Scripted()
    events.deliver(client, TOKEN)
    assert [one["kind"] for one in client.events()] == ["agent.start"]
    events.observe(index())
    events.observe(index([container("a")]))
    events.deliver(client, TOKEN.replace("1111-", "2222-", 1))
    assert len(client.sent) == 1
    events.observe(index([container("a")]))
    events.deliver(client, TOKEN.replace("1111-", "2222-", 1))
    first, second = (json.loads(raw) for raw in client.sent)
    assert first["epoch"] != second["epoch"]
    assert [one["kind"] for one in second["ev"]] == ["agent.spool_drop"]


def churn(folder, root, writer, seed):
    """Rounds of starting and stopping containers until killed; says each round before it."""
    choose = random.Random(seed)
    one = Events(str(folder), Host(str(root)), boot="b0000001", say=lambda _text: None)
    one._logins = list  # no children: the kill must hit this process
    one.start()
    if not one.seen.is_known:
        one.observe(index())
    alive = set(one.seen.containers)
    while True:
        alive ^= {"c%d" % choose.randrange(30)}
        one.observe(index([container(key) for key in sorted(alive)]))
        os.write(writer, b".")


def test_killed_at_any_moment_no_start_or_death_is_lost_or_doubled(tmp_path):
    (tmp_path / "root").mkdir()
    rounds = 0
    for seed in range(40):
        reader, writer = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(reader)
            try:
                churn(tmp_path, tmp_path / "root", writer, seed)
            finally:
                os._exit(1)
        os.close(writer)
        time.sleep(random.Random(seed).uniform(0.01, 0.1))
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        with os.fdopen(reader, "rb") as pipe:
            rounds += len(pipe.read())
    assert rounds > 40, "the rounds were too few to prove anything"
    one = begun(tmp_path, tmp_path / "root")
    alive = set()
    for event in kept(one):
        key = event.get("where", {}).get("container")
        if event["kind"] == "container.start":
            assert key not in alive, "a start twice"
            alive.add(key)
        if event["kind"] == "container.die":
            alive.remove(key)
    assert alive == set(one.seen.containers)


# ---- logins -----------------------------------------------------------------------------------


def record(kind, user, line="pts/0", host="192.0.2.7", seconds=1_700_000_000):
    texts = (line.encode(), b"0", user.encode(), host.encode())
    return struct.pack(
        "=hhi32s4s32s256shhiii16s20s", kind, 0, 77, *texts, 0, 0, 5, seconds, 123, b"", b""
    )


def test_logins_are_events_from_where_the_agent_began(tmp_path, machine):
    machine.write("/etc/passwd", "root:x:0:0::/:/bin/sh\n")
    machine.write("/var/log/wtmp", record(7, "early"))
    machine.write("/var/log/btmp", b"")
    one = begun(tmp_path, tmp_path / "root")
    one.observe(index())
    now = int(time.time()) - 10
    with (tmp_path / "root/var/log/wtmp").open("ab") as file:
        file.write(record(7, "anna", seconds=now) + record(8, "", seconds=now + 1))
    with (tmp_path / "root/var/log/btmp").open("ab") as file:
        file.write(record(6, "root", seconds=now) + record(6, "my-secret-password", seconds=now))
    one.observe(index())
    one.observe(index())
    found = kept(one)[1:]
    assert [event["kind"] for event in found] == [
        "login.fail", "login.fail", "login.open", "login.close",
    ]  # fmt: skip
    opened = found[2]
    assert opened["who"] == {"user": "anna", "terminal": "pts/0", "remote_address": "192.0.2.7"}
    assert opened["class"] == "A"
    assert found[0]["who"]["user"] == "root"
    assert "user" not in found[1]["who"], "a name that is no account may be a password"


def test_a_login_file_that_shrank_is_an_event_and_a_rotated_one_is_not(machine, tmp_path):
    host = Host(str(tmp_path / "root"))
    machine.write("/var/log/wtmp", record(7, "a") * 3)
    known = {path: one["at"] for path, one in logins.read(host, {}).items()}
    os.truncate(tmp_path / "root/var/log/wtmp", 384)
    found = logins.read(host, known)["/var/log/wtmp"]
    assert found["cut"]
    os.rename(tmp_path / "root/var/log/wtmp", tmp_path / "root/var/log/wtmp.1")
    machine.write("/var/log/wtmp", record(7, "b"))
    found = logins.read(host, {"/var/log/wtmp": found["at"]})["/var/log/wtmp"]
    assert not found["cut"]
    assert [row["user"] for row in found["rows"]] == ["b"]


def test_a_flood_of_failed_logins_is_cut_and_counted(machine, tmp_path):
    host = Host(str(tmp_path / "root"))
    machine.write("/var/log/btmp", b"")
    known = {path: one["at"] for path, one in logins.read(host, {}).items()}
    machine.write("/var/log/btmp", record(6, "root") * 1_000)
    found = logins.read(host, known)["/var/log/btmp"]
    assert (len(found["rows"]), found["more"]) == (logins.MAX_RECORDS, 800)
