"""The risk matrix: likelihood by impact, the number of findings in each cell."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from assessments.figures import svg
from assessments.figures.names import LEVELS_WORST_FIRST, level_word

_LABEL_WIDTH: Final = 84
_AXIS_HEIGHT: Final = 22
_GAP: Final = 3


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One cell; `level` is the risk of that likelihood and impact by the table in use."""

    likelihood: int
    impact: int
    level: int
    count: int = 0
    href: str = ""


def matrix(
    cells: Sequence[Cell],
    *,
    width: int = 480,
    row_height: int = 46,
    name: str = "Risk matrix, likelihood by impact",
) -> str:
    """The figure as SVG. A cell that is not given is drawn empty, without a level."""
    given = {(cell.likelihood, cell.impact): cell for cell in cells}
    parts = [svg.text(0, 14, "Likelihood ↓  Impact →", colour="ink-3", size=10)]
    for row, likelihood in enumerate(LEVELS_WORST_FIRST):
        y = _AXIS_HEIGHT + row * (row_height + _GAP)
        middle = y + row_height // 2 + 4
        word = level_word(likelihood)
        parts.append(svg.text(_LABEL_WIDTH - 8, middle, word, colour="ink-2", anchor="end"))
        for impact in reversed(LEVELS_WORST_FIRST):
            cell = given.get((likelihood, impact))
            x, cell_width = _column(impact, width)
            if cell is not None:
                parts.append(_cell(cell, x, y, cell_width, row_height))
    bottom = _AXIS_HEIGHT + 5 * (row_height + _GAP)
    for impact in reversed(LEVELS_WORST_FIRST):
        x, cell_width = _column(impact, width)
        word = level_word(impact)
        center = x + cell_width // 2
        parts.append(svg.text(center, bottom + 13, word, colour="ink-2", anchor="middle"))
    return svg.drawing(width, bottom + 20, *parts, name=name, description=matrix_alt(cells))


def matrix_alt(cells: Sequence[Cell]) -> str:
    """The figure in words: each cell that holds findings, worst first."""
    held = sorted(
        (cell for cell in cells if cell.count),
        key=lambda cell: (-cell.level, -cell.likelihood, -cell.impact),
    )
    if not held:
        return "No findings."
    return ". ".join(_words(cell) for cell in held) + "."


def _words(cell: Cell) -> str:
    findings = "1 finding" if cell.count == 1 else f"{cell.count} findings"
    return (
        f"{findings} with likelihood {level_word(cell.likelihood)} and impact "
        f"{level_word(cell.impact)}, risk {level_word(cell.level)}"
    )


def _column(impact: int, width: int) -> tuple[int, int]:
    room = width - _LABEL_WIDTH - 4 * _GAP
    start = _LABEL_WIDTH + room * (impact - 1) // 5 + _GAP * (impact - 1)
    end = _LABEL_WIDTH + room * impact // 5 + _GAP * (impact - 1)
    return start, end - start


def _cell(cell: Cell, x: int, y: int, width: int, height: int) -> str:
    plate = svg.rectangle(
        x,
        y,
        width,
        height,
        svg.title(_words(cell)),
        colour=f"level-{cell.level}",
        radius=4,
        room="fig-room" if cell.count else "fig-room fig-zero",
    )
    if not cell.count:
        return svg.element("g", {"opacity": 0.34}, plate)
    words = svg.text(
        x + width // 2,
        y + height // 2 + 6,
        str(cell.count),
        colour=f"level-{cell.level}-ink",
        size=17,
        weight=650,
        anchor="middle",
    )
    return svg.link(cell.href, plate, words)
