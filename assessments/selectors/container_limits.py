"""How much a container may use, as lines for its page."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from assessments.selectors.host_facts import at, is_number, text

UNITS: Final = ("B", "KiB", "MiB", "GiB", "TiB")
STEP: Final = 1024


@dataclass(frozen=True, slots=True)
class Limit:
    """One resource, its limit in words, the cgroup that holds it, and pass, fail or unknown."""

    name: str
    words: str
    held_by: str
    state: str


def limits_of(facts: Mapping[str, Any]) -> tuple[Limit, ...]:
    """Memory, swap, CPU, processes and I/O."""
    return (
        _limit(facts, "Memory", "memory", size_words(at(facts, "limits.memory_max_bytes"))),
        _limit(facts, "Swap", "swap", size_words(at(facts, "limits.swap_max_bytes"))),
        _limit(facts, "CPU", "cpu", _cores(at(facts, "limits.cpu_cores"))),
        _limit(facts, "Processes", "pids", _count(at(facts, "limits.pids_max"))),
        _flag("I/O", at(facts, "limits.io_max_set")),
    )


def size_words(value: Any) -> str:
    """A number of bytes in the unit that fits, or an empty string."""
    if not is_number(value) or value < 0:
        return ""
    amount, place = float(value), 0
    while amount >= STEP and place < len(UNITS) - 1:
        amount, place = amount / STEP, place + 1
    return f"{amount:.1f}".removesuffix(".0") + f" {UNITS[place]}"


def _limit(facts: Mapping[str, Any], name: str, key: str, amount: str) -> Limit:
    is_limited = at(facts, f"limits.{key}_limited")
    held_by = text(_held_by(facts, key))
    if not isinstance(is_limited, bool):
        return Limit(name, "not known", held_by, "unknown")
    if is_limited:
        return Limit(name, amount or "limited", held_by, "pass")
    return Limit(name, "no limit", "", "fail")


def _held_by(facts: Mapping[str, Any], key: str) -> Any:
    groups = at(facts, "limits.limited_by")
    return groups.get(key) if isinstance(groups, Mapping) else None


def _flag(name: str, value: Any) -> Limit:
    if not isinstance(value, bool):
        return Limit(name, "not known", "", "unknown")
    return Limit(name, "limited" if value else "no limit", "", "pass" if value else "fail")


def _cores(value: Any) -> str:
    return f"{value:g} cores" if is_number(value) else ""


def _count(value: Any) -> str:
    return str(value) if is_number(value) else ""
