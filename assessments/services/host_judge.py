"""Judging a host: evaluate, then open, change and close findings in one transaction."""

from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import datetime

from django.utils import timezone

from agents.models import Container, Host
from agents.selectors.facts import HostFacts, facts_of
from assessments.catalogue.loader import Catalogue, load_catalogue
from assessments.engine.check import Status, TargetKind
from assessments.judging import Judgement as Judged
from assessments.judging import Result, judge
from assessments.models import AreaCount, Finding, Judgement
from assessments.services.finding_rows import CHANGING, Key, changing_values, key_of, new_row

BATCH_ROWS = 500


def host_judge(key: str) -> Callable[[], None] | None:
    """Judge the newest facts of the host with id ``key``; what is returned stores the outcome.

    None when these facts were judged before by this catalogue with the same criticality and labels,
    or there are none yet.
    """
    facts = facts_of(key)
    catalogue = load_catalogue()
    if facts is None or _is_judged(facts, catalogue):
        return None
    return _outcome(facts, catalogue)


def host_judge_again(key: str) -> Callable[[], None] | None:
    """Judge the host with id ``key`` though its facts stand as they were: it consumes otherwise."""
    facts = facts_of(key)
    return None if facts is None else _outcome(facts, load_catalogue())


def _outcome(facts: HostFacts, catalogue: Catalogue) -> Callable[[], None]:
    now = timezone.now()
    document = facts.document(policy=catalogue.policy, now=now)
    judged = judge(document, catalogue, facts_digest=facts.root, criticality=facts.host.criticality)
    return lambda: _store(facts, judged, catalogue=catalogue, now=now)


def _is_judged(facts: HostFacts, catalogue: Catalogue) -> bool:
    return Judgement.objects.filter(
        host=facts.host,
        facts_number=facts.number,
        catalogue_digest=catalogue.digest,
        assignment_number=facts.host.assignment_number,
    ).exists()


def _store(facts: HostFacts, judged: Judged, *, catalogue: Catalogue, now: datetime) -> None:
    """Write the outcome, unless its inputs changed meanwhile: that has asked for work anew."""
    host = Host.unscoped.select_for_update().get(pk=facts.host.pk)
    is_old = (host.facts_number, host.assignment_number) != (
        facts.number,
        facts.host.assignment_number,
    )
    if is_old:
        return
    Judgement.objects.update_or_create(
        host=host,
        facts_number=facts.number,
        catalogue_digest=catalogue.digest,
        assignment_number=host.assignment_number,
        defaults={"facts_root": facts.root, "judged_at": now},
    )
    _change_findings(host, judged, catalogue=catalogue, containers=facts.container_rows, now=now)
    _count_areas(host, judged)


def _change_findings(
    host: Host,
    judged: Judged,
    *,
    catalogue: Catalogue,
    containers: Mapping[str, Container],
    now: datetime,
) -> None:
    """Open, change and close by set difference; what stays the same is not written."""
    wanted = {key_of(result): result for result in judged.of_status(Status.FAIL, Status.UNKNOWN)}
    rows = Finding.unscoped.filter(host=host, closed_at=None)
    known: dict[Key, Finding] = {(row.check_id, row.target_key): row for row in rows}
    opened = [
        new_row(host, result, catalogue=catalogue, containers=containers, now=now)
        for key, result in wanted.items()
        if key not in known
    ]
    closed = [
        row.pk
        for key, row in known.items()
        if key not in wanted and not _waits(key, row, folded=judged.folded)
    ]
    changed = [
        row
        for key, row in known.items()
        if key in wanted and _changes(row, host, wanted[key], catalogue=catalogue, now=now)
    ]
    Finding.unscoped.bulk_create(opened, batch_size=BATCH_ROWS)
    Finding.unscoped.bulk_update(changed, [*CHANGING, "changed_at"], batch_size=BATCH_ROWS)
    for start in range(0, len(closed), BATCH_ROWS):
        Finding.unscoped.filter(pk__in=closed[start : start + BATCH_ROWS]).update(
            closed_at=now, changed_at=now
        )


def _waits(key: Key, row: Finding, *, folded: frozenset[Key]) -> bool:
    """Whether a failed pair is only not known now; that is no proof of a fix."""
    check_id, target_key = key
    is_folded = (check_id, target_key.removeprefix(f"{TargetKind.PAIR}:")) in folded
    return is_folded and row.status == Status.FAIL


def _changes(
    row: Finding, host: Host, result: Result, *, catalogue: Catalogue, now: datetime
) -> bool:
    """Put new values into ``row``; False when all stay as they are."""
    values = changing_values(host, result, catalogue=catalogue)
    if all(getattr(row, name) == value for name, value in values.items()):
        return False
    for name, value in values.items():
        setattr(row, name, value)
    row.changed_at = now
    return True


def _count_areas(host: Host, judged: Judged) -> None:
    AreaCount.objects.filter(host=host).delete()
    AreaCount.objects.bulk_create(
        AreaCount(host=host, workspace_id=host.workspace_id, **asdict(count))
        for count in judged.counts
    )
