"""Who the agent is: copied folders, restored snapshots, revoked, renewed and forged tokens."""

import json
import os
import shutil

import pytest
from underpin_agent import loop
from underpin_agent.enrolment import is_same_machine, load_identity, secret_hash
from underpin_agent.fingerprint import evidence
from underpin_agent.state import State

from tests.host_agent.at_work import DAY, HOUR, Clock, collection, make_loop, run_for
from tests.host_agent.server import DROP


def copied(state, folder):
    """A copy of the state folder, as it arrives in an image or on a second machine."""
    shutil.copytree(state.folder, folder)
    for path in folder.iterdir():
        path.chmod(0o600)
    other = State(str(folder))
    other.open()
    return other


# ---- copies -----------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/etc/machine-id", "/sys/class/dmi/id/product_uuid"])
def test_on_another_machine_a_copied_folder_enrols_anew(server, state, host, tree, tmp_path, path):
    tree.write("/sys/class/dmi/id/product_uuid", "11111111-2222-3333-4444-555555555555\n")
    one = make_loop(server, state, host)
    one.cycle()
    first = state.read("identity.json")
    server.requests.clear()
    other = copied(state, tmp_path / "copy")
    tree.write("/sys/class/dmi/id/product_uuid", "99999999-2222-3333-4444-555555555555\n")
    tree.write("/etc/machine-id", "a1" * 16)
    two = make_loop(server, other, host)
    two.cycle()
    assert server.paths()[0] == "/enrol"  # no request with the copied key
    second = other.read("identity.json")
    assert second["secret"] != first["secret"]
    assert second["host_id"] == "h-2"
    other.close()


def test_without_an_enrolment_token_a_copy_says_so_and_ends(server, state, host, tree, tmp_path):
    make_loop(server, state, host).cycle()
    other = copied(state, tmp_path / "copy")
    tree.write("/etc/machine-id", "a1" * 16)
    with pytest.raises(loop.Stop) as stopped:
        make_loop(server, other, host, token="").cycle()
    assert stopped.value.code == loop.EXIT_REFUSED
    assert not other.read("identity.json")
    other.close()


def test_an_image_sealed_before_it_was_enrolled_makes_two_hosts(server, host, tree, tmp_path):
    """The folder of the image holds a nonce and a secret; the server never heard of them."""
    image = State(str(tmp_path / "image"))
    image.open()
    server.answers["/enrol"] = [(503, {}, {})]
    make_loop(server, image, host).cycle()
    copies = [copied(image, tmp_path / name) for name in ("a", "b")]
    for number, state in enumerate(copies):
        tree.write("/etc/machine-id", ("%02x" % (number + 17)) * 16)
        make_loop(server, state, host).cycle()
    assert len(server.enrolments) == 2
    for one in (image, *copies):
        one.close()


def test_on_the_same_fingerprint_the_server_decides(server, state, host, tmp_path, capsys):
    clock = Clock()
    one = make_loop(server, state, host, clock=clock)
    one.cycle()
    other = copied(state, tmp_path / "copy")
    two = make_loop(server, other, host, collection("of the copy"), clock=clock)
    server.answers["/hb"] = [(409, {"e": "clone"}, {})] * 50
    server.requests.clear()
    run_for(two, clock, HOUR)
    assert set(server.paths()) == {"/hb"}  # no facts in turns
    assert len(server.paths()) <= 18
    assert "two machines" in capsys.readouterr().err
    other.close()


def test_clone_to_an_index_stops_facts_as_well(server, state, host, capsys):
    clock = Clock()
    one = make_loop(server, state, host, clock=clock)
    one.cycle()
    one.collector.value = collection("changed")
    server.answers["/index"] = [(409, {"e": "clone"}, {})]
    one.cycle()
    assert "two machines" in capsys.readouterr().err
    assert len(server.accepted) == 1


def test_a_restored_snapshot_goes_on_above_what_the_server_has(server, state, host, tmp_path):
    clock = Clock()
    one = make_loop(server, state, host, clock=clock)
    run_for(one, clock, 600)
    before = copied(state, tmp_path / "snapshot")
    one.collector.value = collection("later")
    run_for(one, clock, 600)
    later = server.number
    run_for(make_loop(server, before, host, collection("restored"), clock=clock), clock, 600)
    assert server.number > later
    assert len(server.enrolments) == 1
    before.close()


