"""Posture and what is good, from how each check went over all its targets."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime

from assessments.figures import names
from assessments.reports.dataset import GoodTopic, Posture
from assessments.reports.inputs import CheckTally


def overall_posture(tallies: Iterable[CheckTally], *, oldest_fact_at: str) -> Posture:
    """Posture over all checks; `oldest_fact_at` stands in when no tally knows its age."""
    return _posture("all", "All areas", list(tallies), oldest_fact_at)


def area_postures(tallies: Iterable[CheckTally]) -> tuple[Posture, ...]:
    """Posture of each area that has checks, in the order of the product."""
    by_area: defaultdict[str, list[CheckTally]] = defaultdict(list)
    for tally in tallies:
        by_area[tally.area].append(tally)
    return tuple(
        _posture(area, names.area_name(area), by_area[area], "")
        for area in names.in_known_order(by_area, names.AREAS)
    )


def good_topics(tallies: Iterable[CheckTally]) -> tuple[GoodTopic, ...]:
    """Per area and mechanism the checks that hold on every target. Unknown is not holding."""
    groups: defaultdict[tuple[str, str], list[CheckTally]] = defaultdict(list)
    for tally in tallies:
        if tally.passed + tally.failed + tally.unknown:
            groups[tally.area, tally.mechanism].append(tally)
    areas = names.in_known_order((area for area, _ in groups), names.AREAS)
    topics = [
        _good_topic(area, mechanism, groups[area, mechanism])
        for area in areas
        for mechanism in names.in_known_order((m for a, m in groups if a == area), names.MECHANISMS)
    ]
    return tuple(topic for topic in topics if topic.checks_holding)


def _good_topic(area: str, mechanism: str, tallies: list[CheckTally]) -> GoodTopic:
    holding = [tally for tally in tallies if tally.passed and not tally.failed + tally.unknown]
    return GoodTopic(
        area=names.area_name(area),
        mechanism=names.mechanism_name(mechanism),
        checks_holding=len(holding),
        checks_decided=len(tallies),
        passed=sum(tally.passed for tally in holding),
        titles=tuple(sorted(tally.title for tally in holding)),
    )


def _posture(code: str, name: str, tallies: list[CheckTally], oldest_fact_at: str) -> Posture:
    passed = sum(tally.passed for tally in tallies)
    failed = sum(tally.failed for tally in tallies)
    unknown = sum(tally.unknown for tally in tallies)
    passed_weight = sum(tally.passed * tally.weight for tally in tallies)
    failed_weight = sum(tally.failed * tally.weight for tally in tallies)
    unknown_weight = sum(tally.unknown * tally.weight for tally in tallies)
    weight = passed_weight + failed_weight + unknown_weight
    return Posture(
        code=code,
        name=name,
        passed=passed,
        failed=failed,
        unknown=unknown,
        passed_weight=passed_weight,
        failed_weight=failed_weight,
        unknown_weight=unknown_weight,
        percent=_percent(passed_weight, weight),
        coverage_percent=_percent(passed + failed, passed + failed + unknown),
        oldest_fact_at=_oldest(tallies) or oldest_fact_at,
    )


def _percent(part: int, whole: int) -> int:
    return 100 * part // whole if whole else 0


def _oldest(tallies: list[CheckTally]) -> str:
    times: list[datetime] = [tally.oldest_fact_at for tally in tallies if tally.oldest_fact_at]
    if not times:
        return ""
    return min(times).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
