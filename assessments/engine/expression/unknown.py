"""The third answer, and what a name means while the reference looks for an answer."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from assessments.engine.expression.limits import REFERENCE_STEPS


class Cause(StrEnum):
    """Why an answer is unknown. All but the first three are defects of a check or an agent."""

    MISSING = "missing"
    CONVERSION = "conversion"
    TRUNCATED = "truncated"
    TYPE = "type"
    LIMIT = "limit"


@dataclass(frozen=True, slots=True)
class Unknown:
    """The third answer: which path decided, and why its value cannot be used."""

    path: str
    cause: Cause
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Located:
    """A value of the document and its path, "" for a value that is not from the document."""

    value: object
    path: str


def _nothing_cut(_path: str) -> bool:
    return False


@dataclass(slots=True)
class Surroundings:
    """What names mean during one evaluation, how many steps are left, and which lists are cut.

    `is_cut` says for a path whether the agent sent only part of that list.
    """

    names: Mapping[str, Located]
    is_cut: Callable[[str], bool] = _nothing_cut
    steps: list[int] = field(default_factory=lambda: [REFERENCE_STEPS])

    def with_variable(self, name: str, item: Located) -> "Surroundings":
        """Return the same surroundings inside a macro."""
        return Surroundings({**self.names, name: item}, self.is_cut, self.steps)


def surroundings(
    bindings: Mapping[str, object], *, is_cut: Callable[[str], bool] = _nothing_cut
) -> Surroundings:
    """Return surroundings in which every binding is its own path."""
    return Surroundings({name: Located(value, name) for name, value in bindings.items()}, is_cut)
