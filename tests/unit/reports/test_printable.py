"""Text made printable."""

import unicodedata

import pytest
from fontTools.ttLib import TTFont
from hypothesis import given
from hypothesis import strategies as st

from assessments.reports import printable
from assessments.reports.fonts import text_font_file

with TTFont(text_font_file(), lazy=True) as FONT:
    DRAWN = set(FONT.getBestCmap()) | {ord("\n"), 0x200B}


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=200))
def test_every_character_that_comes_out_has_a_glyph(text: str) -> None:
    for made in (printable.line(text), printable.paragraph(text), printable.label(text)):
        assert {ord(character) for character in made} <= DRAWN
        assert not [c for c in made.replace("\n", "").replace("\u200b", "") if _is_unseen(c)]


def test_what_the_quick_test_lets_through_is_drawn() -> None:
    quick = [c for c in map(chr, range(0x10000)) if printable._SURELY_DRAWN.fullmatch(c)]
    assert len(quick) > 250
    assert {ord(character) for character in quick} <= DRAWN


def test_what_the_font_lacks_becomes_a_box_and_not_nothing() -> None:
    assert printable.line("a\U0001f4a3b") == "a\u25a1b"


@pytest.mark.parametrize("unseen", ["\x00", "\u202e", "\ufeff", "\u200d", "\xad", "\U000e0041"])
def test_characters_that_nobody_sees_are_removed(unseen: str) -> None:
    assert printable.line(f"a{unseen}b") == "ab"


def test_a_line_has_no_line_ends_and_a_paragraph_keeps_them() -> None:
    assert printable.line("a\r\nb\u2028c\td") == "a b c d"
    assert printable.paragraph("a\r\nb\u2028c\td") == "a\nb\nc    d"


def test_a_cut_is_marked_with_the_length_it_had() -> None:
    made = printable.line("ab " * 1_000, limit=10)
    assert made.endswith("… (cut, 3000 characters)")


def test_long_tokens_get_break_opportunities_and_stay_the_same_text() -> None:
    token = "container.limits.memory_limited/" + "a" * 100
    made = printable.line(token)
    assert made.replace("\u200b", "") == token
    assert max(len(piece) for piece in made.split("\u200b")) <= 24
    assert "limits.\u200bmemory_\u200b" in made


def test_a_label_of_a_figure_has_no_break_opportunities() -> None:
    assert "\u200b" not in printable.label("a" * 48)


def test_a_label_of_a_figure_has_no_mark_of_its_own() -> None:
    assert printable.label("e\u0301 x\u0301") == "\xe9 x\u25a1"


def test_stacked_marks_are_cut_to_two() -> None:
    made = printable.line("x" + "\u0321" * 50)
    assert made.count("\u0321") <= 2


def _is_unseen(character: str) -> bool:
    return unicodedata.category(character) in {"Cc", "Cf", "Cs", "Co"}
