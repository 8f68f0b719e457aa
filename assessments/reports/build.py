"""Builds the report dataset: order, counts, strata, matrix and posture from plain input."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from assessments.figures import names
from assessments.reports import dataset as ds
from assessments.reports.inputs import (
    CheckTally,
    ControlInput,
    FindingInput,
    HostInput,
    NotAssessedInput,
)
from assessments.reports.method import method_for
from assessments.reports.statements import explanation, headline, limits
from assessments.reports.tallies import area_postures, good_topics, overall_posture
from assessments.scoring.levels import Level
from assessments.scoring.nist import risk_level


def build_dataset(
    control: ControlInput,
    *,
    hosts: Sequence[HostInput],
    findings: Sequence[FindingInput],
    tallies: Sequence[CheckTally] = (),
    not_assessed: Sequence[NotAssessedInput] = (),
) -> ds.ReportDataset:
    """The dataset of one report. The order of the input does not matter.

    Raises ValueError for a level outside 1-5, a time without zone or an unknown scoring mode.
    """
    host_names = {host.key or host.name: host.name for host in hosts}
    ordered = _ordered_findings(findings, host_names)
    rows = _host_rows(hosts, findings)
    gaps = _grouped_gaps(not_assessed)
    undecided = sum(gap.results for gap in gaps)
    summary = _summary(ordered, rows=rows, tallies=tallies, hosts=hosts, undecided=undecided)
    return ds.ReportDataset(
        schema=ds.SCHEMA,
        control=_control(control),
        summary=summary,
        strata=_strata(ordered, tallies),
        matrix=_matrix(ordered),
        hosts=rows,
        findings=ordered,
        not_assessed=gaps,
        good=good_topics(tallies),
        method=method_for(control.scoring_mode),
        limits=limits(summary, rows),
    )


def utc(moment: datetime | None) -> str:
    """The moment as "2026-11-23T16:04:05Z", or "" for none; raises ValueError without a zone."""
    if moment is None:
        return ""
    if moment.tzinfo is None:
        msg = f"time {moment.isoformat()} has no zone"
        raise ValueError(msg)
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def level_counts(levels: Iterable[int]) -> tuple[ds.LevelCount, ...]:
    """How many of each level, worst first, zeros included."""
    counted = Counter(levels)
    return tuple(
        ds.LevelCount(level, names.level_word(level), counted[level])
        for level in names.LEVELS_WORST_FIRST
    )


def _control(given: ControlInput) -> ds.Control:
    return ds.Control(
        number=given.number,
        version=given.version,
        title=given.title,
        organisation=given.organisation,
        classification=given.classification,
        distribution=given.distribution,
        author=given.author,
        approver=given.approver,
        generated_at=utc(given.generated_at),
        period_from=utc(given.period_from),
        period_to=utc(given.period_to),
        scope=given.scope,
        catalogue_digest=given.catalogue_digest,
        facts_digest=given.facts_digest,
    )


def _ordered_findings(
    findings: Iterable[FindingInput], host_names: dict[str, str]
) -> tuple[ds.Finding, ...]:
    converted = [_finding(item, host_names.get(item.host, item.host)) for item in findings]
    converted.sort(key=_worst_first)
    width = max(4, len(str(len(converted))))
    return tuple(
        item if item.id else replace(item, id=f"F-{place:0{width}}")
        for place, item in enumerate(converted, start=1)
    )


def _worst_first(finding: ds.Finding) -> tuple[object, ...]:
    return (
        -finding.level,
        -finding.likelihood * finding.impact,
        # In place of reach: what opens a way out comes before what keeps no record of it.
        names.area_place(finding.area),
        finding.first_seen or "9999",
        finding.check_id,
        finding.host,
        finding.target_name,
        finding.container_id,
        finding.id,
        [(item.path, item.observed) for item in finding.evidence],
    )


def _finding(given: FindingInput, host: str) -> ds.Finding:
    for number in (given.level, given.likelihood, given.impact):
        if not 1 <= number <= 5:
            msg = f"{given.check_id}: {number} is not a level from 1 to 5"
            raise ValueError(msg)
    base_likelihood = given.base_likelihood or given.likelihood
    return ds.Finding(
        id=given.id,
        check_id=given.check_id,
        title=given.title,
        level=given.level,
        likelihood=given.likelihood,
        impact=given.impact,
        base_likelihood=base_likelihood,
        base_impact=given.base_impact or given.impact,
        steps=tuple(ds.Step(s.quantity, s.change, s.because) for s in given.steps),
        host=host,
        target_kind=given.target_kind,
        target_name=given.target_name,
        container_id=given.container_id,
        area=given.area,
        layer=given.layer,
        mechanism=given.mechanism,
        why=given.why,
        evidence=tuple(ds.Evidence(e.path, e.observed, e.expected) for e in given.evidence),
        remediation=tuple(ds.Remediation(r.runtime, r.text) for r in given.remediation),
        references=tuple(ds.Reference(r.source, r.items, r.url) for r in given.references),
        first_seen=utc(given.first_seen),
    )


def _host_rows(
    hosts: Iterable[HostInput], findings: Iterable[FindingInput]
) -> tuple[ds.HostRow, ...]:
    levels_of: defaultdict[str, list[int]] = defaultdict(list)
    for finding in findings:
        levels_of[finding.host].append(finding.level)
    rows = [_host_row(host, levels_of[host.key or host.name]) for host in hosts]
    rows.sort(key=lambda row: (*(-item.count for item in row.levels), row.name))
    return tuple(rows)


def _host_row(host: HostInput, levels: list[int]) -> ds.HostRow:
    return ds.HostRow(
        name=host.name,
        operating_system=host.operating_system,
        kernel=host.kernel,
        level=max(levels, default=0),
        levels=level_counts(levels),
        findings=len(levels),
        containers=host.containers,
        agent_privilege=host.agent_privilege,
        last_seen=utc(host.last_seen or host.oldest_fact_at),
        oldest_fact_at=utc(host.oldest_fact_at),
        unknown=host.unknown_count,
    )


def _summary(
    findings: tuple[ds.Finding, ...],
    *,
    rows: tuple[ds.HostRow, ...],
    tallies: Sequence[CheckTally],
    hosts: Sequence[HostInput],
    undecided: int,
) -> ds.Summary:
    oldest = [host.oldest_fact_at for host in hosts if host.oldest_fact_at]
    return ds.Summary(
        headline=headline(findings, hosts=len(rows)),
        explanation=explanation(findings, hosts=len(rows), undecided=undecided),
        worst_level=findings[0].level if findings else 0,
        findings=len(findings),
        hosts=len(rows),
        hosts_with_findings=sum(1 for row in rows if row.findings),
        containers=sum(row.containers for row in rows),
        undecided=undecided,
        levels=level_counts(finding.level for finding in findings),
        posture=overall_posture(tallies, oldest_fact_at=utc(min(oldest, default=None))),
        areas=area_postures(tallies),
    )


def _strata(
    findings: Iterable[ds.Finding], tallies: Iterable[CheckTally]
) -> tuple[ds.Stratum, ...]:
    levels_of: defaultdict[tuple[str, str], list[int]] = defaultdict(list)
    passed: Counter[tuple[str, str]] = Counter()
    unknown: Counter[tuple[str, str]] = Counter()
    for finding in findings:
        levels_of[finding.layer, finding.mechanism].append(finding.level)
    for tally in tallies:
        passed[tally.layer, tally.mechanism] += tally.passed
        unknown[tally.layer, tally.mechanism] += tally.unknown
    places = {*levels_of, *passed, *unknown}
    strata = []
    for layer in names.in_known_order({*names.LAYERS, *(p[0] for p in places)}, names.LAYERS):
        inside = names.in_known_order((m for at, m in places if at == layer), names.MECHANISMS)
        rooms = tuple(
            _room(m, levels_of[layer, m], passed[layer, m], unknown[layer, m]) for m in inside
        )
        caption = names.LAYERS[layer][1] if layer in names.LAYERS else ""
        strata.append(ds.Stratum(layer, names.layer_name(layer), caption, rooms))
    return tuple(strata)


def _room(mechanism: str, levels: list[int], passed: int, unknown: int) -> ds.Room:
    name = names.mechanism_name(mechanism)
    return ds.Room(mechanism, name, max(levels, default=0), len(levels), passed, unknown)


def _matrix(findings: Iterable[ds.Finding]) -> tuple[ds.MatrixCell, ...]:
    counted = Counter((finding.likelihood, finding.impact) for finding in findings)
    return tuple(
        ds.MatrixCell(
            likelihood,
            impact,
            int(risk_level(Level(likelihood), impact=Level(impact))),
            counted[likelihood, impact],
        )
        for likelihood in names.LEVELS_WORST_FIRST
        for impact in reversed(names.LEVELS_WORST_FIRST)
    )


def _grouped_gaps(gaps: Iterable[NotAssessedInput]) -> tuple[ds.NotAssessed, ...]:
    groups: defaultdict[tuple[str, str], list[NotAssessedInput]] = defaultdict(list)
    for gap in gaps:
        groups[gap.reason, gap.needs].append(gap)
    grouped = [
        ds.NotAssessed(
            reason=reason,
            needs=needs,
            results=len(members),
            checks=tuple(sorted({member.check_id for member in members})),
            targets=tuple(sorted({member.target for member in members})),
        )
        for (reason, needs), members in groups.items()
    ]
    return tuple(sorted(grouped, key=lambda gap: (-gap.results, gap.reason, gap.needs)))
