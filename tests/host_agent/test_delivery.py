"""From a collection to the server: digests first, bodies on demand, and no generation twice."""

import hashlib
import json
import secrets

import pytest
from underpin_agent import enrolment
from underpin_agent.canonical import canonical
from underpin_agent.client import Client
from underpin_agent.delivery import Delivery
from underpin_agent.fingerprint import evidence
from underpin_agent.heartbeat import Standing, heartbeat_body
from underpin_agent.index import blob_requests, build_index, index_body
from underpin_agent.reading import Host
from underpin_agent.state import State, StateError, reserved_counter

from tests.host_agent.at_work import body, collection, enrolled
from tests.host_agent.conftest import MACHINE_ID


def indexed(*arguments):
    return build_index(collection(*arguments))


# ---- enrolment --------------------------------------------------------------------------------


def test_enrolment_shows_a_hash_and_never_the_secret(server, state, host):
    enrolled(server, state, host)
    identity = state.read("identity.json")
    _path, _headers, sent = server.requests[0]
    assert identity["secret"] not in json.dumps(sent)
    assert MACHINE_ID not in json.dumps(sent)
    assert len(sent["fp"]["machine_id"]) == 64
    assert (sent["name"], sent["boot"], len(sent["nonce"])) == ("web-1", "3f2c9a01", 16)
    assert sent["secret_hash"] == enrolment.secret_hash(identity["secret"])


def test_a_lost_reply_is_harmless(server, state, host):
    server.answers["/enrol"] = [(503, {}, {})]
    client = Client(server.url)
    arguments = {"server": server.url, "token": "good", "name": "n"}
    with pytest.raises(enrolment.NotYet):
        enrolment.enrol(client, state, host, **arguments)
    enrolment.enrol(client, state, host, **arguments)
    first, second = (request[2] for request in server.requests)
    assert (first["nonce"], first["secret_hash"]) == (second["nonce"], second["secret_hash"])


@pytest.mark.parametrize(
    ("status", "text"), [(403, "token"), (409, "already enrolled"), (400, "400")]
)
def test_a_refusal_is_told_in_words(server, state, host, status, text):
    server.answers["/enrol"] = [(status, {}, {})]
    client = Client(server.url)
    with pytest.raises(enrolment.Refused, match=text):
        enrolment.enrol(client, state, host, server=server.url, token="t", name="n")
    assert state.read("identity.json") == {}


def test_a_host_that_waits_for_approval_keeps_its_key(server, state, host):
    answer = {"host_id": "h-1", "tag": "t" * 32, "state": "pending", "config": {}}
    server.answers["/enrol"] = [(202, answer, {})]
    client = Client(server.url)
    found = enrolment.enrol(client, state, host, server=server.url, token="t", name="n")
    assert found.token.startswith("k1.h-1.")


@pytest.mark.parametrize("value", ["", "0" * 32, "none", "Default string", "f" * 32])
def test_junk_identifies_no_machine(tree, value):
    tree.write("/sys/class/dmi/id/product_uuid", value)
    assert evidence(Host(str(tree.folder))) == {}


def test_the_salt_changes_every_fingerprint(host):
    assert evidence(host, b"a") != evidence(host, b"b")


# ---- state ------------------------------------------------------------------------------------


def test_state_is_for_its_owner_only(state, tmp_path):
    state.write("a.json", {"x": 1})
    folder = tmp_path / "state"
    assert (folder.stat().st_mode & 0o777, (folder / "a.json").stat().st_mode & 0o777) == (
        0o700,
        0o600,
    )
    assert state.read("a.json") == {"x": 1}


def test_a_second_agent_on_the_same_state_is_refused(state, tmp_path):
    with pytest.raises(StateError, match="another agent"):
        State(str(tmp_path / "state")).open()


@pytest.mark.parametrize("text", ["", "{", "[]", "\xff"])
def test_a_damaged_state_file_counts_as_missing(state, tmp_path, text):
    (tmp_path / "state/a.json").write_bytes(text.encode("latin-1"))
    (tmp_path / "state/a.json").chmod(0o600)
    assert state.read("a.json") == {}


def test_a_state_file_that_is_a_link_is_not_followed(state, tmp_path):
    (tmp_path / "target").write_text("old")
    (tmp_path / "state/a.json.new").symlink_to(tmp_path / "target")
    assert state.write("a.json", {})
    assert (tmp_path / "target").read_text() == "old"


