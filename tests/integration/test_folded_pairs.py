"""Pairs that nobody can judge: one finding on the host, and no failure is taken for mended."""

from uuid import uuid4

import pytest
from django.db import transaction
from django.utils import timezone

from agents.models import Host
from agents.selectors.facts import facts_of
from assessments.catalogue.loader import load_catalogue
from assessments.engine.check import Status, TargetKind
from assessments.judging import judge
from assessments.models import Finding
from assessments.services.host_judge import host_judge_again
from tests.support.estate import new_estate

pytestmark = pytest.mark.django_db


@pytest.fixture
def host() -> Host:
    """A host with containers that have no sensitivity label."""
    return new_estate("one", now=timezone.now()).host("web-1")


def folded_of(host: Host) -> list[tuple[str, str]]:
    facts = facts_of(str(host.pk))
    assert facts is not None
    catalogue = load_catalogue()
    document = facts.document(policy=catalogue.policy, now=timezone.now())
    return sorted(judge(document, catalogue).folded)


def judge_again(host: Host) -> None:
    store = host_judge_again(str(host.pk))
    assert store is not None
    with transaction.atomic():
        store()


def failed(host: Host, check: str, pair: str) -> Finding:
    """The finding of a pair that failed while both labels were there."""
    finding = Finding.unscoped.get(host=host, check_id=check, target_kind=TargetKind.HOST)
    finding.pk = uuid4()
    finding._state.adding = True
    finding.target_kind, finding.target_key = TargetKind.PAIR.value, f"pair:{pair}"
    finding.status, finding.level = Status.FAIL.value, 2
    finding.save()
    return finding


def test_unknown_pairs_are_one_finding_on_the_host(host: Host) -> None:
    check, _ = folded_of(host)[0]
    finding = Finding.unscoped.get(host=host, check_id=check, status=Status.UNKNOWN)
    assert finding.target_kind == TargetKind.HOST
    assert finding.evidence[0]["path"] == "pairs"


def test_a_failed_pair_that_is_not_known_any_more_stays_open(host: Host) -> None:
    check, pair = folded_of(host)[0]
    finding = failed(host, check, pair)
    gone = failed(host, check, "aaaa+bbbb")
    judge_again(host)
    finding.refresh_from_db()
    gone.refresh_from_db()
    assert finding.closed_at is None
    assert gone.closed_at is not None  # there is no such pair
