"""Random interleavings of everything that can go wrong between an agent's spool and the server.

The agent's real spool and sender against the real door. The model: every event is at the server
once, or in a range that was declared; nothing acknowledged is ever missing.
"""

import json
import random
from pathlib import Path
from typing import Any

import pytest
from underpin_agent.client import Reply, Unreachable
from underpin_agent.events.sender import Sender
from underpin_agent.events.storage import Storage

from agents.models import Event, EventGap, EventSpool
from tests.support.joined import client_post, enrolled_agent, make_estate
from tests.support.wire_agent import WireAgent

pytestmark = pytest.mark.django_db
BOOT = "b0000001"


class Wire:
    """The way to the server: it may lose requests and replies, and repeat old requests."""

    def __init__(self, agent: WireAgent, choose: random.Random) -> None:
        self.headers = {"Authorization": agent.authorization()}
        self.choose, self.past = choose, []
        self.acked: dict[str, int] = {}

    def post(self, _path: str, raw: bytes, token: str = "") -> Reply:
        fate = self.choose.random()
        if fate < 0.1:
            raise Unreachable  # the request was lost
        self.past.append(raw)
        answer = client_post("/i/v1/events", raw, self.headers)
        for _ in range(self.choose.choice([0, 0, 0, 1, 3])):
            self.repeat()
        if fate < 0.3:
            raise Unreachable  # the reply was lost
        if answer.status == 200:
            epoch = json.loads(raw)["epoch"]
            self.acked[epoch] = max(self.acked.get(epoch, 0), answer.body["ack"])
        return Reply(answer.status, answer.body or {})

    def repeat(self) -> None:
        """An old request once more, at any later time."""
        client_post("/i/v1/events", self.choose.choice(self.past[-20:]), self.headers)


def event(number: int) -> bytes:
    text = {"class": "AB"[number % 2], "kind": "facts.changed", "stream": "agent"}
    whole = {**text, "boot_id": BOOT, "id": f"{number:032x}", "mono_ms": number, "what": {}}
    return json.dumps(whole, sort_keys=True, separators=(",", ":")).encode()


class Host:
    """An agent that can be killed: only what is on disk goes on."""

    def __init__(self, folder: Path, choose: random.Random) -> None:
        self.folder, self.choose, self.number = folder, choose, 0
        self.clock = 1_000.0
        self.restart()

    def restart(self) -> None:
        bounds = {"max_bytes": 60_000, "segment_bytes": 4_096}
        self.storage = Storage(str(self.folder), say=lambda _text: None, **bounds)
        self.storage.open()
        self.sender = Sender(
            self.storage,
            boot=BOOT,
            say=lambda _text: None,
            clock=lambda: self.clock,
            pick=lambda low, _high: low,
        )

    def append(self) -> None:
        for _ in range(self.choose.randrange(1, 60)):
            self.number += 1
            self.storage.append(event(self.number))

    def deliver(self, wire: Any) -> None:
        self.clock += 61
        self.sender._rows = self.choose.choice([1, 7, 50, 1_000])
        self.sender.deliver(wire, "k1.host.secret.tag")

    def damage(self) -> None:
        """Flip one bit of one segment that is not written to now."""
        closed = sorted(self.folder.glob("*.seg"))[:-1]
        if closed:
            path = self.choose.choice(closed)
            raw = bytearray(path.read_bytes())
            raw[self.choose.randrange(len(raw))] ^= 1
            path.write_bytes(raw)


def settle(host: Host, agent: WireAgent) -> None:
    """Deliver over a sound wire until nothing waits."""
    wire = Sound(agent)
    for _ in range(50):
        host.clock += 61
        host.sender._rows = 1_000
        host.sender.deliver(wire, "k1.host.secret.tag")
        if host.storage.spool.last == host.storage.spool.acked:
            return
    message = "the spool never came to rest"
    raise AssertionError(message)


