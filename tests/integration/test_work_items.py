"""Work items: asked for once, served once, never lost."""

import threading
from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.utils import timezone

from tests.support.joined import NOW
from workbench.core.models import WorkItem, Workspace
from workbench.core.work import items

KIND = "test.kind"


@pytest.fixture
def served() -> Iterator[list[str]]:
    """Keys in the order in which they were served."""
    keys: list[str] = []
    items.subscribe(KIND, lambda key: lambda: keys.append(key))
    yield keys
    items._handlers.pop(KIND)


def clock():
    return NOW


@pytest.mark.django_db
def test_work_is_served_once(served: list[str]) -> None:
    items.want(KIND, "a", now=NOW)
    assert items.run_due(clock=clock) == 1
    assert items.run_due(clock=clock) == 0
    assert served == ["a"]


@pytest.mark.django_db
def test_asking_twice_before_it_runs_serves_once(served: list[str]) -> None:
    items.want(KIND, "a", now=NOW)
    items.want(KIND, "a", now=NOW)
    items.run_due(clock=clock)
    assert served == ["a"]


@pytest.mark.django_db
def test_asking_while_it_runs_serves_again(served: list[str]) -> None:
    items.want(KIND, "a", now=NOW)
    leased = items.lease_next(now=NOW)
    assert leased is not None
    items.want(KIND, "a", now=NOW)
    items.run(leased, clock=clock)
    assert WorkItem.objects.get(kind=KIND).done_at is None
    assert items.run_due(clock=clock) == 1
    assert served == ["a", "a"]


@pytest.mark.django_db
def test_work_due_later_waits(served: list[str]) -> None:
    items.want(KIND, "a", now=NOW + timedelta(seconds=10))
    assert items.run_due(clock=clock) == 0
    assert served == []


@pytest.mark.django_db
def test_a_lease_of_a_dead_worker_runs_out(served: list[str]) -> None:
    items.want(KIND, "a", now=NOW)
    assert items.lease_next(now=NOW) is not None
    assert items.lease_next(now=NOW) is None
    later = NOW + timedelta(seconds=121)
    assert items.run_due(clock=lambda: later) == 1
    assert served == ["a"]


@pytest.mark.django_db(transaction=True)
def test_a_worker_that_lost_its_lease_changes_nothing(served: list[str]) -> None:
    def write(key: str):
        return lambda: Workspace.objects.create(name=key)

    items.subscribe(KIND, write)
    items.want(KIND, "a", now=NOW)
    slow = items.lease_next(now=NOW)
    assert slow is not None
    later = NOW + timedelta(seconds=121)
    items.run_due(clock=lambda: later)
    items.run(slow, clock=lambda: later)
    assert Workspace.objects.filter(name="a").count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_failure_is_tried_again_and_quarantined_in_the_end() -> None:
    def fail(key: str):
        msg = "broken \x00 facts"
        raise ValueError(msg)

    items.subscribe(KIND, fail)
    try:
        items.want(KIND, "a", now=NOW)
        for attempt in range(items.MAX_ATTEMPTS):
            at = NOW + timedelta(hours=attempt)
            assert items.run_due(clock=lambda at=at: at) == 1
        item = WorkItem.objects.get(kind=KIND)
        assert item.quarantined_at is not None
        assert item.last_error == "ValueError: broken  facts"
        items.want(KIND, "a", now=NOW)
        item.refresh_from_db()
        assert item.quarantined_at is None
    finally:
        items._handlers.pop(KIND)


@pytest.mark.django_db
def test_a_change_that_is_rolled_back_asks_for_nothing(served: list[str]) -> None:
    with transaction.atomic():
        items.want(KIND, "a", now=NOW)
        transaction.set_rollback(True)
    assert not WorkItem.objects.filter(kind=KIND).exists()


@pytest.mark.django_db(transaction=True)
def test_two_workers_at_once_never_hold_the_same_item(served: list[str]) -> None:
    for number in range(20):
        items.want(KIND, str(number), now=NOW)

    def work() -> None:
        try:
            items.run_due(clock=timezone.now)
        finally:
            connection.close()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(served, key=int) == [str(number) for number in range(20)]
