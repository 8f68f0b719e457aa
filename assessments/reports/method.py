"""The method chapter: how facts become levels, with both NIST SP 800-30 r1 tables as data."""

from typing import Final

from assessments.reports.dataset import Method, ScoringTable
from assessments.scoring import nist
from assessments.scoring.levels import Level


def _printed(table: nist.Table) -> tuple[tuple[int, ...], ...]:
    """Rows from the highest likelihood down, columns from the lowest impact up."""
    return tuple(tuple(int(table[row, column]) for column in Level) for row in reversed(Level))


LIKELIHOOD_TABLE: Final = ScoringTable(
    code="G-5",
    title="Overall likelihood",
    rows_are="Likelihood of initiation or occurrence",
    columns_are="Likelihood that it results in adverse impact",
    levels=_printed(nist.OVERALL_LIKELIHOOD),
)
RISK_TABLE: Final = ScoringTable(
    code="I-2",
    title="Level of risk",
    rows_are="Overall likelihood",
    columns_are="Impact",
    levels=_printed(nist.RISK),
)

_PARAGRAPHS: Final = (
    (
        "An agent on each host reads facts from the kernel, from /proc and /sys, and from what "
        "the container runtimes leave on disk. It changes nothing. Each fact is stored under "
        "the SHA-256 digest of its exact bytes, so the facts behind this report can be named "
        "and found again."
    ),
    (
        "A check is a versioned condition over those facts. Its result is pass, fail, unknown "
        "or not applicable. Unknown means that a fact was missing or could not be read; it is "
        "never counted as a pass."
    ),
    (
        "A failing check on a target is a finding. It starts from the likelihood and the impact "
        "of its check. Conditions in the catalogue raise or lower either number by whole steps; "
        "each step is printed with its reason. Levels run from 1 (Very low) to 5 (Very high)."
    ),
    (
        "Likelihood and impact together give the level of risk by table I-2. Where the "
        "likelihood of initiation and the likelihood of adverse impact are known apart, table "
        "G-5 joins them first."
    ),
    (
        "Posture is the share of passing checks, each weighted with the base impact of its "
        "check: passed, divided by passed, failed and unknown together. Coverage is the share "
        "of checks that could be decided. Percentages are rounded down, so 100 % means every "
        "one."
    ),
)

_MODE: Final = {
    "standard": "This report uses the standard reading of the tables.",
    "strict": "This report uses the strict reading: the overall likelihood is never above the "
    "likelihood of initiation.",
}


def method_for(scoring_mode: str) -> Method:
    """The method chapter for "standard" or "strict"; raises ValueError for another mode."""
    if scoring_mode not in _MODE:
        msg = f"unknown scoring mode {scoring_mode!r}"
        raise ValueError(msg)
    paragraphs = (*_PARAGRAPHS, _MODE[scoring_mode])
    return Method(scoring_mode, paragraphs, (LIKELIHOOD_TABLE, RISK_TABLE))
