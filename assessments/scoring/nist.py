"""The two tables of NIST SP 800-30 r1: overall likelihood (G-5) and level of risk (I-2).

Rows are printed from very high to very low, as in the publication; columns run from very low to
very high adverse impact.
"""

from enum import StrEnum

from assessments.scoring.levels import Level

_G5 = """
VH  L  M  H  VH VH
H   L  M  M  H  VH
M   L  L  M  M  H
L   VL L  L  M  M
VL  VL VL L  L  L
"""
_I2 = """
VH  VL L  M  H  VH
H   VL L  M  H  VH
M   VL L  M  M  H
L   VL L  L  L  M
VL  VL VL VL L  L
"""
_SHORT = {
    "VL": Level.VERY_LOW,
    "L": Level.LOW,
    "M": Level.MODERATE,
    "H": Level.HIGH,
    "VH": Level.VERY_HIGH,
}

Table = dict[tuple[Level, Level], Level]


class Mode(StrEnum):
    """How an initiation likelihood becomes an overall one."""

    STANDARD = "standard"
    STRICT = "strict"


def _table(text: str) -> Table:
    cells: Table = {}
    for line in text.split("\n"):
        row, *columns = (_SHORT[word] for word in line.split()) if line else (None,)
        if row is not None:
            cells |= {(row, impact): cell for impact, cell in zip(Level, columns, strict=True)}
    return cells


OVERALL_LIKELIHOOD = _table(_G5)
"""Table G-5: (likelihood of initiation, impact) to overall likelihood."""

RISK = _table(_I2)
"""Table I-2: (overall likelihood, impact) to level of risk."""


def overall_likelihood(initiation: Level, *, impact: Level, mode: Mode) -> Level:
    """Return the likelihood that a threat starts and does harm.

    Some cells of G-5 exceed the initiation likelihood; strict mode does not let them.
    """
    found = OVERALL_LIKELIHOOD[initiation, impact]
    return min(initiation, found) if mode is Mode.STRICT else found


def risk_level(likelihood: Level, *, impact: Level) -> Level:
    """Return the level of risk of an overall likelihood and an impact."""
    return RISK[likelihood, impact]
