"""Likelihood by impact: how many open findings stand in each cell."""

from dataclasses import dataclass
from typing import Final

from django.db.models import Count

from assessments.figures.names import LEVELS_WORST_FIRST, level_word
from assessments.scoring.levels import Level
from assessments.scoring.nist import risk_level
from assessments.selectors.present import open_findings
from workbench.core.models import Workspace

IMPACTS: Final = tuple(reversed(LEVELS_WORST_FIRST))


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell; ``level`` is the risk of its likelihood and impact."""

    likelihood: int
    impact: int
    level: int
    count: int

    @property
    def words(self) -> str:
        """The cell for people who do not see it."""
        findings = "1 finding" if self.count == 1 else f"{self.count} findings"
        place = f"likelihood {level_word(self.likelihood)}, impact {level_word(self.impact)}"
        return f"{findings}, {place}, risk {level_word(self.level)}"


@dataclass(frozen=True, slots=True)
class Row:
    """The cells of one likelihood, from very low impact to very high."""

    likelihood: int
    cells: tuple[Cell, ...]

    @property
    def word(self) -> str:
        """The likelihood in words."""
        return level_word(self.likelihood)


@dataclass(frozen=True, slots=True)
class Matrix:
    """Rows from very high likelihood down."""

    rows: tuple[Row, ...]

    @property
    def impacts(self) -> tuple[str, ...]:
        """The words below the columns."""
        return tuple(level_word(impact) for impact in IMPACTS)


def matrix_of(workspace: Workspace) -> Matrix:
    """The matrix of a workspace's open findings. One query."""
    fails = open_findings(workspace).filter(level__gte=1)
    grouped = fails.values_list("likelihood", "impact").annotate(count=Count("pk")).order_by()
    return matrix_from({(likelihood, impact): count for likelihood, impact, count in grouped})


def matrix_from(counts: dict[tuple[int, int], int]) -> Matrix:
    """The matrix with these counts by likelihood and impact."""
    return Matrix(
        tuple(
            Row(
                likelihood,
                tuple(
                    Cell(
                        likelihood=likelihood,
                        impact=impact,
                        level=risk_level(Level(likelihood), impact=Level(impact)),
                        count=counts.get((likelihood, impact), 0),
                    )
                    for impact in IMPACTS
                ),
            )
            for likelihood in LEVELS_WORST_FIRST
        )
    )