def test_fewer_rights_are_no_other_machine(host, tree, state, server):
    """Without root the product id cannot be read; with it the strongest evidence decides."""
    tree.write("/sys/class/dmi/id/product_uuid", "11111111-2222-3333-4444-555555555555\n")
    make_loop(server, state, host).cycle()
    identity = load_identity(state, server.url)
    everything = evidence(host)
    assert is_same_machine(identity, everything)
    assert is_same_machine(identity, {"machine_id": everything["machine_id"]})
    assert is_same_machine(identity, {})
    assert not is_same_machine(identity, {"machine_id": "0" * 64})
    # a new machine id on the same board: installed again, the same machine
    assert is_same_machine(identity, {**everything, "machine_id": "0" * 64})


# ---- revoked, gone, unknown -------------------------------------------------------------------


def test_a_revoked_agent_sends_no_data_and_asks_every_six_hours(server, state, host):
    clock = Clock()
    one = make_loop(server, state, host, clock=clock)
    one.cycle()
    kept = state.read("identity.json")
    server.answers["/hb"] = [(401, {"e": "revoked"}, {})] * 1_000
    server.requests.clear()
    one.collector.value = collection("changed")
    run_for(one, clock, 8 * DAY)
    assert set(server.paths()) == {"/hb"}
    assert 20 <= len(server.paths()) <= 35  # 9 h apart at most
    assert state.read("identity.json") == kept
    server.answers.clear()
    run_for(one, clock, 10 * HOUR)
    assert server.root == one.collector.index().root


def test_the_hours_of_a_revoked_agent_vary(server, state, host):
    waits = []
    for pick in (lambda low, _high: low, lambda _low, high: high):
        one = make_loop(server, state, host, clock=Clock(), pick=pick)
        server.answers["/hb"] = [(401, {"e": "revoked"}, {})]
        waits.append(one.cycle())
    assert waits == [3 * HOUR, 9 * HOUR]


@pytest.mark.parametrize("path", ["/hb", "/index"])
def test_gone_erases_every_secret_and_ends_with_0(server, state, host, path):
    one = make_loop(server, state, host)
    one.cycle()
    secret = state.read("identity.json")["secret"]
    server.answers[path] = [(410, {"e": "gone"}, {})]
    one.collector.value = collection("changed")
    with pytest.raises(loop.Stop) as stopped:
        one.cycle()
    assert stopped.value.code == 0
    for name in os.listdir(state.folder):
        with open(os.path.join(state.folder, name)) as file:
            assert secret not in file.read()


def test_an_unknown_agent_without_a_token_keeps_its_key(server, state, host):
    clock = Clock()
    make_loop(server, state, host, clock=clock).cycle()
    kept = state.read("identity.json")
    server.secret_hash = "0" * 64
    server.requests.clear()
    run_for(make_loop(server, state, host, token="", clock=clock), clock, HOUR)
    assert set(server.paths()) == {"/hb"}
    assert len(server.paths()) <= 12
    assert state.read("identity.json") == kept


def test_an_unknown_agent_with_a_token_enrols_once_an_hour(server, state, host):
    clock = Clock()
    one = make_loop(server, state, host, clock=clock)
    one.cycle()
    server.answers["/hb"] = [(401, {"e": "unknown"}, {})] * 1_000
    run_for(one, clock, 5 * HOUR)
    assert 4 <= server.paths().count("/enrol") <= 6


def test_a_forgotten_machine_proves_that_it_held_the_key(server, state, host, tree):
    clock = Clock()
    one = make_loop(server, state, host, clock=clock)
    one.cycle()
    old = one.delivery.keys.token
    server.forget()
    run_for(one, clock, 2 * HOUR)
    sent = [body.get("proof") for path, _, body in server.requests if path == "/enrol"]
    assert sent == [None, old]
    tree.write("/etc/machine-id", "a1" * 16)  # a copy has nothing to prove
    make_loop(server, state, host, clock=clock).cycle()
    sent = [body.get("proof") for path, _, body in server.requests if path == "/enrol"]
    assert sent == [None, old, None]