class Sound:
    """A wire without faults."""

    def __init__(self, agent: WireAgent) -> None:
        self.headers = {"Authorization": agent.authorization()}

    def post(self, _path: str, raw: bytes, token: str = "") -> Reply:
        answer = client_post("/i/v1/events", raw, self.headers)
        return Reply(answer.status, answer.body or {})


def ranges(**which: Any) -> set[int]:
    found: set[int] = set()
    for gap in EventGap.objects.filter(**which):
        found |= set(range(gap.first, gap.last + 1))
    return found


@pytest.fixture(autouse=True)
def no_day_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agents.services.event_rows.MAX_DAY_ROWS", 10**6)


@pytest.fixture
def agent() -> WireAgent:
    return enrolled_agent(make_estate())


@pytest.fixture(autouse=True)
def unhurried(settings: Any) -> None:
    settings.AGENT_REQUESTS_PER_SECOND = 100_000


@pytest.mark.parametrize("seed", range(5))
def test_whatever_the_wire_does_each_event_is_stored_once_or_declared(
    agent: WireAgent, tmp_path: Path, seed: int
) -> None:
    choose = random.Random(seed)
    host, wire = Host(tmp_path / "s", choose), Wire(agent, choose)
    is_damaged = seed % 3 == 0
    for _ in range(20):
        step = choose.random()
        if step < 0.45:
            host.append()
        elif step < 0.85:
            host.deliver(wire)
        elif step < 0.95 or not is_damaged:
            host.restart()
        else:
            host.damage()
    host.append()
    settle(host, agent)
    rows = list(Event.unscoped.order_by("seq").values_list("seq", "event_id"))
    numbers = [seq for seq, _ in rows]
    declared = ranges()
    assert len(set(numbers)) == len(numbers)
    assert not set(numbers) & declared
    assert set(numbers) | declared == set(range(1, host.storage.spool.last + 1))
    assert not ranges(reason="missing"), "everything missing was declared or came"
    if not is_damaged:
        assert all(int(name, 16) == seq for seq, name in rows), "each event under its own number"
    assert EventSpool.objects.get().mark == host.storage.spool.last
    assert all(host.storage.spool.acked >= held for held in wire.acked.values())


@pytest.mark.parametrize("seed", range(2))
def test_a_server_restored_to_an_older_state_gets_what_is_left_and_a_word_on_the_rest(
    agent: WireAgent, tmp_path: Path, seed: int
) -> None:
    choose = random.Random(seed)
    host, wire = Host(tmp_path / "s", choose), Wire(agent, choose)
    for _ in range(8):
        host.append()
        host.deliver(wire)
    settle(host, agent)
    before = host.storage.spool.last
    kept = choose.randrange(before)
    Event.unscoped.filter(seq__gt=kept).delete()
    EventGap.objects.filter(first__gt=kept).delete()
    EventGap.objects.filter(last__gt=kept).update(last=kept)
    EventSpool.objects.update(mark=kept)
    host.append()
    settle(host, agent)
    numbers = set(Event.unscoped.values_list("seq", flat=True))
    assert set(range(before + 1, host.storage.spool.last + 1)) <= numbers
    assert numbers | ranges() == set(range(1, host.storage.spool.last + 1))
    assert ranges(reason="restored") == set(range(kept + 1, before + 1)) - numbers


def test_an_outage_ends_without_a_burst(agent: WireAgent, tmp_path: Path) -> None:
    host = Host(tmp_path / "s", random.Random(1))
    for _ in range(100):
        host.append()
    sound, asked = Sound(agent), []

    class Counting:
        def post(self, path: str, raw: bytes, token: str = "") -> Reply:
            asked.append(host.clock)
            return sound.post(path, raw, token)

    for _ in range(30):
        host.clock += 5
        host.sender._rows = 50
        host.sender.deliver(Counting(), "k1.host.secret.tag")
    busiest = max(sum(1 for other in asked if 0 <= other - one < 60) for one in asked)
    assert busiest <= 4
