"""Two machines under one identity: found, frozen, told once, and how it ends."""

import secrets
import uuid
from copy import copy
from datetime import timedelta
from typing import Any

import pytest
from django.test import TestCase
from django.utils import timezone

from agents.live.store import live_store
from agents.models import Agent, EnrolmentToken, Host, HostLive
from agents.services.hosts import host_approve, host_resolve_fork
from agents.services.last_seen import write_last_seen
from tests.support.joined import Estate, client_post, enrolled_agent, enrolment_secret, make_estate
from tests.support.wire_agent import WireAgent
from workbench.core.models import AuditEntry, WorkItem

pytestmark = pytest.mark.django_db
KERNEL = {"facts": {"release": "6.1.0"}, "unknowns": []}
OTHER = {"facts": {"release": "5.4.0"}, "unknowns": []}
FINGERPRINT = "f" * 64


@pytest.fixture
def estate() -> Estate:
    return make_estate()


@pytest.fixture
def agent(estate: Estate) -> WireAgent:
    agent = enrolled_agent(estate)
    agent.boot = "aaaaaaaa"
    return agent


def twin_of(agent: WireAgent, *, boot: str = "bbbbbbbb") -> WireAgent:
    """The same state folder on a second machine; its counter begins at the next block."""
    twin = copy(agent)
    twin.boot, twin.number = boot, agent.number + 1_000
    return twin


def forked(agent: WireAgent) -> WireAgent:
    """Let a twin speak in turn with ``agent``; returns the twin."""
    agent.heartbeat()
    twin = twin_of(agent)
    assert twin.heartbeat().status in {200, 204}
    assert [one.heartbeat().status for one in (agent, twin, agent)] == [409, 409, 409]
    return twin


def verbs(estate: Estate) -> list[str]:
    return [entry.verb for entry in AuditEntry.objects.of(estate.workspace).order_by("number")]


def secret_of_mode(estate: Estate, mode: str) -> str:
    secret = enrolment_secret(estate.workspace)
    EnrolmentToken.unscoped.update(mode=mode)
    return secret


def enrolled_as(estate: Estate, fingerprint: str) -> WireAgent:
    agent = WireAgent(client_post)
    assert agent.enrol(enrolment_secret(estate.workspace), fingerprint=fingerprint).status == 201
    return agent


# ---- finding it ---------------------------------------------------------------------------------


def test_a_reboot_is_no_clone(agent: WireAgent) -> None:
    agent.index({"kernel": KERNEL}, number=1)
    root = Host.unscoped.get().facts_root
    for boot in ("aaaaaaaa", "bbbbbbbb", "cccccccc"):
        agent.boot = boot
        assert [agent.heartbeat(root=root).status for _ in range(3)] == [204] * 3
    assert Host.unscoped.get().state == "active"


def test_two_machines_in_turn_are_told_and_recorded_once(agent: WireAgent, estate: Estate) -> None:
    twin = forked(agent)
    for _ in range(5):
        for one in (agent, twin):
            answer = one.heartbeat()
            assert (answer.status, answer.body["e"]) == (409, "clone")
    assert Host.unscoped.get().state == "forked"
    assert HostLive.objects.get().rival_boot == agent.boot
    assert verbs(estate).count("host.forked") == 1


def test_facts_of_a_forked_host_stay_as_they_were(agent: WireAgent) -> None:
    agent.index({"kernel": KERNEL}, number=1)
    twin = forked(agent)
    wanted = WorkItem.objects.get().wanted
    for number, one in enumerate((agent, twin, agent, twin), start=2):
        answer = one.index({"kernel": OTHER}, number=number)
        assert (answer.status, answer.body["e"]) == (409, "clone")
    host = Host.unscoped.get()
    assert (host.facts_number, host.kernel_release) == (1, "6.1.0")
    assert WorkItem.objects.get().wanted == wanted


def test_a_used_counter_after_a_reboot_is_a_fork(agent: WireAgent) -> None:
    agent.heartbeat(number=500)
    agent.boot = "bbbbbbbb"
    assert agent.heartbeat(number=500).status == 409
    assert Host.unscoped.get().state == "forked"


def test_a_heartbeat_repeated_an_hour_later_is_no_fork(agent: WireAgent) -> None:
    agent.heartbeat(number=1)
    first = copy(agent)
    agent.boot = "bbbbbbbb"
    agent.heartbeat(number=2)
    for _ in range(5):
        assert first.heartbeat(number=1).status == 204
        assert agent.heartbeat(number=2).status == 204
    assert Host.unscoped.get().state == "active"
    assert write_last_seen() == 1
    assert (HostLive.objects.get().boot, HostLive.objects.get().counter) == ("bbbbbbbb", 2)