@pytest.mark.parametrize(
    "change",
    [
        {"tag": ""}, {"tag": "a b"}, {"tag": "a\r\nX: y"}, {"host_id": "x" * 200}, {"secret": 5},
        {"secret": "\u00e9"}, {"host_id": None},
    ],
)  # fmt: skip
def test_a_damaged_identity_is_never_sent(server, state, host, change):
    make_loop(server, state, host).cycle()
    state.write("identity.json", {**state.read("identity.json"), **change})
    assert load_identity(state, server.url) is None


@pytest.mark.parametrize("answer", [{"host_id": "h\r\nX: y", "tag": "t"}, {"host_id": "h"}, {}])
def test_an_enrolment_with_an_odd_answer_is_tried_again(server, state, host, answer):
    server.answers["/enrol"] = [(201, answer, {})]
    one = make_loop(server, state, host, clock=Clock())
    assert one.cycle() >= 2.5
    one.cycle()
    assert len(server.enrolments) == 1
    assert state.read("identity.json")["host_id"] == "h-1"


def test_a_key_belongs_to_one_server(server, state, host):
    make_loop(server, state, host).cycle()
    assert load_identity(state, "https://other.example") is None


# ---- renewal ----------------------------------------------------------------------------------


def renewing(server, state, host, clock):
    """A loop that has worked for a while and is asked for a new key."""
    one = make_loop(server, state, host, clock=clock)
    run_for(one, clock, 300)
    server.rotate = True
    return one


def test_a_key_is_renewed_when_the_server_asks(server, state, host):
    clock = Clock()
    one = renewing(server, state, host, clock)
    old = state.read("identity.json")
    run_for(one, clock, 300)
    new = state.read("identity.json")
    assert new["secret"] != old["secret"]
    assert server.secret_hash == secret_hash(new["secret"])
    assert {**new, "secret": 0, "tag": 0} == {**old, "secret": 0, "tag": 0}
    assert state.read("next.json") == {}
    assert server.paths().count("/rotate") == 1
    for _path, _headers, body in server.requests:
        assert new["secret"] not in json.dumps(body)


@pytest.mark.parametrize(
    "answers", [[DROP, DROP], [(500, {}, {})], [(200, {}, {})], [(200, {"tag": "a b"}, {})]]
)
def test_a_lost_answer_to_a_new_key_is_asked_for_again(server, state, host, answers):
    clock = Clock()
    one = renewing(server, state, host, clock)
    server.answers["/rotate"] = list(answers)
    run_for(one, clock, HOUR)
    hashes = {body["secret_hash"] for path, _, body in server.requests if path == "/rotate"}
    assert len(hashes) == 1
    assert server.secret_hash in hashes
    assert server.next_hash == ""


def test_a_lost_answer_is_asked_for_again_after_a_restart(server, state, host):
    clock = Clock()
    one = renewing(server, state, host, clock)
    server.answers["/rotate"] = [DROP, DROP]
    one.cycle()
    assert not server.rotate  # the server believes that all is done
    run_for(make_loop(server, state, host, clock=clock), clock, 600)
    assert server.next_hash == ""
    assert server.secret_hash == secret_hash(state.read("identity.json")["secret"])


def test_two_renewals_while_the_agent_was_away_end_with_one_key(server, state, host):
    """Asked twice: the hash of the unused successor is shown again, no third key is made."""
    clock = Clock()
    one = renewing(server, state, host, clock)
    one._follow(one.delivery.deliver(one.collector.index()))
    server.rotate = True
    run_for(one, clock, HOUR)
    assert server.secret_hash == secret_hash(state.read("identity.json")["secret"])
    assert server.next_hash == ""


def test_a_server_set_back_to_the_old_key_is_found_with_it(server, state, host):
    clock = Clock()
    one = renewing(server, state, host, clock)
    old = server.secret_hash
    one.cycle()
    server.next_hash = ""  # the backup is from before the request
    run_for(one, clock, 300)
    assert server.secret_hash == old == secret_hash(state.read("identity.json")["secret"])
    assert state.read("next.json") == {}
    server.rotate = True
    run_for(one, clock, HOUR)
    assert server.secret_hash != old


def test_the_old_key_is_not_used_after_the_new_one(server, state, host):
    clock = Clock()
    one = renewing(server, state, host, clock)
    old = one.delivery.keys.token
    run_for(one, clock, 300)
    server.requests.clear()
    run_for(one, clock, HOUR)
    assert all(headers["Authorization"] != "Bearer " + old for _, headers, _ in server.requests)
