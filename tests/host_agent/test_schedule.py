"""What is read when: news at once, the rest in turn, all of it within the CPU budget."""

import pytest
from underpin_agent.schedule import (
    BURST_SECONDS,
    CPU_SHARE,
    DEBT_SECONDS,
    MAX_AGE_SECONDS,
    Budget,
    Schedule,
)

CYCLE = 60.0
SECTIONS = ("agent", "host", "kernel", "network", "runtimes", "images")


class Host:
    """A made-up host: what each item costs, which containers there are, and what was read."""

    def __init__(self, *, costs=None, containers=0, cycle=CYCLE, look=0.01):
        self.now = 1000.0
        self.cycle_seconds, self.look = cycle, look
        self.costs = costs or {}
        self.marks = {"c%d" % number: "a" for number in range(containers)}
        self.schedule = Schedule(SECTIONS, self.now)
        self.read = []
        self.spent = 0.0
        self.oldest = 0.0
        self.looks = 0

    def cost(self, key):
        return self.costs.get(key[1], self.costs.get(key[0], 0.003))

    def cycle(self):
        """One cycle as ``Isolated`` does it; returns what was read."""
        read, used = [], self.look
        if not self.schedule.may_start(self.now):
            used = 0.0
        else:
            self.looks += 1
            first = self.schedule.first
            self.schedule.observe(self.marks)
            for key, most in self.schedule.plan(self.now, self.look):
                if most is not None and used >= most:
                    continue
                cost = self.cost(key)
                used += cost
                self.schedule.done(key, now=self.now, cost=cost, result="x")
                read.append(key)
            self.schedule.ended(self.now)
            if not first:
                self.schedule.budget.charge(used)
                self.spent += used
        ages = [self.now - item.read_at for item in self.schedule.items.values() if item.read_at]
        self.oldest = max(ages, default=0.0)
        self.now += self.cycle_seconds
        self.read.append(read)
        return read

    def cycles(self, count):
        """Many cycles; the greatest age of a fact just before a cycle ended."""
        greatest = 0.0
        for _ in range(count):
            self.cycle()
            greatest = max(greatest, self.oldest + self.cycle_seconds)
        return greatest


def test_the_first_cycle_reads_everything_whatever_it_costs():
    host = Host(containers=500, costs={"container": 0.01})
    assert len(host.cycle()) == 506
    assert host.schedule.may_start(host.now)


@pytest.mark.parametrize("containers", [0, 1, 10, 50])
def test_no_fact_is_older_than_promised(containers):
    host = Host(containers=containers, costs={"container": 0.006})
    assert host.cycles(60) <= MAX_AGE_SECONDS
    assert host.schedule.trouble(host.now) == ""


@pytest.mark.parametrize("containers", [0, 10, 50, 200, 600])
def test_the_budget_is_kept(containers):
    host = Host(containers=containers, costs={"container": 0.006})
    host.cycles(240)
    assert host.spent <= (240 * CYCLE + BURST_SECONDS) * CPU_SHARE * 1.05


def test_each_cycle_pays_a_part_of_the_turn():
    host = Host(containers=50, costs={"container": 0.006})
    host.cycle()
    # A batch in every third minute, five of them in a turn.
    assert max(len(host.cycle()) for _ in range(40)) <= 20
    assert sum(bool(read) for read in host.read[1:]) <= 20


def test_what_the_budget_cannot_pay_is_told():
    host = Host(containers=600, costs={"container": 0.006})
    assert host.cycles(60) > MAX_AGE_SECONDS
    assert "the CPU budget of 0.14 % of a core" in host.schedule.trouble(host.now)


def test_every_item_has_its_turn_when_the_budget_is_short():
    host = Host(containers=300, costs={"container": 0.006})
    host.cycle()
    host.cycles(60)
    seen = {key for read in host.read[1:] for key in read}
    assert len(seen) == 306


def test_a_costly_look_is_taken_less_often():
    host = Host(look=0.5)
    host.cycles(120)
    assert 10 <= host.looks <= 30
    assert host.oldest < 2 * MAX_AGE_SECONDS
    assert host.spent <= (120 * CYCLE + DEBT_SECONDS) * CPU_SHARE * 1.05