def test_a_lost_store_does_not_hide_a_fork(agent: WireAgent) -> None:
    twin = forked(agent)
    write_last_seen()
    live_store().drop(uuid.UUID(agent.host_id))
    assert [one.heartbeat().status for one in (agent, twin, agent, twin)] == [409] * 4
    assert Host.unscoped.get().state == "forked"


def test_a_lost_store_makes_no_fork(agent: WireAgent) -> None:
    agent.heartbeat()
    write_last_seen()
    agent.boot = "bbbbbbbb"
    for _ in range(3):
        agent.heartbeat()
    live_store().drop(uuid.UUID(agent.host_id))
    assert agent.heartbeat().status == 204
    assert Host.unscoped.get().state == "active"


# ---- how it ends --------------------------------------------------------------------------------


def test_a_snapshot_is_taken_back_after_three_consistent_heartbeats(
    agent: WireAgent, estate: Estate
) -> None:
    agent.heartbeat()
    rebooted = twin_of(agent)
    rebooted.heartbeat()
    assert [agent.heartbeat().status for _ in range(6)] == [409, 409, 409, 204, 204, 204]
    host, live = Host.unscoped.get(), HostLive.objects.get()
    assert (host.state, live.boot) == ("active", agent.boot)
    assert live.rolled_back_at is not None
    assert verbs(estate)[-2:] == ["host.forked", "host.rolled_back"]
    assert agent.index({"kernel": KERNEL}, number=1).status == 200


def test_two_live_machines_are_never_taken_for_a_snapshot(agent: WireAgent) -> None:
    twin = forked(agent)
    assert [twin.heartbeat().status for _ in range(20)] == [409] * 20
    assert Host.unscoped.get().state == "forked"


def test_enrolling_again_with_the_old_key_ends_a_fork(agent: WireAgent, estate: Estate) -> None:
    host = Host.unscoped.get()
    Host.unscoped.update(fingerprint=FINGERPRINT)
    twin = forked(agent)
    anew = WireAgent(client_post)
    answer = anew.enrol(
        enrolment_secret(estate.workspace), fingerprint=FINGERPRINT, proof=twin.token()
    )
    assert (answer.status, anew.host_id) == (201, str(host.pk))
    assert anew.heartbeat().status == 204
    assert {one.heartbeat().status for one in (agent, twin)} == {401}
    assert Host.unscoped.get().state == "active"
    assert verbs(estate)[-1] == "host.re_enrolled"


def test_a_clone_that_enrols_as_another_machine_frees_the_first(
    agent: WireAgent, estate: Estate
) -> None:
    Host.unscoped.update(fingerprint=FINGERPRINT)
    twin = forked(agent)
    anew = WireAgent(client_post)
    secret = enrolment_secret(estate.workspace)
    assert anew.enrol(secret, fingerprint="e" * 64, proof=twin.token()).status == 201
    assert anew.host_id != agent.host_id
    assert [one.heartbeat().status for one in (anew, agent, agent)] == [204] * 3
    assert set(Host.unscoped.values_list("state", flat=True)) == {"active"}
    assert "host.fork_settled" in verbs(estate)


def test_a_person_may_end_a_fork(agent: WireAgent, estate: Estate) -> None:
    forked(agent)
    with TestCase.captureOnCommitCallbacks(execute=True):
        host_resolve_fork(estate.caller(), [uuid.UUID(agent.host_id)], now=timezone.now())
    assert [agent.heartbeat().status for _ in range(3)] == [204] * 3
    assert Host.unscoped.get().state == "active"


# ---- enrolling a machine that is known ----------------------------------------------------------


def test_a_live_record_goes_back_to_who_shows_its_key(estate: Estate) -> None:
    old = enrolled_as(estate, FINGERPRINT)
    old.heartbeat()
    anew = WireAgent(client_post)
    answer = anew.enrol(
        enrolment_secret(estate.workspace), fingerprint=FINGERPRINT, proof=old.token()
    )
    assert (answer.status, anew.host_id) == (201, old.host_id)
    assert (anew.heartbeat().status, old.heartbeat().status) == (204, 401)
    entry = AuditEntry.objects.of(estate.workspace).get(verb="host.re_enrolled")
    assert entry.after["showed_former_key"] is True


