"""Indexes of changes only: what they must fit, what they leave alone, in every order of arrival."""

import json
import random
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

import pytest

from agents.facts.canonical import canonical_bytes, digest, root_digest
from agents.models import Blob, Container, ContainerFacts, Host, HostSection
from agents.selectors.facts import facts_of
from agents.services.events import FACTS_CHANGED
from tests.support.joined import Estate, client_post, enrolled_agent, make_estate
from tests.support.wire_agent import Answer, WireAgent, index_message
from workbench.core.models import WorkItem

pytestmark = pytest.mark.django_db
Whole = tuple[dict[str, Any], dict[str, tuple[Any, Any]]]


def body(**facts: Any) -> dict[str, Any]:
    return {"facts": facts, "unknowns": []}


def container(number: int) -> tuple[Any, Any]:
    return body(id=f"{number:064x}", name=f"c{number}"), body(cpus=[number % 3])


NOTHING: Whole = ({}, {})
START: Whole = (
    {"host": body(name="a"), "kernel": body(release="1"), "network": body(ports=[22])},
    {f"c{number}": container(number) for number in range(4)},
)


def changed(whole: Whole, **change: Any) -> Whole:
    """The whole with sections of the same name replaced; None takes one away."""
    sections, containers = deepcopy(whole)
    for name, value in change.items():
        part = containers if name.startswith("c") and name[1:].isdigit() else sections
        if value is None:
            part.pop(name, None)
        else:
            part[name] = value
    return sections, containers


AFTER = changed(
    START, kernel=body(release="2"), network=None, c1=None, c2=container(9), c7=container(7)
)


@pytest.fixture
def estate() -> Estate:
    return make_estate()


@pytest.fixture
def agent(estate: Estate) -> WireAgent:
    agent = enrolled_agent(estate)
    assert agent.index(*START, number=1).body == {"gen": 1, "need": []}
    return agent


def stored(agent: WireAgent) -> Whole:
    facts = facts_of(agent.host_id)
    assert facts is not None
    containers = {part.key: (part.identity, part.posture) for part in facts.containers}
    return dict(facts.sections), containers


# ---- what a delta does --------------------------------------------------------------------------


def test_changes_alone_make_the_same_whole(agent: WireAgent) -> None:
    answer = agent.delta(START, AFTER, number=2)
    assert (answer.status, answer.body) == (200, {"gen": 2, "need": []})
    assert stored(agent) == AFTER
    host = Host.unscoped.get()
    assert (host.kernel_release, host.facts_root) == (
        "2",
        index_message(*AFTER, number=2)[0]["root"],
    )
    assert agent.heartbeat(root=host.facts_root).status == 204


def test_what_did_not_change_keeps_its_rows(agent: WireAgent) -> None:
    before = set(ContainerFacts.objects.filter(container__key="c0").values_list("pk", flat=True))
    sections = set(HostSection.objects.filter(section="host").values_list("pk", flat=True))
    agent.delta(START, AFTER, number=2)
    assert (
        set(ContainerFacts.objects.filter(container__key="c0").values_list("pk", flat=True))
        == before
    )
    assert set(HostSection.objects.filter(section="host").values_list("pk", flat=True)) == sections
    assert HostSection.objects.filter(valid_to=None).count() == 2
    assert Container.unscoped.filter(gone_at=None).count() == 4


def test_a_container_of_a_known_image_is_one_small_request(agent: WireAgent) -> None:
    after = changed(START, c8=(body(id="8" * 64, name="c8"), START[1]["c0"][1]))
    sizes: list[int] = []

    def measured(path: str, raw: bytes, headers: Any) -> Answer:
        sizes.append(len(raw))
        return client_post(path, raw, headers)

    agent.post = measured
    assert agent.delta(START, after, number=2).body == {"gen": 2, "need": []}
    assert len(sizes) == 1
    assert sizes[0] < 1_500


def test_changes_whose_bodies_are_missing_are_linked_with_them(agent: WireAgent) -> None:
    after = changed(START, kernel=body(release="3"))
    raw = canonical_bytes(body(release="3"))
    assert agent.delta(START, after, number=2, inline={}).body == {"gen": 1, "need": [digest(raw)]}
    assert stored(agent) == START
    headers = {"Authorization": agent.authorization()}
    blobs = json.dumps({"v": 1, "blobs": {digest(raw): raw.decode()}}).encode()
    assert client_post("/i/v1/blobs", blobs, headers).body == {"stored": 1, "bad": []}
    assert agent.delta(START, after, number=2, inline={}).body == {"gen": 2, "need": []}
    assert stored(agent) == after


def test_a_section_that_cannot_be_read_any_more_is_a_change(agent: WireAgent) -> None:
    missing = {"err": "EACCES", "need": "CAP_SYS_PTRACE"}
    full, _ = index_message(*START, number=2)
    sections = {**full["sections"], "network": missing}
    rows = {row[0]: row[1:] for row in full["containers"]}
    answer = agent.delta(
        START, START, number=2, sections={"network": missing}, root=root_digest(sections, rows)
    )
    assert answer.status == 200, answer
    assert stored(agent)[0]["network"] == {"error": "EACCES", "needs": "CAP_SYS_PTRACE"}
    assert agent.index(*START, number=3).status == 200
    assert stored(agent) == START


# ---- what it must fit ---------------------------------------------------------------------------


