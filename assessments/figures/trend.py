"""A day as a row of bars: what was usual in each quarter of an hour, and the most behind it.

A quarter without a value stays empty: nothing is drawn through what was not measured.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from assessments.figures import svg
from assessments.figures.palette import paint

WIDTH: Final = 384
HEIGHT: Final = 72
_GAP: Final = 1


@dataclass(frozen=True, slots=True)
class Bin:
    """One quarter of an hour; None where nothing was measured."""

    usual: float | None = None
    most: float | None = None


def trend(bins: Sequence[Bin], *, top: float, name: str, description: str) -> str:
    """The bars from left, oldest, to right; ``top`` is the value at the upper edge."""
    parts = [svg.rectangle(0, y, WIDTH, 1, colour="line") for y in (0, HEIGHT // 2, HEIGHT - 1)]
    for colour, heights in (
        ("accent-soft", [one.most for one in bins]),
        ("accent", [one.usual for one in bins]),
    ):
        path = _bars(heights, top)
        if path:
            parts.append(svg.element("path", {"d": path, **paint(colour)}))
    return svg.drawing(WIDTH, HEIGHT, *parts, name=name, description=description)


def _bars(values: Sequence[float | None], top: float) -> str:
    """The bars as one path; a value of nought is a line of one unit, so that it is seen."""
    step = WIDTH / max(1, len(values))
    found = []
    for place, value in enumerate(values):
        if value is None or top <= 0:
            continue
        height = max(1.0, min(1.0, value / top) * HEIGHT)
        left, width = svg.number(place * step), svg.number(step - _GAP)
        found.append(f"M{left} {HEIGHT}h{width}v-{svg.number(height)}h-{width}z")
    return "".join(found)