def test_the_counter_never_goes_back(state):
    first = reserved_counter(state)
    taken = [next(first) for _ in range(1500)]
    assert taken == list(range(1, 1501))
    assert next(reserved_counter(state)) > 1500


# ---- index ------------------------------------------------------------------------------------


def test_the_root_is_that_of_the_contract():
    index = build_index(collection())
    containers = {key: [one, two] for key, one, two in index.containers}
    whole = canonical({"sections": index.sections, "containers": containers})
    assert index.root == hashlib.sha256(whole).hexdigest()
    assert index.sections["logging"] == {"err": "EACCES", "need": "root"}


def test_bodies_hash_to_their_names():
    index = build_index(collection("\u00e4\u202e\udcff"))
    for name, text in index.bodies.items():
        assert hashlib.sha256(text.encode()).hexdigest() == name
        json.loads(text)


def test_only_small_bodies_of_this_host_ride_along():
    index = build_index(collection())
    sent = json.loads(index_body(index, generation=1, previous=""))
    inline = set(sent["inline"])
    posture, identity = index.containers[0][2], index.containers[0][1]
    assert identity in inline
    assert posture not in inline
    assert index.sections["kernel"] not in inline
    assert index.sections["host"] in inline


def test_blobs_are_split_and_complete():
    whole = collection()
    whole["containers"] = [
        {"key": "k%d" % n, "identity": body(n=n), "posture": body(p="%d" % n * 900_000)}
        for n in range(8)
    ]
    index = build_index(whole)
    wanted = list(index.bodies)
    batches = list(blob_requests(index, [*wanted, "f" * 64]))
    assert len(batches) > 1
    assert sorted(name for names, _raw in batches for name in names) == sorted(wanted)
    assert all(len(raw) <= 4_194_304 for _names, raw in batches)


def test_a_batch_that_does_not_compress_is_halved():
    whole = collection()
    whole["containers"] = [
        {"key": "k%d" % n, "identity": body(n=n), "posture": body(p=secrets.token_hex(200_000))}
        for n in range(4)
    ]
    index = build_index(whole)
    assert len(list(blob_requests(index, list(index.bodies)))) > 1


def test_a_heartbeat_is_small():
    assert len(heartbeat_body("3f2c9a01", 10**9, "f" * 64)) < 100


# ---- delivery ---------------------------------------------------------------------------------


def test_the_first_delivery_brings_everything(server, state, host):
    one = enrolled(server, state, host)
    whole = collection()
    outcome = one.deliver(build_index(whole))
    assert outcome.standing is Standing.FINE
    assert server.paths() == ["/enrol", "/hb", "/index", "/blobs", "/index"]
    assert set(server.blobs) == set(build_index(whole).bodies)
    assert server.number == 1


def test_unchanged_facts_are_one_heartbeat(server, state, host):
    one = enrolled(server, state, host)
    one.deliver(indexed())
    server.requests.clear()
    one.deliver(indexed())
    assert server.paths() == ["/hb"]


def test_a_changed_section_is_one_more_request(server, state, host):
    one = enrolled(server, state, host)
    one.deliver(indexed())
    server.requests.clear()
    one.deliver(indexed("changed"))
    assert server.paths() == ["/hb", "/index"]
    assert server.number == 2
    assert len(server.requests[1][2]["inline"]) == 1


def test_a_restarted_agent_sends_nothing_again(server, state, host):
    one = enrolled(server, state, host)
    one.deliver(indexed())
    server.requests.clear()
    counter = reserved_counter(state)
    Delivery(one.client, state, one.keys.current, "3f2c9a01", counter).deliver(indexed())
    assert server.paths() == ["/hb"]


def test_a_server_that_lost_everything_gets_it_again(server, state, host):
    one = enrolled(server, state, host)
    one.deliver(indexed())
    server.blobs.clear()
    server.root, server.number = "", 0
    one.deliver(indexed())
    assert set(server.blobs) == set(build_index(collection()).bodies)
    assert server.root == build_index(collection()).root


