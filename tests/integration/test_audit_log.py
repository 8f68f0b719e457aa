"""The audit log: no change without its entry, and every tampering is found at its place."""

import threading

import pytest
from django.db import connection, transaction

from tests.support.joined import NOW, make_estate
from workbench.core import audit
from workbench.core.models import AuditEntry, Workspace

pytestmark = pytest.mark.django_db


def write(workspace: Workspace, count: int) -> None:
    for number in range(count):
        with transaction.atomic():
            audit.record(
                workspace, actor="a@example.org", verb="x.changed", target=str(number), now=NOW
            )


def entries(workspace: Workspace) -> list[AuditEntry]:
    return list(AuditEntry.objects.of(workspace).order_by("number"))


def test_a_whole_log_verifies() -> None:
    workspace = make_estate().workspace
    write(workspace, 5)
    assert audit.first_bad_number(entries(workspace)) is None


@pytest.mark.parametrize(
    ("column", "value"),
    [("actor", "b@example.org"), ("verb", "y"), ("after", {"x": 1}), ("reason", "because")],
)
def test_a_changed_column_is_found_at_its_entry(column: str, value: object) -> None:
    workspace = make_estate().workspace
    write(workspace, 5)
    AuditEntry.objects.of(workspace).filter(number=3).update(**{column: value})
    assert audit.first_bad_number(entries(workspace)) == 3


def test_a_removed_entry_is_found() -> None:
    workspace = make_estate().workspace
    write(workspace, 5)
    rows = [row for row in entries(workspace) if row.number != 2]
    assert audit.first_bad_number(rows) == 2


def test_an_entry_is_never_changed_or_deleted_through_the_model() -> None:
    workspace = make_estate().workspace
    write(workspace, 1)
    entry = entries(workspace)[0]
    with pytest.raises(RuntimeError):
        entry.save()
    with pytest.raises(RuntimeError):
        entry.delete()


@pytest.mark.django_db(transaction=True)
def test_an_entry_outside_a_transaction_is_refused() -> None:
    workspace = make_estate().workspace
    with pytest.raises(RuntimeError):
        audit.record(workspace, actor="a", verb="v", target="t", now=NOW)


@pytest.mark.django_db(transaction=True)
def test_writers_at_once_leave_one_chain_without_gaps() -> None:
    workspace = make_estate().workspace

    def work() -> None:
        try:
            write(workspace, 5)
        finally:
            connection.close()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    rows = entries(workspace)
    assert [row.number for row in rows] == list(range(1, 21))
    assert audit.first_bad_number(rows) is None
