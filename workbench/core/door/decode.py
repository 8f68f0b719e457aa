"""The one door for JSON: what passes here is safe to store on SQLite and PostgreSQL alike.

Refused beyond bad syntax: NUL and lone surrogates (PostgreSQL refuses them, SQLite keeps them and
breaks every later list), duplicate keys, NaN and numbers beyond 64 bit, deep nesting, long strings.
"""

import json
import math
import re
from functools import lru_cache
from typing import Any, Final, NoReturn, TypeVar

import msgspec

from workbench.core.door.limits import Limits
from workbench.core.errors import Invalid, TooLarge

Shape = TypeVar("Shape")
INT_MIN, INT_MAX = -(2**63), 2**63 - 1
MAX_NUMBER_CHARACTERS = 64
# One flat object of short plain texts and whole numbers, which is what every heartbeat is. In such
# a body duplicate keys are all that is left to look for.
FIELD: Final = rb'"[a-z_]{1,16}": ?(?:"[0-9A-Za-z_.:-]{0,128}"|0|[1-9][0-9]{0,17})'
FLAT: Final = re.compile(rb"\{%b(?:, ?%b){0,30}\}" % (FIELD, FIELD))
FLAT_KEYS: Final = re.compile(rb'"([a-z_]{1,16})":')


def decode(raw: bytes, *, shape: type[Shape], limits: Limits) -> Shape:
    """``raw`` as an instance of the msgspec type ``shape``.

    Raises:
        Invalid: with the place of the fault.
        TooLarge: for too many keys or too long a string.
    """
    try:
        if _is_flat(raw, limits=limits):
            found: Shape = _decoder(shape).decode(raw)  # type: ignore[arg-type]
            return found
        return msgspec.convert(parse(raw, limits=limits), shape, strict=True)
    except msgspec.ValidationError as error:
        raise Invalid(str(error)) from None


def _is_flat(raw: bytes, *, limits: Limits) -> bool:
    """True for a small body of which a glance shows that it keeps every rule of ``parse``."""
    if len(raw) > min(limits.max_raw_bytes, limits.max_string_characters, 1_024):
        return False
    if FLAT.fullmatch(raw) is None:
        return False
    keys = FLAT_KEYS.findall(raw)
    return len(set(keys)) == len(keys) <= limits.max_keys


@lru_cache(maxsize=64)
def _decoder(shape: Any) -> msgspec.json.Decoder[Any]:
    """Making a decoder costs a hundred times what it then costs to use it."""
    return msgspec.json.Decoder(shape)


def parse(raw: bytes, *, limits: Limits) -> Any:
    """``raw`` as plain JSON values, every rule of the door applied.

    Raises:
        Invalid, TooLarge: as ``decode``.
    """
    if len(raw) > limits.max_raw_bytes:
        message = f"the body is larger than {limits.max_raw_bytes} bytes"
        raise TooLarge(message)
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        message = f"the body is not UTF-8 (byte {error.start})"
        raise Invalid(message) from None
    counter = _KeyCounter(limits.max_keys)
    try:
        value = json.loads(
            text,
            object_pairs_hook=counter.unique,
            parse_constant=_refuse_constant,
            parse_int=_bounded_int,
            parse_float=_finite_float,
        )
    except RecursionError:
        message = "the body is nested too deeply"
        raise Invalid(message) from None
    except json.JSONDecodeError as error:
        message = f"the body is not JSON: {error.msg} (character {error.pos})"
        raise Invalid(message) from None
    _check_values(value, limits=limits)
    return value


class _KeyCounter:
    """Builds objects while counting their keys over the whole body."""

    def __init__(self, max_keys: int) -> None:
        self.left = max_keys

    def unique(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        self.left -= len(pairs)
        if self.left < 0:
            message = "the body has too many keys"
            raise TooLarge(message)
        found = dict(pairs)
        if len(found) != len(pairs):
            message = "an object names the same key twice"
            raise Invalid(message)
        return found


def _refuse_constant(word: str) -> NoReturn:
    message = f"{word} is not a JSON number"
    raise Invalid(message)


def _bounded_int(digits: str) -> int:
    if len(digits) > MAX_NUMBER_CHARACTERS or not INT_MIN <= (value := int(digits)) <= INT_MAX:
        message = "a whole number needs more than 64 bits"
        raise Invalid(message)
    return value


def _finite_float(digits: str) -> float:
    if len(digits) > MAX_NUMBER_CHARACTERS or not math.isfinite(value := float(digits)):
        message = "a number is too large"
        raise Invalid(message)
    return value


def _check_values(root: Any, *, limits: Limits) -> None:
    """Walk without recursion: depth, strings and keys."""
    todo: list[tuple[Any, int]] = [(root, 1)]
    while todo:
        value, depth = todo.pop()
        if isinstance(value, str):
            _check_text(value, limits=limits)
            continue
        if not isinstance(value, dict | list):
            continue
        if depth > limits.max_depth:
            message = f"the body is nested deeper than {limits.max_depth} levels"
            raise Invalid(message)
        if isinstance(value, dict):
            for key in value:
                _check_text(key, limits=limits)
        items = value.values() if isinstance(value, dict) else value
        todo.extend((item, depth + 1) for item in items)


def _check_text(text: str, *, limits: Limits) -> None:
    if len(text) > limits.max_string_characters:
        message = f"a text is longer than {limits.max_string_characters} characters"
        raise TooLarge(message)
    if "\x00" in text:
        message = "a text holds a NUL character"
        raise Invalid(message)
    if not text.isascii() and any("\ud800" <= char <= "\udfff" for char in text):
        message = "a text holds half of a surrogate pair"
        raise Invalid(message)
