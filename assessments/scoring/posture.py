"""Posture: the weighted share of checks that pass. What is unknown never counts as passed."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from assessments.engine.check import Check, Status


@dataclass(frozen=True, slots=True)
class Posture:
    """Sums of weights (the base impact of a check, 1 to 5) and counts of answers.

    Postures add up: those of hosts to that of a group, those of areas to that of a host.
    """

    passed: int = 0
    failed: int = 0
    unknown: int = 0
    pass_count: int = 0
    fail_count: int = 0
    unknown_count: int = 0
    not_applicable_count: int = 0

    def __add__(self, other: "Posture") -> "Posture":
        """Return both together."""
        return Posture(
            self.passed + other.passed,
            self.failed + other.failed,
            self.unknown + other.unknown,
            self.pass_count + other.pass_count,
            self.fail_count + other.fail_count,
            self.unknown_count + other.unknown_count,
            self.not_applicable_count + other.not_applicable_count,
        )

    @property
    def share(self) -> float | None:
        """The share from 0 to 1; None when nothing was asked, which is not the same as 0."""
        total = self.passed + self.failed + self.unknown
        return self.passed / total if total else None

    @property
    def known_share(self) -> float | None:
        """The weighted share of answers that are known; None when nothing was asked."""
        total = self.passed + self.failed + self.unknown
        return (self.passed + self.failed) / total if total else None


def posture_of(status: Status, *, weight: int) -> Posture:
    """Return the posture of one answer."""
    match status:
        case Status.PASS:
            return Posture(passed=weight, pass_count=1)
        case Status.FAIL:
            return Posture(failed=weight, fail_count=1)
        case Status.UNKNOWN:
            return Posture(unknown=weight, unknown_count=1)
    return Posture(not_applicable_count=1)


def posture(answers: Iterable[tuple[Check, Status]]) -> Posture:
    """Return the posture of many answers."""
    return _total(posture_by_area(answers))


def posture_by_area(answers: Iterable[tuple[Check, Status]]) -> dict[str, Posture]:
    """Return the posture of each area that was asked about."""
    counts: dict[tuple[str, Status, int], int] = {}
    for check, status in answers:
        key = (check.area, status, check.impact)
        counts[key] = counts.get(key, 0) + 1
    found: dict[str, Posture] = {}
    for (area, status, weight), times in counts.items():
        one = _times(posture_of(status, weight=weight), times)
        found[area] = found.get(area, Posture()) + one
    return found


def merged(parts: Iterable[Mapping[str, Posture]]) -> dict[str, Posture]:
    """Add up postures by area, for example those of many hosts."""
    found: dict[str, Posture] = {}
    for part in parts:
        for area, one in part.items():
            found[area] = found.get(area, Posture()) + one
    return found


def _total(parts: Mapping[str, Posture]) -> Posture:
    total = Posture()
    for one in parts.values():
        total += one
    return total


def _times(one: Posture, times: int) -> Posture:
    return Posture(
        one.passed * times,
        one.failed * times,
        one.unknown * times,
        one.pass_count * times,
        one.fail_count * times,
        one.unknown_count * times,
        one.not_applicable_count * times,
    )
