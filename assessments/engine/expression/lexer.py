"""Cuts the text of an expression into tokens."""

import re
from dataclasses import dataclass
from enum import StrEnum

from assessments.engine.expression.errors import refuse
from assessments.engine.expression.limits import MAX_CHARACTERS


class TokenKind(StrEnum):
    """The classes of token."""

    INTEGER = "integer"
    DECIMAL = "decimal"
    STRING = "string"
    NAME = "name"
    OPERATOR = "operator"
    END = "end"


@dataclass(frozen=True, slots=True)
class Token:
    """One token; `text` of a string is its value without quotes and escapes."""

    kind: TokenKind
    text: str
    column: int


# A number may not run into a name: "1u" and "0x10" are other things in full CEL.
_TOKEN = re.compile(
    r"""(?P<decimal>[0-9]+\.[0-9]+(?![A-Za-z0-9_.]))
      | (?P<integer>[0-9]+(?![A-Za-z0-9_]))
      | (?P<string>"(?:[^"\\\x00-\x1f\x7f]|\\.)*")
      | (?P<name>[A-Za-z_][A-Za-z0-9_]*)
      | (?P<operator>&&|\|\||==|!=|<=|>=|[-+*/%!<>?:.,()\[\]])""",
    re.VERBOSE,
)
_SPACE = re.compile(r"[ \t\r\n]*")
_ESCAPE = re.compile(r"\\(.)")
_ESCAPES = {"\\": "\\", '"': '"', "n": "\n", "r": "\r", "t": "\t"}


def tokens(text: str) -> tuple[Token, ...]:
    """Return the tokens of `text`, the last of kind END. Raises ExpressionError."""
    if len(text) > MAX_CHARACTERS:
        refuse(f"more than {MAX_CHARACTERS:,} characters")
    found: list[Token] = []
    position = _skip_space(text, 0)
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            refuse(f"cannot read {text[position]!r}", column=position + 1)
        found.append(_token(match))
        position = _skip_space(text, match.end())
    return (*found, Token(TokenKind.END, "", len(text) + 1))


def _skip_space(text: str, position: int) -> int:
    match = _SPACE.match(text, position)
    return match.end() if match else position


def _token(match: re.Match[str]) -> Token:
    kind = TokenKind(str(match.lastgroup))
    column = match.start() + 1
    text = match.group()
    if kind is TokenKind.STRING:
        return Token(kind, _unescape(text[1:-1], column=column), column)
    return Token(kind, text, column)


def _unescape(body: str, *, column: int) -> str:
    def value(match: re.Match[str]) -> str:
        if match[1] not in _ESCAPES:
            refuse(f"unknown escape \\{match[1]}", column=column)
        return _ESCAPES[match[1]]

    return _ESCAPE.sub(value, body)
