"""The adaptive interval: quiet targets cool, unusual ones warm, nobody exceeds the budget."""

import itertools

import pytest
from underpin_agent.sampling import budget
from underpin_agent.sampling.schedule import CONTAINER, HOST, TASKS, Schedule

BUDGET = 0.005


def middle(low, high):
    return (low + high) / 2


def drive(plan, seconds, *, start=0.0, cost=0.0001, rates=None, each=None, overhead=0.0):
    """Virtual time: ``rates(target, now)`` are told; returns ``[(now, tier, key)]``."""
    now, used, log = start, plan.used, []
    while now < start + seconds:
        plan.note_used(now, used)
        target, wait = plan.due(now)
        if target is None:
            now += max(wait, 0.01)
            continue
        log.append((now, target.tier, target.key))
        told = rates(target, now) if rates else {"cpu": 0.0}
        used += cost + overhead
        plan.sampled(target, now, cost, rates=told)
        if each:
            each(now, used)
    return log


def gaps(log, key):
    times = [now for now, _tier, one in log if one == key]
    return [round(b - a, 1) for a, b in itertools.pairwise(times)]


def test_a_new_container_is_seen_six_times_quickly_and_then_ever_more_seldom():
    plan = Schedule(BUDGET, middle)
    plan.add("a", CONTAINER, 0.0)
    found = gaps(drive(plan, 600), "a")
    assert found[:5] == [2.0] * 5
    assert found[5:9] == [10.0, 12.5, 15.6, 19.5]
    assert found[-1] == 57.0  # at most 60, however late the look comes


def test_a_change_brings_a_look_every_two_seconds_for_half_a_minute():
    plan = Schedule(BUDGET, middle)
    plan.add("a", CONTAINER, 0.0)
    drive(plan, 300)
    log = drive(plan, 200, start=300.0, rates=lambda _t, now: {"cpu": 1.0 if now > 320 else 0.0})
    found = gaps(log, "a")
    assert found.count(2.0) >= 14
    assert found[-1] > 2.0  # the new usual is usual


def test_noise_of_the_host_leaves_the_containers_their_attention():
    plan = Schedule(BUDGET, middle)
    plan.add("", HOST, 0.0)
    plan.add("a", CONTAINER, 0.0)

    def rates(target, now):
        worse = 10.0 ** (target.samples // 3)  # bursts that each outdo the usual
        noisy = {"cpu": 0.0, "forks": worse if target.samples % 3 == 2 else 0.0}
        return noisy if target.tier == HOST else {"cpu": 1.0 if now > 900 else 0.0}

    drive(plan, 900, rates=rates)
    assert plan.buckets[HOST].tokens < budget.HOT_TOKENS
    plan.alarm("a", 901.0)
    log = drive(plan, 60, start=901.0, rates=rates)
    first = next(now for now, _tier, key in log if key == "a")
    assert first - 901.0 < 5.0
    assert gaps(log, "a")[0] == 2.0


def test_without_tokens_a_container_stays_cold():
    plan = Schedule(BUDGET, middle)
    plan.add("a", CONTAINER, 0.0)
    drive(plan, 60)
    plan.buckets[CONTAINER].tokens = 0.0
    plan.buckets[CONTAINER].at = 60.0
    plan.alarm("a", 61.0)
    assert not plan.is_hot("a", 61.0)


def test_at_most_thirty_containers_are_hot():
    plan = Schedule(BUDGET, middle)
    plan.buckets[CONTAINER].tokens = plan.buckets[CONTAINER].limit = 10_000.0
    for number in range(40):
        plan.add(str(number), CONTAINER, 0.0)
        plan.alarm(str(number), 1.0)
    assert len(plan.hot_keys(2.0)) == 30


@pytest.mark.parametrize("count", [9, 50, 500])
@pytest.mark.parametrize("cost", [0.0001, 0.006])
def test_the_budget_holds_over_any_minute(count, cost):
    plan = Schedule(BUDGET, middle)
    plan.add("", HOST, 0.0)
    for number in range(count):
        plan.add(str(number), CONTAINER, 0.0)
    points = []
    drive(plan, 1_800, cost=cost, each=lambda now, used: points.append((now, used)))
    first = 0
    for now, used in points:
        while points[first][0] < now - 60:
            first += 1
        assert used - points[first][1] <= 2 * BUDGET * 60 + 0.01
    assert points[-1][1] / points[-1][0] <= BUDGET * 1.3


def test_long_pressure_on_the_host_halves_the_budget():
    plan = Schedule(BUDGET, middle)
    plan.note_pressure(0.0, 0.5)
    plan.note_pressure(9.0, 0.5)
    assert plan.allowed() == BUDGET
    plan.note_pressure(10.0, 0.5)
    assert plan.allowed() == BUDGET / 2
    plan.note_pressure(11.0, 0.1)
    assert plan.allowed() == BUDGET


def test_an_overrun_stops_all_looks_until_the_use_is_back_below_the_budget():
    plan = Schedule(BUDGET, middle)
    plan.add("a", CONTAINER, 0.0)
    plan.note_used(0.0, 0.0)
    plan.note_used(30.0, 5 * BUDGET * 60)
    assert plan.overruns == 1
    assert plan.tasks_off
    assert plan.due(30.0)[0] is None
    plan.note_used(31.0, 5 * BUDGET * 60)
    assert plan.overruns == 1  # the same one
    plan.note_used(95.0, 5 * BUDGET * 60)
    assert plan.due(95.0)[0] is not None


def test_threads_get_their_own_share_of_the_budget():
    plan = Schedule(BUDGET, middle)
    plan.add("a", TASKS, 0.0)
    log = drive(plan, 1_200, cost=0.1)
    assert 0.1 / max(gaps(log, "a")) <= 0.2 * BUDGET * 1.1
    assert plan.used / 1_200 < BUDGET


def test_a_removed_target_is_not_looked_at_again():
    plan = Schedule(BUDGET, middle)
    plan.add("a", CONTAINER, 0.0)
    plan.remove("a", CONTAINER)
    assert drive(plan, 100) == []
