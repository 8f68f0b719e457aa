"""Accounting of event numbers against a plain model: sets of numbers."""

from hypothesis import given
from hypothesis import strategies as st

from agents.facts.sequences import account, inside, without

TOP = 40
numbers = st.sets(st.integers(1, TOP), max_size=TOP)


def ranges_of(found: set[int]) -> list[tuple[int, int]]:
    """The ascending ranges that make up a set."""
    ranges: list[tuple[int, int]] = []
    for one in sorted(found):
        if ranges and ranges[-1][1] == one - 1:
            ranges[-1] = (ranges[-1][0], one)
        else:
            ranges.append((one, one))
    return ranges


def members(ranges: object) -> set[int]:
    return {one for low, high, *_ in ranges for one in range(low, high + 1)}  # type: ignore[attr-defined]


@given(numbers, numbers)
def test_ranges_are_taken_apart_like_sets(whole: set[int], taken: set[int]) -> None:
    left = list(without(ranges_of(whole), ranges_of(taken)))
    assert members(left) == whole - taken
    assert left == sorted(left)
    assert set(inside(sorted(taken), ranges_of(whole))) == taken & whole


@given(st.lists(st.tuples(numbers, numbers), max_size=6))
def test_any_row_of_messages_accounts_for_each_number_once(
    messages: list[tuple[set[int], set[int]]],
) -> None:
    mark, missing = 0, []
    stored: set[int] = set()
    given_up: set[int] = set()
    for came, dropped in messages:
        declared = [(low, high, "full") for low, high in ranges_of(dropped - came)]
        found = account(mark, missing, numbers=sorted(came), dropped=declared)
        assert not stored & found.fresh, "stored twice"
        assert found.fresh <= came
        assert not found.fresh & given_up
        stored |= found.fresh
        given_up |= members(found.declared)
        mark, missing = found.mark, list(found.missing)
        seen = stored | given_up | members(missing)
        assert seen == set(range(1, mark + 1))
        assert not members(missing) & (stored | given_up)
        assert mark == max([mark, *came, *dropped])


@given(numbers)
def test_the_same_message_again_is_nothing_new(came: set[int]) -> None:
    first = account(0, [], numbers=sorted(came), dropped=[])
    again = account(first.mark, first.missing, numbers=sorted(came), dropped=[])
    assert not again.fresh
    assert again.missing == first.missing
    assert again.mark == first.mark


def test_a_gap_opens_and_closes() -> None:
    found = account(10, [], numbers=list(range(21, 31)), dropped=[])
    assert (found.mark, found.missing) == (30, ((11, 20),))
    closed = account(30, found.missing, numbers=list(range(11, 21)), dropped=[])
    assert (len(closed.fresh), closed.missing) == (10, ())
