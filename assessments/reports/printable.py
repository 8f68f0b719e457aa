"""Makes any text printable in PDF/A, whatever a host sent.

PDF/A refuses a file in which one character has no glyph, so one emoji in a container name would
block the whole report. What the font lacks becomes U+25A1, control and direction characters go,
length is cut with a mark, and long tokens get places where a line may break.
"""

import re
import unicodedata
from functools import cache
from typing import Final

from assessments.reports.fonts import text_font_file

MISSING: Final = "\u25a1"
NAME_LIMIT: Final = 160
TEXT_LIMIT: Final = 1_500
"""Characters. PDF/A forbids strings of more than 32,767 bytes, so any cut must be far below."""

_TOKEN: Final = 24
_LONG_TOKEN: Final = re.compile(rf"[^\s\u200b]{{{_TOKEN + 1},}}")
# A piece of a long token ends after a mark that separates words, at the latest after 24 characters.
_PIECE: Final = re.compile(rf"[^._/:,;=&@-]{{0,{_TOKEN - 1}}}(?:[._/:,;=&@-]+|[^._/:,;=&@-])")
_SPACES: Final = re.compile(r"[ \t\r\n\v\f\x1c-\x1e\x85\u2028\u2029]+")
_LINE_ENDS: Final = re.compile("\r\n?|[\v\f\x85\u2028\u2029]")
# Controls, zero-width and direction characters, soft hyphen, byte order mark, tags.
_UNSEEN: Final = re.compile(
    "[\x00-\x09\x0b-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f"
    "\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb"
    "\U000e0000-\U000e0fff]"
)
_STACKED_MARKS: Final = re.compile("([\u0300-\u036f]{2})[\u0300-\u036f]+")
# The test of this module proves that the font draws every one of these.
_SURELY_DRAWN: Final = re.compile(
    "[\n\x20-\x7e\xa0-\xac\xae-\u0148\u014a-\u017f"
    "\u2013\u2014\u2018\u2019\u201c\u201d\u2026\u2192\u2264\u2265\u2212]*"
)


def line(text: str, *, limit: int = NAME_LIMIT) -> str:
    """The text on one line, at most `limit` characters and the mark of a cut."""
    return _breakable(_drawn(_SPACES.sub(" ", text[: 4 * limit]).strip(), limit, len(text)))


def label(text: str, *, limit: int = 48) -> str:
    """The text for a figure: like a line, without places where a line may break.

    A mark that does not join its letter becomes U+25A1: PDF/A refuses it in a figure.
    """
    drawn = _drawn(_SPACES.sub(" ", text[: 4 * limit]).strip(), limit, len(text))
    return "".join(MISSING if unicodedata.category(c)[0] == "M" else c for c in drawn)


def paragraph(text: str, *, limit: int = TEXT_LIMIT) -> str:
    """The text with its line ends, at most `limit` characters and the mark of a cut."""
    lines = _LINE_ENDS.sub("\n", text[: 4 * limit]).replace("\t", "    ")
    return _breakable(_drawn(lines, limit, len(text)))


def _drawn(text: str, limit: int, original_length: int) -> str:
    if len(text) <= limit and original_length <= 4 * limit and _SURELY_DRAWN.fullmatch(text):
        return text
    seen = _STACKED_MARKS.sub(r"\1", unicodedata.normalize("NFC", _UNSEEN.sub("", text)))
    printable = _not_drawn().sub(MISSING, seen)
    if len(printable) <= limit and original_length <= 4 * limit:
        return printable
    return f"{printable[:limit]}… (cut, {original_length} characters)"


def _breakable(text: str) -> str:
    if len(text) <= _TOKEN:
        return text
    return _LONG_TOKEN.sub(_with_break_opportunities, text)


def _with_break_opportunities(token: re.Match[str]) -> str:
    return "\u200b".join(_PIECE.findall(token.group()))


@cache
def _not_drawn() -> re.Pattern[str]:
    """Matches each character that the text font has no glyph for."""
    # Most reports hold only characters of the quick test, and this import takes 0.1 s.
    from fontTools.ttLib import TTFont  # type: ignore[import-untyped]  # noqa: PLC0415

    with TTFont(text_font_file(), lazy=True) as font:
        codes = sorted({10, *font.getBestCmap()})
    ranges: list[list[int]] = []
    for code in codes:
        if 0xE000 <= code <= 0xF8FF:  # private use: PDF/A refuses it even when drawn
            continue
        if ranges and ranges[-1][1] == code - 1:
            ranges[-1][1] = code
        else:
            ranges.append([code, code])
    inside = "".join(f"\\U{first:08x}-\\U{last:08x}" for first, last in ranges)
    return re.compile(f"[^{inside}]")
