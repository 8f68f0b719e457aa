"""Reading single facts out of bodies that a host sent.

A host may leave a fact out or send another type; both mean that the value is not known.
"""

from collections.abc import Mapping
from typing import Any, TypeVar

Facts = Mapping[str, Any]
T = TypeVar("T")


class MissingFact(LookupError):
    """A fact that a computed value needs was not collected.

    `path` is the full document path; `container` is the key of the container that lacks it,
    where one of several was asked.
    """

    def __init__(self, path: str, *, container: str = "") -> None:
        super().__init__(path)
        self.path = path
        self.container = container


def read(kind: type[T], body: object, path: str, *, prefix: str = "") -> T:
    """Return the value at the dotted `path` of `body`; raises MissingFact for `prefix` + path.

    A boolean is no integer here, and an integer is no boolean.
    """
    value = body
    for name in path.split("."):
        if not isinstance(value, Mapping) or name not in value:
            raise MissingFact(prefix + path)
        value = value[name]
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise MissingFact(prefix + path)
    return value


def read_texts(body: object, path: str, *, prefix: str = "") -> frozenset[str]:
    """Return the list of strings at `path` as a set; raises MissingFact."""
    values = read(list, body, path, prefix=prefix)
    if not all(isinstance(value, str) for value in values):
        raise MissingFact(prefix + path)
    return frozenset(values)


def read_numbers(body: object, path: str, *, prefix: str = "") -> frozenset[int]:
    """Return the list of integers at `path` as a set; raises MissingFact."""
    values = read(list, body, path, prefix=prefix)
    if not all(isinstance(value, int) and not isinstance(value, bool) for value in values):
        raise MissingFact(prefix + path)
    return frozenset(values)


def read_rows(body: object, path: str, *, prefix: str = "") -> list[Facts]:
    """Return the list of objects at `path`; raises MissingFact."""
    rows = read(list, body, path, prefix=prefix)
    if not all(isinstance(row, Mapping) for row in rows):
        raise MissingFact(prefix + path)
    return rows
