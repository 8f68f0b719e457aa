"""The operations of the language on single values, with its types and not those of Python.

A value of the wrong type raises TypeError, a text that is no number raises ValueError, and a
result outside 64 bits raises OverflowError. Python would call True a number, find "a" inside
"abc" and multiply a string; another engine would not, so neither does this one.
"""

import math
import re
from collections.abc import Callable
from typing import NoReturn, cast

from assessments.engine.expression.limits import MAX_INTEGER, MIN_INTEGER, NESTED_LIST_ITEMS
from assessments.engine.expression.nodes import (
    ArithmeticOperator,
    CompareOperator,
    FunctionName,
    MethodName,
)

_INTEGER = re.compile(r"-?[0-9]{1,19}")
_NUMBERS = (int, float)


class TooLargeError(TypeError):
    """A list is longer than a nested macro may go over."""


def _wrong_type(message: str) -> NoReturn:
    raise TypeError(message)


def guarded(value: object, kind: type) -> object:
    """Return `value` if it is exactly of type `kind`. Raises TypeError."""
    if type(value) is not kind:
        _wrong_type(f"expected {kind.__name__}, found {type(value).__name__}")
    return value


def boolean(value: object) -> bool:
    """Return `value` if it is true or false. Raises TypeError."""
    if value is True or value is False:
        return value
    _wrong_type(f"expected a boolean, found {type(value).__name__}")


def number(value: object) -> int | float:
    """Return `value` if it is a number; true and false are not. Raises TypeError."""
    if type(value) not in _NUMBERS:
        _wrong_type(f"expected a number, found {type(value).__name__}")
    return cast("int | float", value)


def items(value: object) -> list[object]:
    """Return `value` if it is a list. Raises TypeError."""
    return cast("list[object]", guarded(value, list))


def outer_items(value: object) -> list[object]:
    """Return a list that a macro with another one inside goes over. Raises TooLargeError."""
    found = items(value)
    if len(found) > NESTED_LIST_ITEMS:
        message = f"more than {NESTED_LIST_ITEMS} items"
        raise TooLargeError(message)
    return found


def equal(left: object, right: object) -> bool:
    """Say whether two scalars are equal; values of different types are not.

    Raises TypeError for two lists or maps: the language does not compare these, and facts nested
    a thousand times would exhaust the stack.
    """
    if type(left) is bool or type(right) is bool:
        return left is right
    if isinstance(left, list | dict) and isinstance(right, list | dict):
        _wrong_type("lists and maps cannot be compared")
    return left == right


def contains(item: object, collection: object) -> bool:
    """Say whether `item` is in a list, or a key of a map. Raises TypeError."""
    if isinstance(collection, dict):
        return type(item) is str and item in collection
    return any(equal(item, other) for other in items(collection))


def _ordered(left: object, right: object) -> bool:
    if type(left) is str and type(right) is str:
        return True
    return number(left) is not None and number(right) is not None


def less(left: object, right: object) -> bool:
    """Compare two numbers or two strings. Raises TypeError."""
    return _ordered(left, right) and cast("int", left) < cast("int", right)


def less_or_equal(left: object, right: object) -> bool:
    """Compare two numbers or two strings. Raises TypeError."""
    return _ordered(left, right) and cast("int", left) <= cast("int", right)


COMPARE: dict[CompareOperator, Callable[[object, object], bool]] = {
    CompareOperator.EQUAL: equal,
    CompareOperator.NOT_EQUAL: lambda left, right: not equal(left, right),
    CompareOperator.LESS: less,
    CompareOperator.LESS_OR_EQUAL: less_or_equal,
    CompareOperator.GREATER: lambda left, right: less(right, left),
    CompareOperator.GREATER_OR_EQUAL: lambda left, right: less_or_equal(right, left),
}


def _bounded(value: float) -> int | float:
    if type(value) is int and not MIN_INTEGER <= value <= MAX_INTEGER:
        message = "integer outside 64 bits"
        raise OverflowError(message)
    return value


def negate(value: object) -> int | float:
    """Return a number with the other sign. Raises TypeError, OverflowError."""
    return _bounded(-number(value))


def _same(left: object, right: object) -> None:
    if type(left) is not type(right):
        _wrong_type("an integer and a decimal do not mix")


def add(left: object, right: object) -> int | float | str:
    """Add two numbers or join two strings. Raises TypeError, OverflowError."""
    if isinstance(left, str) and isinstance(right, str):
        return left + right
    _same(left, right)
    return _bounded(number(left) + number(right))


def subtract(left: object, right: object) -> int | float:
    """Subtract two numbers. Raises TypeError, OverflowError."""
    _same(left, right)
    return _bounded(number(left) - number(right))


def multiply(left: object, right: object) -> int | float:
    """Multiply two numbers. Raises TypeError, OverflowError."""
    _same(left, right)
    return _bounded(number(left) * number(right))


def divide(left: object, right: object) -> int | float:
    """Divide towards zero for integers, as IEEE 754 says for decimals. Raises TypeError."""
    _same(left, right)
    top, bottom = number(left), number(right)
    if type(top) is int and type(bottom) is int:
        quotient = abs(top) // abs(bottom)
        return _bounded(quotient if (top < 0) == (bottom < 0) else -quotient)
    if bottom != 0:
        return top / bottom
    if top == 0 or math.isnan(top):
        return math.nan
    return math.copysign(math.inf, math.copysign(1, top) * math.copysign(1, bottom))


def modulo(left: object, right: object) -> int:
    """Return the rest of an integer division; it has the sign of `left`. Raises TypeError."""
    top, bottom = cast("int", guarded(left, int)), cast("int", guarded(right, int))
    rest = abs(top) % abs(bottom)
    return -rest if top < 0 else rest


ARITHMETIC: dict[ArithmeticOperator, Callable[[object, object], int | float | str]] = {
    ArithmeticOperator.ADD: add,
    ArithmeticOperator.SUBTRACT: subtract,
    ArithmeticOperator.MULTIPLY: multiply,
    ArithmeticOperator.DIVIDE: divide,
    ArithmeticOperator.MODULO: modulo,
}


def size(value: object) -> int:
    """Return the number of items, entries or characters. Raises TypeError."""
    if not isinstance(value, list | dict | str):
        _wrong_type(f"{type(value).__name__} has no size")
    return len(value)


def to_integer(value: object) -> int:
    """Return the integer a string holds. Raises TypeError, ValueError ("<absent>"), Overflow."""
    if not isinstance(value, str):
        _wrong_type("int() takes a string")
    if not _INTEGER.fullmatch(value):
        message = f"{value[:40]!r} is not an integer"
        raise ValueError(message)
    return int(_bounded(int(value)))


def to_double(value: object) -> float:
    """Return a number as a decimal. Raises TypeError, OverflowError."""
    return float(number(value))


def to_string(value: object) -> str:
    """Return a boolean, integer or string as text. Raises TypeError."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | str):
        return str(value)
    _wrong_type(f"string() does not take {type(value).__name__}")


FUNCTIONS: dict[FunctionName, Callable[[object], object]] = {
    FunctionName.SIZE: size,
    FunctionName.INT: to_integer,
    FunctionName.DOUBLE: to_double,
    FunctionName.STRING: to_string,
}


def _text(value: object) -> str:
    return cast("str", guarded(value, str))


METHODS: dict[MethodName, Callable[[object, object], bool]] = {
    MethodName.STARTS_WITH: lambda text, part: _text(text).startswith(_text(part)),
    MethodName.ENDS_WITH: lambda text, part: _text(text).endswith(_text(part)),
    MethodName.CONTAINS: lambda text, part: _text(part) in _text(text),
}