@pytest.mark.parametrize("fault", ["prev", "root", "no prev"])
def test_changes_to_other_facts_are_answered_with_the_number_that_holds(
    agent: WireAgent, fault: str
) -> None:
    wrong = {"prev": {"prev": "1" * 64}, "root": {"root": "1" * 64}, "no prev": {"prev": ""}}
    answer = agent.delta(START, AFTER, number=5, **wrong[fault])
    assert (answer.status, answer.body["gen"], answer.body["e"]) == (409, 1, "stale")
    assert stored(agent) == START
    assert agent.index(*AFTER, number=2).body == {"gen": 2, "need": []}
    assert stored(agent) == AFTER


def test_changes_of_a_host_without_facts_are_refused(estate: Estate) -> None:
    new = enrolled_agent(estate, name="host-b")
    assert new.delta(({}, {}), START, number=1).body["gen"] == 0


WRONG = {
    "a container twice": {"containers": [["c0", "1" * 64, "2" * 64]] * 2},
    "a container changed and gone": {"gone": ["c7"]},
    "a section changed and gone": {"sections_gone": ["kernel"]},
    "gone is no list": {"gone": "c1"},
    "a key of something gone": {"gone": ["a/b"]},
    "a section's name": {"sections_gone": ["../etc"]},
    "delta is no flag": {"delta": 1},
    "too many gone": {"gone": [f"c{number}" for number in range(10_001)]},
}


@pytest.mark.parametrize("fault", WRONG)
def test_a_wrong_delta_is_refused_whole(agent: WireAgent, fault: str) -> None:
    blobs = Blob.objects.count()
    assert agent.delta(START, AFTER, number=2, **WRONG[fault]).status == 400
    assert stored(agent) == START
    assert Blob.objects.count() == blobs


def test_the_same_facts_under_a_new_number_confirm_and_write_nothing(
    agent: WireAgent, django_assert_num_queries: Any
) -> None:
    first = Host.unscoped.get().facts_at
    rows = (HostSection.objects.count(), ContainerFacts.objects.count(), Blob.objects.count())
    # agent, host; host's number, what is due (two): with the two ends of the transaction
    with django_assert_num_queries(7):
        assert agent.index(*START, number=2).body == {"gen": 2, "need": []}
    assert (
        HostSection.objects.count(),
        ContainerFacts.objects.count(),
        Blob.objects.count(),
    ) == rows
    assert Host.unscoped.get().facts_at > first
    assert WorkItem.objects.get(kind=FACTS_CHANGED).wanted == 2


def test_the_queries_of_a_change_do_not_grow_with_the_host(
    estate: Estate, django_assert_max_num_queries: Any
) -> None:
    for size in (1, 40):
        agent = enrolled_agent(estate, name=f"host-{size}")
        whole: Whole = (START[0], {f"c{n}": container(n) for n in range(size)})
        agent.index(*whole, number=1)
        after = changed(whole, kernel=body(release=f"r{size}"), c99=container(99 + size))
        with django_assert_max_num_queries(24):
            assert agent.delta(whole, after, number=2).body == {"gen": 2, "need": []}


# ---- every order --------------------------------------------------------------------------------


def test_late_indexes_do_not_roll_facts_back(agent: WireAgent) -> None:
    """Generations 5, 7, 6: 7 stays (fault list, row 11)."""
    wholes = {n: changed(START, kernel=body(release=str(n))) for n in (5, 6, 7)}
    assert agent.index(*wholes[5], number=5).body["gen"] == 5
    assert agent.delta(wholes[5], wholes[7], number=7).body["gen"] == 7
    for late in (agent.index(*wholes[6], number=6), agent.delta(wholes[5], wholes[6], number=6)):
        assert (late.status, late.body) == (200, {"gen": 7, "need": []})
    assert Host.unscoped.get().kernel_release == "7"


@dataclass
class Unlucky:
    """An agent whose requests are repeated and held back, and whose replies get lost."""

    agent: WireAgent
    choose: random.Random
    accepted: Whole = START
    sent: list[tuple[Whole, Whole, int]] = field(default_factory=list)

    def report(self, whole: Whole, number: int) -> int:
        """Send the facts as changes or whole, with late copies after; returns the next number."""
        before = self.accepted if self.choose.random() < 0.6 else NOTHING
        self.sent.append((before, whole, number))
        answer = self.post(self.sent[-1])
        for late in self.choose.choices(self.sent, k=self.choose.randrange(4)):
            held = Host.unscoped.get().facts_number
            self.post(late)
            assert Host.unscoped.get().facts_number >= held
        if answer.status == 409:  # as an agent does: everything, above the number that holds
            self.accepted = NOTHING
            return self.report(whole, max(number, answer.body["gen"]) + 1)
        if self.choose.random() < 0.7:
            self.accepted = whole
        return number + 1

    def post(self, request: tuple[Whole, Whole, int]) -> Answer:
        before, after, number = request
        if before == NOTHING:
            return self.agent.index(*after, number=number)
        return self.agent.delta(before, after, number=number)


@pytest.mark.parametrize("seed", range(10))
def test_repeats_delays_and_lost_replies_end_with_the_newest_facts(
    agent: WireAgent, seed: int
) -> None:
    """Rows 10 to 12 of the fault list."""
    choose = random.Random(seed)
    unlucky, whole, number = Unlucky(agent, choose), START, 2
    for step in range(8):
        change = {f"c{choose.randrange(6)}": choose.choice([container(step), None])}
        whole = changed(whole, kernel=body(release=str(step)), **change)
        number = unlucky.report(whole, number)
    assert stored(agent) == whole
    assert HostSection.objects.filter(valid_to=None).count() == len(whole[0])
    assert ContainerFacts.objects.filter(valid_to=None).count() == len(whole[1])
