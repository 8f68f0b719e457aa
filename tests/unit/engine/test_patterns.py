"""Patterns of matches(): their meaning, what is refused, and the bound on their work."""

import time

import pytest

from assessments.engine.expression.errors import ExpressionError
from assessments.engine.expression.patterns import Pattern, TooLongError
from tests.unit.engine.world import answer


@pytest.mark.parametrize(
    ("pattern", "text", "expected"),
    [
        ("abc", "xabcx", True),
        ("^abc$", "abc", True),
        ("^abc$", "abc\n", False),
        ("^a.c$", "a\nc", False),
        ("^[a-c_-]+$", "ab-_", True),
        ("^[^a]$", "b", True),
        (r"^a\.b$", "axb", False),
        (r"^\[x\]$", "[x]", True),
        ("^(foo|bar)$", "bar", True),
        ("foo|bar", "a bar", True),
        ("^ab?c*$", "accc", True),
        ("^(ab)+$", "ababab", True),
        ("a-b", "a-b", True),
        ("^[]a]", "]", False),
    ],
)
def test_a_pattern_means_what_it_means_in_re2(pattern: str, text: str, expected: bool) -> None:
    if pattern == "^[]a]":
        with pytest.raises(ExpressionError):
            Pattern.compile(pattern)
        return
    assert Pattern.compile(pattern).matches(text) is expected


@pytest.mark.parametrize(
    "pattern",
    [
        "(a+)+$",
        "(a*)*",
        "(a?)*",
        "(a|b)*",
        "(a|aa)+$",
        "a*b*c*",
        "a**",
        "a+?",
        "a{2}",
        "a{1,1000}",
        r"(a)\1",
        "(?=a)",
        "(?i)a",
        r"\d",
        r"\bword",
        "[a",
        "[z-a]",
        "(a",
        "a)",
        "*a",
        "^*",
        "a?" * 30,
        "(a|b)" * 30,
        "((((a))))",
        "a" * 201,
        "a\\",
    ],
)
def test_what_could_run_for_ever_is_refused(pattern: str) -> None:
    with pytest.raises(ExpressionError):
        Pattern.compile(pattern)


WORST = ["a*a*b", "^a*a*b", "a*b", ".*.*=", "a?a?a?a?a*b", "(a|a)(a|a)a*b", "[ab]*[ab]*c"]


@pytest.mark.parametrize("pattern", WORST)
def test_the_longest_text_a_pattern_may_see_takes_bounded_time(pattern: str) -> None:
    compiled = Pattern.compile(pattern)
    text = "a" * compiled.max_characters
    started = time.process_time()
    assert compiled.matches(text) is False
    assert time.process_time() - started < 1.0


def test_two_repeats_allow_shorter_texts_than_one() -> None:
    one, two = (Pattern.compile(pattern).max_characters for pattern in ("a*b", "a*a*b"))
    assert 64 <= two < one <= 1_024


def test_a_longer_text_is_unknown_and_not_a_mismatch() -> None:
    pattern = Pattern.compile("a*a*b")
    with pytest.raises(TooLongError):
        pattern.matches("a" * (pattern.max_characters + 1))
    facts = {"name": "a" * 2_000}
    assert answer('!container.name.matches("a*a*b")', container=facts) == "container.name"
