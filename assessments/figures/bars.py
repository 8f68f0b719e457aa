"""Bars: posture by area (pass, fail, unknown) and the number of findings per level."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from assessments.figures import svg
from assessments.figures.names import level_word

_BAR_HEIGHT: Final = 10
_ROW_HEIGHT: Final = 44
_PART_COLOURS: Final = ("ok", "level-5", "line-strong")
_LEVEL_ROW: Final = 26
_LEVEL_LABEL: Final = 76


@dataclass(frozen=True, kw_only=True)
class PostureBar:
    """One area. The three parts are counts or weights; `percent` is the printed posture."""

    name: str
    passed: int
    failed: int
    unknown: int
    percent: int
    href: str = ""


@dataclass(frozen=True, kw_only=True)
class LevelBar:
    """How many findings have one level."""

    level: int
    count: int
    href: str = ""


def posture_bars(
    bars: Sequence[PostureBar], *, width: int = 480, name: str = "Posture by area"
) -> str:
    """One stacked bar per area: passing, failing, unknown."""
    parts = [_posture_bar(bar, place * _ROW_HEIGHT, width) for place, bar in enumerate(bars)]
    bottom = len(bars) * _ROW_HEIGHT
    parts.append(_legend(bottom + 12))
    return svg.drawing(width, bottom + 18, *parts, name=name, description=posture_alt(bars))


def posture_alt(bars: Sequence[PostureBar]) -> str:
    """The figure in words, with all its numbers."""
    return " ".join(f"{bar.name}: {_parts_in_words(bar)}." for bar in bars) or "Nothing checked."


def level_bars(
    bars: Sequence[LevelBar], *, width: int = 320, name: str = "Findings per level"
) -> str:
    """One bar per level, as long as its share of the largest."""
    largest = max((bar.count for bar in bars), default=0)
    parts = [_level_bar(bar, place * _LEVEL_ROW, width, largest) for place, bar in enumerate(bars)]
    height = max(1, len(bars) * _LEVEL_ROW)
    return svg.drawing(width, height, *parts, name=name, description=level_alt(bars))


def level_alt(bars: Sequence[LevelBar]) -> str:
    """The figure in words, with all its numbers."""
    return ", ".join(f"{level_word(bar.level)} {bar.count}" for bar in bars) + "."


def _parts_in_words(bar: PostureBar) -> str:
    whole = bar.passed + bar.failed + bar.unknown
    if not whole:
        return "not checked"
    failed, unknown = (round(100 * part / whole) for part in (bar.failed, bar.unknown))
    return f"{bar.percent} % pass, {failed} % fail, {unknown} % unknown"


def _posture_bar(bar: PostureBar, y: int, width: int) -> str:
    whole = bar.passed + bar.failed + bar.unknown
    shown = f"{bar.percent} %" if whole else "not checked"
    room = width - svg.text_width(shown, size=13) - 12
    words = svg.clipped(bar.name, width=room, size=13)
    return svg.link(
        bar.href,
        svg.text(0, y + 13, words, size=13),
        svg.text(width, y + 13, shown, size=13, weight=650, anchor="end"),
        _stack(bar, y + 21, width),
    )


def _stack(bar: PostureBar, y: int, width: int) -> str:
    """The three parts side by side; they end exactly at the width."""
    whole = bar.passed + bar.failed + bar.unknown
    hint = svg.title(f"{bar.name}: {_parts_in_words(bar)}")
    parts = [svg.rectangle(0, y, width, _BAR_HEIGHT, hint, colour="sunken", radius=3)]
    done = 0
    for count, colour in (
        (bar.passed, "ok"),
        (bar.failed, "level-5"),
        (bar.unknown, "line-strong"),
    ):
        start = width * done // whole if whole else 0
        done += count
        end = width * done // whole if whole else 0
        if end > start:
            parts.append(svg.rectangle(start, y, end - start, _BAR_HEIGHT, hint, colour=colour))
    return "".join(parts)


def _legend(y: int) -> str:
    parts = []
    x = 0
    for words, colour in zip(("pass", "fail", "unknown"), _PART_COLOURS, strict=True):
        parts.append(svg.rectangle(x, y - 9, 10, 10, colour=colour, radius=2))
        parts.append(svg.text(x + 15, y, words, colour="ink-3", size=11))
        x += 22 + round(svg.text_width(words, size=11)) + 8
    return "".join(parts)


def _level_bar(bar: LevelBar, y: int, width: int, largest: int) -> str:
    track = width - _LEVEL_LABEL - 44
    length = max(3, track * bar.count // largest) if bar.count else 0
    parts = [
        svg.text(0, y + 16, level_word(bar.level), colour="ink-2"),
        svg.rectangle(_LEVEL_LABEL, y + 6, track, 13, colour="sunken", radius=3),
    ]
    if length:
        parts.append(
            svg.rectangle(_LEVEL_LABEL, y + 6, length, 13, colour=f"level-{bar.level}", radius=3)
        )
    parts.append(svg.text(width, y + 17, str(bar.count), size=13, weight=650, anchor="end"))
    return svg.link(bar.href, *parts)
