"""A check as a value: one condition over facts, with what it means and what to do about it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Status(StrEnum):
    """The four answers a check can give on one target. Unknown is never a pass."""

    PASS = "pass"  # noqa: S105  (a verdict, not a password)
    FAIL = "fail"
    UNKNOWN = "unknown"
    NOT_APPLICABLE = "not_applicable"


class TargetKind(StrEnum):
    """What a check is asked about: one result per target."""

    HOST = "host"
    CONTAINER = "container"
    PAIR = "pair"
    RUNTIME = "runtime"
    IMAGE = "image"


DEFAULT_STATES = ("running", "paused")


@dataclass(frozen=True, slots=True)
class Adjuster:
    """A fact that moves the likelihood or impact of a finding, and the sentence that says why."""

    when: str
    likelihood: int
    impact: int
    because: str


@dataclass(frozen=True, slots=True)
class Check:
    """One check of a catalogue. Conditions are text of the expression language.

    `passes` is the good condition. `not_applicable`, `unknown_when` and `pass_only_if` are
    optional conditions around it. `facts` are the paths that the conditions read.
    `likelihood` and `impact` are 1 to 5, before `adjusters` are applied.
    """

    id: str
    title: str
    area: str
    subarea: str
    layer: str
    mechanism: str
    target: TargetKind
    facts: tuple[str, ...]
    passes: str
    not_applicable: str | None = None
    unknown_when: str | None = None
    pass_only_if: str | None = None
    params: Mapping[str, object] = field(default_factory=dict)
    states: tuple[str, ...] = DEFAULT_STATES
    likelihood: int = 3
    impact: int = 3
    adjusters: tuple[Adjuster, ...] = ()
    why: str = ""
    remediation: Mapping[str, str] = field(default_factory=dict)
    references: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    tier: str = "T2"
    needs: tuple[str, ...] = ()
