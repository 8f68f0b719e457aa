"""From samples to findings: judged hourly, though the facts stand as they were."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone

from agents.models import Host
from agents.services.events import SAMPLES_CHANGED
from agents.services.samples import samples_take
from assessments.models import Finding, Judgement
from assessments.services.host_judge import host_judge, host_judge_again
from tests.support.estate import Estate, new_estate
from workbench.core.models import WorkItem

pytestmark = pytest.mark.django_db
MEMORY = "RES-MEM-08"


@pytest.fixture
def estate() -> Estate:
    return new_estate("one", now=timezone.now())


@pytest.fixture
def host(estate: Estate) -> Host:
    return estate.host("web-1", change=limited)


def limited(document: dict[str, Any]) -> None:
    for container in document["containers"]:
        container.setdefault("limits", {})["memory_limited"] = True


def row(key: str, **more: Any) -> dict[str, Any]:
    return {"k": key, "b": "b", "at": 1_000, "n": 1_310.0, "w": 300, "d": 300.0, **more}


def judge_again(host: Host) -> None:
    (item,) = WorkItem.objects.filter(kind=SAMPLES_CHANGED, key=str(host.pk))
    store = host_judge_again(item.key)
    assert store is not None
    with transaction.atomic():
        store()
    item.delete()


def states(host: Host, check: str) -> dict[str, str]:
    rows = Finding.unscoped.filter(host=host, check_id=check, closed_at=None)
    return {one.target_key.removeprefix("container:"): one.status for one in rows}


def sent(host: Host, keys: Iterable[str], ratio: float, *, hours: int = 0) -> None:
    start = 1_000 + hours * 3_600
    rows = [row("", c={"forks": [1, 2]}, at=start, n=start + 310.0)]
    rows += [row(key, g={"memory_ratio": [ratio]}, at=start, n=start + 310.0) for key in keys]
    samples_take(host, rows, now=timezone.now() + timedelta(hours=hours))


def test_what_is_consumed_becomes_a_finding_and_leaves_again(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = states(host, MEMORY)
    assert set(before.values()) == {"unknown"}
    sent(host, before, 0.97)
    assert host_judge(str(host.pk)) is None  # the facts were judged
    judge_again(host)
    assert set(states(host, MEMORY).values()) == {"fail"}
    assert Judgement.objects.filter(host=host).count() == 1
    later = timezone.now() + timedelta(hours=2)
    sent(host, before, 0.3, hours=2)
    monkeypatch.setattr("assessments.services.host_judge.timezone.now", lambda: later)
    judge_again(host)
    assert states(host, MEMORY) == {}


def test_without_samples_the_answer_stays_unknown(host: Host) -> None:
    found = Finding.unscoped.filter(host=host, check_id=MEMORY, closed_at=None).first()
    assert found is not None
    assert found.status == "unknown"
    assert "no samples yet" in found.reason
