"""Events at the door: each number once, gaps said, time by the server, bounds held."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from agents.models import Event, EventDay, EventGap, EventSpool, Host, HostLive
from agents.services import event_rows
from agents.services.event_retention import events_sweep
from agents.tasks import sweep_events
from tests.support.joined import Estate, client_post, enrolled_agent, make_estate
from tests.support.wire_agent import Answer, WireAgent

pytestmark = pytest.mark.django_db
EPOCH = "00000000000000ab"
MONO = 90_000_000


@pytest.fixture
def estate() -> Estate:
    return make_estate()


@pytest.fixture
def agent(estate: Estate) -> WireAgent:
    return enrolled_agent(estate)


def event(seq: int, **more: Any) -> dict[str, Any]:
    return {
        "seq": seq,
        "id": f"{seq:032x}",
        "kind": "container.start",
        "class": "A",
        "stream": "cgroup",
        "mono_ms": MONO - 1_000,
        "boot_id": "0" * 8,
        "where": {"container": "c1", "container_name": "web"},
        **more,
    }


def send(agent: WireAgent, numbers: Any, *, events: Any = None, **more: Any) -> Answer:
    numbers = list(numbers)
    body = {
        "v": 1,
        "epoch": EPOCH,
        "from": numbers[0] if numbers else 1,
        "acked": 0,
        "boot": "0" * 8,
        "mono_ms": MONO,
        "sent_ms": int(timezone.now().timestamp() * 1000),
        "ev": [event(seq) for seq in numbers] if events is None else events,
        "drop": [],
        **more,
    }
    headers = {"Authorization": agent.authorization()}
    return client_post("/i/v1/events", json.dumps(body).encode(), headers)


def numbers() -> list[int]:
    return sorted(Event.unscoped.values_list("seq", flat=True))


def gaps() -> list[tuple[int, int, str]]:
    return sorted(EventGap.objects.values_list("first", "last", "reason"))


def test_events_are_stored_and_acknowledged_after_commit(agent: WireAgent, estate: Estate) -> None:
    answer = send(agent, range(1, 11))
    assert (answer.status, answer.body) == (200, {"ack": 10})
    row = Event.objects.of(estate.workspace).order_by("seq")[0]
    assert (row.kind, row.container_key, row.event_id) == ("container.start", "c1", f"{1:032x}")
    assert row.details["where"]["container_name"] == "web"


def test_the_same_batch_again_changes_nothing(agent: WireAgent) -> None:
    for _ in range(3):
        assert send(agent, range(1, 11)).body == {"ack": 10}
    assert numbers() == list(range(1, 11))
    assert EventDay.objects.get().counts == {"container.start": 10}


def test_a_batch_that_overlaps_adds_what_is_new(agent: WireAgent) -> None:
    send(agent, range(1, 11))
    assert send(agent, range(5, 16)).body == {"ack": 15}
    assert numbers() == list(range(1, 16))
    assert gaps() == []


def test_a_gap_opens_and_closes_when_batches_come_out_of_order(agent: WireAgent) -> None:
    send(agent, range(1, 11))
    assert send(agent, range(21, 31), acked=10).body == {"ack": 30}
    assert gaps() == [(11, 20, "missing")]
    assert send(agent, range(11, 21), acked=10).body == {"ack": 30}
    assert gaps() == []
    assert numbers() == list(range(1, 31))
    assert not EventSpool.objects.get().has_gaps


def test_part_of_a_gap_that_comes_late_leaves_the_rest(agent: WireAgent) -> None:
    send(agent, [1])
    send(agent, [10], acked=1)
    send(agent, [4, 5], acked=1)
    assert gaps() == [(2, 3, "missing"), (6, 9, "missing")]


def test_a_declared_drop_is_noted_with_its_reason_and_never_waited_for(agent: WireAgent) -> None:
    drop = [{"from": 1, "to": 7, "n": 7, "why": "full"}]
    assert send(agent, [8, 9], drop=drop, **{"from": 1}).body == {"ack": 9}
    assert gaps() == [(1, 7, "full")]
    send(agent, range(1, 8))
    assert numbers() == [8, 9]


def test_a_declaration_alone_moves_the_mark(agent: WireAgent) -> None:
    drop = [{"from": 1, "to": 5, "n": 5, "why": "old"}]
    assert send(agent, [], drop=drop).body == {"ack": 5}
    assert gaps() == [(1, 5, "old")]


def test_a_restored_database_asks_for_what_it_lacks(agent: WireAgent) -> None:
    send(agent, range(1, 51))
    Event.unscoped.filter(seq__gt=20).delete()
    EventSpool.objects.update(mark=20)
    answer = send(agent, range(51, 61), acked=50)
    assert (answer.status, answer.body) == (409, {"ack": 20})
    assert numbers() == list(range(1, 21))
    drop = [{"from": 21, "to": 40, "n": 20, "why": "restored"}]
    events = [event(seq) for seq in range(41, 61)]
    again = send(agent, [], events=events, drop=drop, acked=20, **{"from": 21})
    assert (again.status, again.body) == (200, {"ack": 60})
    assert gaps() == [(21, 40, "restored")]
    assert numbers() == [*range(1, 21), *range(41, 61)]


def test_a_spool_that_this_database_never_saw_begins_at_nothing(agent: WireAgent) -> None:
    assert send(agent, [8], acked=7).body == {"ack": 0}
    assert numbers() == []


def test_two_spools_of_a_host_have_marks_of_their_own(agent: WireAgent) -> None:
    send(agent, range(1, 4))
    assert send(agent, range(1, 3), epoch="f" * 16).body == {"ack": 2}
    assert Event.unscoped.count() == 5


# ---- time --------------------------------------------------------------------------------------


def at_of(seq: int) -> datetime:
    return Event.unscoped.get(seq=seq).at


def test_the_time_is_the_receipt_less_the_age_by_the_steady_clock(agent: WireAgent) -> None:
    before = timezone.now()
    send(agent, [], events=[event(1, mono_ms=MONO - 3_600_000, at="2001-01-01T00:00:00Z")])
    found = Event.unscoped.get()
    assert timedelta(0) <= found.at - (before - timedelta(hours=1)) < timedelta(seconds=30)
    assert found.source_at is None, "decades away is no time"


@pytest.mark.parametrize("skew", [-86_400, -121, 3_600, 10 * 365 * 86_400])
def test_a_clock_that_is_wrong_is_shown_and_refuses_nothing(agent: WireAgent, skew: int) -> None:
    now = timezone.now()
    source = (now + timedelta(seconds=skew)).isoformat()
    sent_ms = int((now.timestamp() + skew) * 1000)
    # Of another boot, so that only the wall clock can tell the time.
    events = [event(1, boot_id="1" * 8, at=source)]
    assert send(agent, [], events=events, sent_ms=sent_ms).status == 200
    assert abs((HostLive.objects.get().clock_skew_seconds or 0) - skew) <= 30
    assert abs(at_of(1) - now) < timedelta(seconds=30)


def test_an_event_of_the_future_or_of_long_ago_is_put_within_retention(agent: WireAgent) -> None:
    now = timezone.now()
    events = [event(1, mono_ms=MONO + 10**9), event(2, mono_ms=0)]
    send(agent, [], events=events, mono_ms=2**60)
    assert at_of(1) <= timezone.now()
    assert at_of(2) >= now - event_rows.OLDEST


# ---- bounds ------------------------------------------------------------------------------------


def test_beyond_the_day_s_bound_lesser_events_become_counts(
    agent: WireAgent, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_rows, "MAX_DAY_ROWS", 5)
    lesser = {"kind": "facts.changed", "class": "B", "count": 2}
    events = [event(seq, **lesser) for seq in range(1, 9)]
    send(agent, [], events=[*events, event(9), event(10)])
    assert numbers() == [1, 2, 3, 4, 5, 9, 10], "access and lifecycle events are always kept"
    day = EventDay.objects.get()
    assert day.counts == {"facts.changed": 16, "container.start": 2}
    assert day.only_counted == {"facts.changed": 6}
    assert EventSpool.objects.get().mark == 10


def test_no_class_is_without_a_bound(agent: WireAgent, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_rows, "MAX_DAY_ROWS_CLASS_A", 3)
    send(agent, range(1, 11))
    assert numbers() == [1, 2, 3]


def test_a_flood_of_spools_is_refused(agent: WireAgent, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agents.services.event_store.MAX_SPOOLS_A_DAY", 3)
    statuses = [send(agent, [1], epoch=f"{one:016x}").status for one in range(5)]
    assert statuses == [200, 200, 200, 429, 429]


def test_a_hostile_pattern_of_gaps_stays_bounded(agent: WireAgent) -> None:
    for start in (1, 2_001, 4_001):
        assert send(agent, range(start, start + 2_000, 2), **{"from": start}).status == 200
    assert EventGap.objects.count() <= 210
    assert Event.unscoped.count() == 3_000


@pytest.mark.parametrize(
    "fault",
    [
        {"epoch": "xyz"},
        {"ev": [event(2), event(1)], "from": 1},
        {"ev": [event(1), event(1)], "from": 1},
        {"ev": [event(1)], "from": 2},
        {"ev": [event(3)], "from": 1, "drop": [{"from": 2, "to": 4, "why": "full"}]},
        {"drop": [{"from": 5, "to": 2, "why": "full"}], "from": 1},
        {"ev": [event(2**63)], "from": 1},
        {"ev": [event(1, kind="Container Start")]},
        {"ev": [event(1, **{"class": "D"})]},
        {"ev": [event(1, what={"a": "x" * 5_000})]},
        {"ev": [event(1, what={str(one): 1 for one in range(50)})]},
        {"ev": [event(one) for one in range(1, 1_002)]},
    ],
)
def test_a_batch_that_makes_no_sense_changes_nothing(agent: WireAgent, fault: Any) -> None:
    answer = send(agent, [1], **fault)
    assert answer.status in {400, 413}, answer
    assert not Event.unscoped.exists()
    assert not EventSpool.objects.exists()


def test_a_retired_or_forked_host_delivers_nothing(agent: WireAgent) -> None:
    Host.unscoped.update(state="forked")
    assert send(agent, [1]).status == 409
    Host.unscoped.update(state="retired")
    assert send(agent, [1]).status == 410
    assert not Event.unscoped.exists()


@pytest.mark.postgres
def test_a_batch_costs_the_same_queries_whatever_it_holds(
    agent: WireAgent, django_assert_max_num_queries: Any
) -> None:
    send(agent, [1])
    with django_assert_max_num_queries(14) as few:
        send(agent, [2])
    with django_assert_max_num_queries(14) as many:
        send(agent, range(3, 1_003))
    assert len(many) == len(few)


# ---- retention ---------------------------------------------------------------------------------


def test_events_older_than_thirty_days_go_in_slices(
    agent: WireAgent, monkeypatch: pytest.MonkeyPatch
) -> None:
    send(agent, range(1, 31))
    now = timezone.now()
    Event.unscoped.filter(seq__lte=25).update(at=now - timedelta(days=31))
    monkeypatch.setattr("agents.services.event_retention.SLICE_ROWS", 10)
    assert events_sweep(now=now, max_slices=1) == 10
    assert sweep_events() == 15
    assert sweep_events() == 0
    assert numbers() == [26, 27, 28, 29, 30]


def test_counts_of_a_day_stay_for_thirteen_months(agent: WireAgent) -> None:
    send(agent, [1])
    now = datetime.now(tz=UTC)
    EventDay.objects.update(day=(now - timedelta(days=390)).date())
    sweep_events()
    assert EventDay.objects.count() == 1
    EventDay.objects.update(day=(now - timedelta(days=400)).date())
    sweep_events()
    assert EventDay.objects.count() == 0