def bad_proofs(old: WireAgent, estate: Estate) -> dict[str, str]:
    stranger = enrolled_as(make_estate("Other"), FINGERPRINT)
    neighbour = enrolled_as(estate, "e" * 64)
    kind, host, _, tag = old.token().split(".")
    return {
        "another secret": f"{kind}.{host}.{'A' * 43}.{tag}",
        "no token": "x",
        "a surrogate of a token": old.token() + "x",
        "another workspace's host": stranger.token(),
        "another host": neighbour.token(),
    }


def test_a_proof_in_doubt_takes_no_live_record(estate: Estate) -> None:
    old = enrolled_as(estate, FINGERPRINT)
    for name, proof in bad_proofs(old, estate).items():
        thief = WireAgent(client_post)
        secret = enrolment_secret(estate.workspace)
        answer = thief.enrol(secret, fingerprint=FINGERPRINT, proof=proof)
        assert answer.status == 409, name
    assert old.heartbeat().status == 204


@pytest.mark.parametrize("change", ["revoked", "retired"])
def test_a_key_that_does_not_hold_is_no_proof(estate: Estate, change: str) -> None:
    old = enrolled_as(estate, FINGERPRINT)
    if change == "revoked":
        Agent.objects.update(revoked_at=timezone.now())
    else:
        Host.unscoped.update(state="retired")
    thief = WireAgent(client_post)
    secret = enrolment_secret(estate.workspace)
    answer = thief.enrol(secret, fingerprint=FINGERPRINT, proof=old.token())
    # A retired record is nobody's any more, so the machine begins a new one.
    assert answer.status == {"revoked": 409, "retired": 201}[change]
    assert thief.host_id != old.host_id


def test_a_silent_record_is_taken_over_only_where_hosts_join_at_once(estate: Estate) -> None:
    old = enrolled_as(estate, FINGERPRINT)
    HostLive.objects.update(last_seen=timezone.now() - timedelta(hours=25))
    waiting = WireAgent(client_post)
    answer = waiting.enrol(secret_of_mode(estate, "approve"), fingerprint=FINGERPRINT)
    assert (answer.status, answer.body["state"]) == (202, "pending")
    assert waiting.host_id != old.host_id
    anew = WireAgent(client_post)
    assert anew.enrol(secret_of_mode(estate, "auto"), fingerprint=FINGERPRINT).status == 201
    assert anew.host_id == old.host_id


def test_approval_gives_a_claimant_a_record_of_its_own_and_ends_the_fork(
    estate: Estate,
) -> None:
    old = enrolled_as(estate, FINGERPRINT)
    old.boot = "aaaaaaaa"
    forked(old)
    claimant = WireAgent(client_post)
    claimant.enrol(secret_of_mode(estate, "approve"), fingerprint=FINGERPRINT)
    row = Agent.objects.get(host_id=claimant.host_id)
    assert str(row.claims_id) == old.host_id
    assert Host.unscoped.get(pk=old.host_id).state == "forked"
    with TestCase.captureOnCommitCallbacks(execute=True):
        host_approve(estate.caller(), [uuid.UUID(claimant.host_id)], now=timezone.now())
    assert [one.heartbeat().status for one in (claimant, old)] == [204, 204]
    assert set(Host.unscoped.values_list("state", flat=True)) == {"active"}


def test_facts_of_a_waiting_host_are_not_taken_until_it_is_approved(estate: Estate) -> None:
    agent = WireAgent(client_post)
    agent.enrol(secret_of_mode(estate, "approve"))
    assert agent.heartbeat(root="a" * 64).status == 204
    answer = agent.index({"kernel": KERNEL}, number=1)
    assert (answer.status, answer.body["e"]) == (403, "pending")
    with TestCase.captureOnCommitCallbacks(execute=True):
        host_approve(estate.caller(), [uuid.UUID(agent.host_id)], now=timezone.now())
    assert agent.heartbeat(root="a" * 64).body == {"need": "index"}
    assert agent.index({"kernel": KERNEL}, number=1).status == 200


def test_copied_images_that_share_one_key_do_not_alternate(estate: Estate) -> None:
    """An image enrolled before it was sealed: ten machines, one identity."""
    first = enrolled_agent(estate)
    herd = [twin_of(first, boot=secrets.token_hex(4)) for _ in range(10)]
    releases: set[Any] = set()
    for turn in range(1, 6):
        for place, one in enumerate(herd):
            one.heartbeat()
            body = {"facts": {"release": str(place)}, "unknowns": []}
            one.index({"kernel": body}, number=turn)
            releases.add(Host.unscoped.get().kernel_release)
    assert Host.unscoped.get().state == "forked"
    assert len(releases) <= 1, "facts of several machines were shown in turns"