def test_a_server_that_is_ahead_is_caught_up_with(server, state, host):
    one = enrolled(server, state, host)
    server.number = 50
    assert one.deliver(indexed()).standing is Standing.FINE
    assert server.number == 51
    assert server.root == build_index(collection()).root


def test_a_number_that_may_have_been_seen_is_not_given_again(server, state, host):
    """The agent dies between the server's commit and its own."""
    one = enrolled(server, state, host)
    server.answers["/index"] = [(500, {}, {})]
    assert one.deliver(indexed()).standing is Standing.BUSY
    server.number, server.root = 1, "f" * 64
    again = Delivery(one.client, state, one.keys.current, "3f2c9a01", reserved_counter(state))
    again.deliver(indexed("other"))
    assert server.root == build_index(collection("other")).root


def test_409_names_the_generation_to_go_on_from(server, state, host):
    one = enrolled(server, state, host)
    server.answers["/index"] = [(409, {"gen": 7}, {})]
    one.deliver(indexed())
    assert server.number == 8


def test_a_server_that_never_has_enough_is_left_alone(server, state, host):
    one = enrolled(server, state, host)
    server.answers["/index"] = [(200, {"gen": 0, "need": ["f" * 64]}, {})] * 50
    assert one.deliver(indexed()).standing is Standing.BROKEN
    assert len(server.paths()) < 12


def test_refused_bodies_are_reported(server, state, host):
    one = enrolled(server, state, host)
    server.answers["/blobs"] = [(200, {"stored": 0, "bad": ["x"]}, {})]
    assert "refused 1" in one.deliver(indexed()).detail


# ---- changes only -----------------------------------------------------------------------------


def test_a_change_travels_alone(server, state, host):
    one = enrolled(server, state, host)
    first = collection(containers=3)
    one.deliver(build_index(first))
    server.requests.clear()
    first["sections"]["clock"] = body(x=1)
    del first["sections"]["logging"]
    first["containers"] = [*first["containers"][1:], collection(size=11)["containers"][0]]
    first["containers"][0]["key"] = "fresh"
    index = build_index(first)
    assert one.deliver(index).standing is Standing.FINE
    sent = server.requests[1][2]
    assert sent["delta"] is True
    assert (list(sent["sections"]), sent["sections_gone"]) == (["clock"], ["logging"])
    assert ([row[0] for row in sent["containers"]], sent["gone"]) == (["fresh", "k"], ["k1"])
    assert sent["root"] == index.root == server.root


def test_after_a_restart_a_change_travels_alone_once_the_facts_were_seen_unchanged(
    server, state, host
):
    one = enrolled(server, state, host)
    one.deliver(indexed())
    again = Delivery(one.client, state, one.keys.current, "3f2c9a01", reserved_counter(state))
    again.deliver(indexed())
    again.deliver(indexed("changed"))
    assert server.requests[-1][2]["delta"] is True
    assert server.root == indexed("changed").root


def test_a_server_with_another_state_gets_the_whole_at_once(server, state, host):
    one = enrolled(server, state, host)
    one.deliver(indexed())
    server.root = "e" * 64
    assert one.deliver(indexed("changed")).standing is Standing.FINE
    assert server.root == indexed("changed").root
    assert "delta" not in server.requests[-1][2]


def test_a_server_that_knows_no_changes_gets_the_whole(server, state, host):
    one = enrolled(server, state, host)
    one.deliver(indexed())
    server.answers["/index"] = [(400, {}, {})]
    assert one.deliver(indexed("changed")).standing is Standing.FINE
    assert server.root == indexed("changed").root


def test_413_sends_less_at_a_time(server, state, host):
    one = enrolled(server, state, host)
    index = build_index(collection(containers=5))
    server.answers = {"/index": [(413, {}, {})], "/blobs": [(413, {}, {}), (413, {}, {})]}
    assert one.deliver(index).standing is Standing.FINE
    assert set(server.blobs) == set(index.bodies)
    assert server.requests[3][2]["inline"] == {}


def test_bodies_are_never_sent_twice_to_a_server_that_keeps_them(server, state, host):
    one = enrolled(server, state, host)
    one.deliver(indexed())
    server.root, server.number = "", 0  # restored from before the index, bodies kept
    server.requests.clear()
    one.deliver(indexed())
    assert server.paths() == ["/hb", "/index"]
    assert server.requests[1][2]["inline"] == {}
