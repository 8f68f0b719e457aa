"""Which numbers of an event spool are new, which are missing, and which were declared as dropped.

Pure arithmetic on closed ranges: duplicates, reordering and lost replies must change nothing.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

Range = tuple[int, int]
Declared = tuple[int, int, str]


@dataclass(frozen=True, slots=True)
class Account:
    """State after one message: the new mark, numbers to store, what is missing, what was declared.

    ``missing`` may still arrive; ``declared`` (from, to, why) never will.
    """

    mark: int
    fresh: frozenset[int]
    missing: tuple[Range, ...]
    declared: tuple[Declared, ...]


def account(
    mark: int, missing: Sequence[Range], *, numbers: Sequence[int], dropped: Sequence[Declared]
) -> Account:
    """Take ``numbers`` (ascending) and ``dropped`` ranges (ascending) of one message.

    ``mark`` is the highest number accounted for so far, ``missing`` the ranges below it that never
    came.
    """
    top = max(mark, numbers[-1] if numbers else 0, dropped[-1][1] if dropped else 0)
    wanted = [*missing, *([(mark + 1, top)] if top > mark else [])]
    fresh = frozenset(inside(numbers, wanted))
    declared = tuple(
        (max(low, first), min(high, last), why)
        for first, last, why in dropped
        for low, high in wanted
        if low <= last and first <= high
    )
    taken = sorted([*((one, one) for one in fresh), *((low, high) for low, high, _ in declared)])
    return Account(top, fresh, tuple(without(wanted, taken)), declared)


def inside(numbers: Iterable[int], ranges: Sequence[Range]) -> Iterable[int]:
    """Those of the ascending ``numbers`` that lie in one of the ascending ``ranges``."""
    place = 0
    for number in numbers:
        while place < len(ranges) and ranges[place][1] < number:
            place += 1
        if place < len(ranges) and ranges[place][0] <= number:
            yield number


def without(ranges: Iterable[Range], taken: Sequence[Range]) -> Iterable[Range]:
    """``ranges`` without the numbers of ``taken``; both ascending, ``taken`` may overlap."""
    place = 0
    for low, high in ranges:
        start = low
        while place < len(taken) and taken[place][1] < low:
            place += 1
        at = place
        while at < len(taken) and taken[at][0] <= high:
            if taken[at][0] > start:
                yield start, taken[at][0] - 1
            start = max(start, taken[at][1] + 1)
            at += 1
        if start <= high:
            yield start, high
