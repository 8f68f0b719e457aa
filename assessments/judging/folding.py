"""Folds the pairs that a check knows nothing about into one answer on the host.

Fifty containers make 1,225 pairs. One label that nobody gave would leave them all unknown, for
every check that asks for it: many lines that say one thing.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from assessments.engine.check import Check, Status, TargetKind
from assessments.engine.evaluate import Evaluation, Row
from assessments.engine.evidence import Evidence
from assessments.engine.outcome import Outcome
from assessments.engine.targets import Target

LEAST_FOLDED = 2
PATH = "pairs"


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer that is kept: that of a row on one target, or of all its unknown pairs."""

    row: Row
    position: int
    target: Target
    folded: int = 0

    @property
    def check(self) -> Check:
        """The check that answers."""
        return self.row.check

    @property
    def status(self) -> Status:
        """What it answers."""
        return self.row.statuses[self.position]

    def outcome(self, evaluation: Evaluation) -> Outcome:
        """Return the answer in full; a folded one says how many pairs it stands for."""
        found = evaluation.outcome(self.row, self.position)
        if not self.folded:
            return found
        observed = f"{self.folded} of {len(self.row.targets)} pairs not known"
        evidence = (Evidence(PATH, observed, "all known"), *found.evidence)
        return replace(found, target=self.target, evidence=evidence)


def answers_of(evaluation: Evaluation, host: Target) -> Iterator[Answer]:
    """Yield the answers check by check, with unknown pairs folded if there are several."""
    for row in evaluation.rows:
        unknown = unknown_pairs(row)
        if not unknown:
            for position, target in enumerate(row.targets):
                yield Answer(row, position, target)
            continue
        yield Answer(row, unknown[0], host, folded=len(unknown))
        left_out = set(unknown)
        for position, target in enumerate(row.targets):
            if position not in left_out:
                yield Answer(row, position, target)


def unknown_pairs(row: Row) -> tuple[int, ...]:
    """Return the positions of the pairs that are folded; none if there is one at most."""
    if row.check.target is not TargetKind.PAIR:
        return ()
    found = tuple(
        position for position, status in enumerate(row.statuses) if status is Status.UNKNOWN
    )
    return found if len(found) >= LEAST_FOLDED else ()


def folded_pairs(evaluation: Evaluation) -> frozenset[tuple[str, str]]:
    """Return check and key of every pair that was folded."""
    return frozenset(
        (row.check.id, row.targets[position].key)
        for row in evaluation.rows
        for position in unknown_pairs(row)
    )
