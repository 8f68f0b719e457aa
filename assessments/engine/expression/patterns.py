"""Patterns of matches(): a small part of regular expressions with a bound on their work.

The pattern is read here and translated, so that only what is understood reaches the matcher:
literals, classes, `.`, `*`, `+`, `?`, groups, alternation and the anchors `^` and `$`, with the
meaning they have in RE2. A backtracking matcher needs at most about
starts * length ** repeats * 2 ** optionals * branches steps for such a pattern, because a repeat
never holds another repeat, an optional or an alternation. From that follows the longest text the
pattern may be asked about; a longer one is unknown, never "does not match".
"""

import re
from dataclasses import dataclass
from typing import NoReturn, Self

from assessments.engine.expression.errors import refuse
from assessments.engine.expression.limits import (
    MATCH_CHARACTERS,
    MATCH_STEPS,
    PATTERN_CHARACTERS,
)

_MAX_REPEATS = 2
_MIN_TEXT = 64
_PUNCTUATION = frozenset("\\.^$|?*+()[]{}/-\"'<>=!@#%&,:;~ ")


class TooLongError(TypeError):
    """A text is longer than its pattern may be asked about."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """A translated pattern with the longest text it may be asked about, in characters."""

    expression: re.Pattern[str]
    max_characters: int

    @classmethod
    def compile(cls, text: str, *, column: int = 0) -> Self:
        """Translate `text`. Raises ExpressionError for anything outside the language."""
        if len(text) > PATTERN_CHARACTERS:
            refuse(f"a pattern has at most {PATTERN_CHARACTERS} characters", column=column)
        reader = _Reader(text, column)
        return cls(re.compile(reader.whole()), reader.max_characters())

    def matches(self, text: object) -> bool:
        """Say whether the pattern occurs in `text`. Raises TypeError, TooLongError."""
        if not isinstance(text, str):
            message = "matches() takes a string"
            raise TypeError(message)
        if len(text) > self.max_characters:
            message = f"text longer than {self.max_characters} characters"
            raise TooLongError(message)
        return self.expression.search(text) is not None


class _Reader:
    """Reads a pattern and counts what makes a matcher try again."""

    def __init__(self, text: str, column: int) -> None:
        self._text = text
        self._column = column
        self._position = 0
        self._atoms = 0
        self._repeats = 0
        self._optionals = 0
        self._branches = 1
        self._depth = 0

    def max_characters(self) -> int:
        ways = max(self._atoms, 1) * 2**self._optionals * self._branches
        power = self._repeats + (0 if self._text.startswith("^") and self._branches == 1 else 1)
        longest = MATCH_CHARACTERS if power == 0 else int((MATCH_STEPS / ways) ** (1 / power))
        if longest < _MIN_TEXT:
            self._refuse("too many ways to match")
        return min(longest, MATCH_CHARACTERS)

    def whole(self) -> str:
        translated = self._alternatives()
        if self._position < len(self._text):
            self._refuse("a bracket is closed that was not opened")
        return translated

    def _refuse(self, message: str) -> NoReturn:
        refuse(f"pattern: {message}", column=self._column)

    def _here(self) -> str:
        return self._text[self._position : self._position + 1]

    def _next(self) -> str:
        character = self._here()
        if not character:
            self._refuse("ends too early")
        self._position += 1
        return character

    def _alternatives(self) -> str:
        branches = [self._sequence()]
        while self._here() == "|":
            self._next()
            branches.append(self._sequence())
        self._branches *= len(branches)
        return "|".join(branches)

    def _sequence(self) -> str:
        parts: list[str] = []
        while self._here() not in ("", "|", ")"):
            before = (self._repeats, self._optionals, self._branches)
            atom = self._atom()
            simple = before == (self._repeats, self._optionals, self._branches)
            parts.append(atom + self._suffix(simple=simple, anchor=atom in ("^", r"\Z")))
        return "".join(parts)

    def _suffix(self, *, simple: bool, anchor: bool) -> str:
        if self._here() not in ("*", "+", "?"):
            return ""
        sign = self._next()
        if anchor or self._here() in ("*", "+", "?"):
            self._refuse(f"nothing to repeat before {sign!r}")
        if not simple:
            self._refuse("a repeat holds a repeat or an alternation")
        if sign == "?":
            self._optionals += 1
            return sign
        self._repeats += 1
        if self._repeats > _MAX_REPEATS:
            self._refuse(f"more than {_MAX_REPEATS} repeats")
        return sign

    def _atom(self) -> str:
        self._atoms += 1
        character = self._next()
        match character:
            case "(":
                return self._group()
            case "[":
                return self._class()
            case ".":
                return "."
            case "^":
                return "^"
            case "$":
                # "$" alone would also match before a line end at the end of the text.
                return r"\Z"
            case "\\":
                return re.escape(self._escaped())
            case "*" | "+" | "?" | "{" | "}" | "]":
                self._refuse(f"{character!r} cannot stand here")
        return re.escape(character)

    def _escaped(self) -> str:
        character = self._next()
        if character not in _PUNCTUATION:
            self._refuse(f"\\{character} is not part of the language")
        return character

    def _group(self) -> str:
        if self._here() == "?":
            self._refuse("(? is not part of the language")
        self._depth += 1
        if self._depth > _MAX_REPEATS:
            self._refuse("groups are nested too deep")
        inner = self._alternatives()
        if self._next() != ")":
            self._refuse("a group is not closed")
        self._depth -= 1
        return f"(?:{inner})"

    def _class(self) -> str:
        sign = ""
        if self._here() == "^":
            sign = self._next()
        parts: list[str] = []
        while self._here() != "]":
            parts.append(self._range())
        self._next()
        if not parts:
            self._refuse("an empty class matches nothing")
        return f"[{sign}{''.join(parts)}]"

    def _range(self) -> str:
        first = self._member()
        following = self._text[self._position : self._position + 2]
        if not following.startswith("-") or following == "-]":
            return re.escape(first)
        self._next()
        last = self._member()
        if last < first:
            self._refuse(f"{first}-{last} is the wrong way round")
        return f"{re.escape(first)}-{re.escape(last)}"

    def _member(self) -> str:
        character = self._next()
        if character == "[":
            self._refuse("write \\[ inside a class")
        return self._escaped() if character == "\\" else character