def test_a_new_container_is_read_at_once_with_the_sections_that_show_it():
    host = Host(containers=5)
    host.cycle()
    host.marks["new"] = "a"
    read = host.cycle()
    assert read[0] == ("container", "new")
    assert {("section", name) for name in ("runtimes", "images", "network")} <= set(read)


def test_a_changed_container_is_read_at_once():
    host = Host(containers=50)
    host.cycle()
    host.marks["c7"] = "b"
    assert host.cycle()[0] == ("container", "c7")
    assert ("container", "c7") not in host.cycle()


def test_a_gone_container_is_forgotten():
    host = Host(containers=3)
    host.cycle()
    del host.marks["c1"]
    assert ("section", "runtimes") in host.cycle()
    assert ("container", "c1") not in host.schedule.items


def test_a_container_that_changes_all_the_time_starves_nobody():
    host = Host(containers=200, costs={"container": 0.01})
    host.cycle()
    for number in range(120):
        host.marks = dict.fromkeys(host.marks, "mark %d" % number)
        host.cycle()
    late = [item for key, item in host.schedule.items.items() if key[0] == "section"]
    assert max(host.now - item.read_at for item in late) < 2 * MAX_AGE_SECONDS
    assert host.spent <= (120 * CYCLE + 2 * BURST_SECONDS) * CPU_SHARE * 1.1


def test_refresh_reads_the_named_sections_at_once():
    host = Host(containers=50, costs={"container": 0.006})
    host.cycles(3)
    host.schedule.refresh({"kernel"})
    assert host.cycle()[0] == ("section", "kernel")


def test_refresh_of_everything_is_paid_from_the_budget():
    host = Host(containers=200, costs={"container": 0.006})
    host.cycle()
    before = host.spent
    for _ in range(30):
        host.schedule.refresh()
        host.cycle()
    assert host.spent - before <= (30 * CYCLE + 2 * BURST_SECONDS) * CPU_SHARE * 1.1


def test_a_long_interval_reads_everything_each_time():
    host = Host(containers=10, cycle=3600.0)
    host.cycle()
    assert len(host.cycle()) == 16
    assert host.schedule.trouble(host.now) == ""


def test_after_a_suspension_there_is_no_burst_beyond_the_bucket():
    host = Host(containers=500, costs={"container": 0.006})
    host.cycles(5)
    host.now += 10 * 86_400
    before = host.spent
    host.cycle()
    assert host.spent - before <= 2 * CPU_SHARE * BURST_SECONDS + 0.1


def test_a_clock_that_stands_still_gives_nothing():
    budget = Budget(1000.0)
    budget.refill(2000.0)
    budget.charge(0.1)
    budget.refill(2000.0)
    budget.refill(900.0)
    assert budget.tokens == pytest.approx(budget.capacity - 0.1)


def test_a_failing_item_is_tried_ever_more_rarely():
    schedule = Schedule(("kernel",), 0.0)
    tried = []
    for minute in range(24 * 60):
        now = minute * 60.0
        if any(key == ("section", "kernel") for key, _most in schedule.plan(now)):
            tried.append(minute)
            schedule.failed(("section", "kernel"), now=now, reason="broken")
    assert tried[:4] == [0, 1, 16, 46]
    assert len(tried) < 15


def test_a_failing_item_is_no_trouble_of_the_budget():
    schedule = Schedule(("kernel",), 0.0)
    schedule.observe({})
    schedule.done(("section", "kernel"), now=0.0, cost=0.001, result="x")
    schedule.failed(("section", "kernel"), now=60.0, reason="broken")
    schedule.ended(60.0)
    assert schedule.trouble(9000.0) == ""


def test_a_section_that_is_switched_off_is_not_read():
    host = Host()
    host.schedule.rules = {"kernel": (False, None)}
    host.cycles(30)
    assert ("section", "kernel") not in {key for read in host.read for key in read}
    assert not host.schedule.first


def test_a_section_is_read_as_rarely_as_the_configuration_says():
    host = Host()
    host.schedule.rules = {"kernel": (True, 3600)}
    host.cycles(121)
    assert sum(("section", "kernel") in read for read in host.read) in (2, 3)
    assert host.schedule.trouble(host.now) == ""


def test_a_section_is_read_as_often_as_the_configuration_says():
    host = Host()
    host.schedule.rules = {"kernel": (True, 120)}
    host.cycles(61)
    assert sum(("section", "kernel") in read for read in host.read) in (30, 31)
