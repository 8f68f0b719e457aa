"""One machine or two: what boots and counters of heartbeats say."""

import pytest

from agents.live.lineage import Line, Move, follow

A, B, C = "aaaaaaaa", "bbbbbbbb", "cccccccc"
ON, FORKED, STILL, BACK = Move.ON, Move.FORKED, Move.STILL_FORKED, Move.ROLLED_BACK


def moves(*beats: tuple[str, int]) -> list[Move]:
    line, found = Line(), []
    for boot, counter in beats:
        line, move = follow(line, boot, counter)
        found.append(move)
    return found


STORIES = {
    "one boot": ([(A, 1), (A, 2), (A, 3)], [ON, ON, ON]),
    "a reboot": ([(A, 1), (B, 2), (B, 3), (C, 4)], [ON] * 4),
    "a repeated beat": ([(A, 5), (A, 5), (A, 4)], [ON] * 3),
    "a beat from before the reboot comes late": ([(A, 5), (B, 6), (A, 5), (A, 4)], [ON] * 4),
    "the first boot goes on after the second": ([(A, 1), (B, 2), (A, 3)], [ON, ON, FORKED]),
    "a new boot with a used counter": ([(A, 5), (B, 5)], [ON, FORKED]),
    "a new boot with an old counter": ([(A, 5), (B, 1)], [ON, FORKED]),
    "two machines in turn": (
        [(A, 1), (B, 2), (A, 3), (B, 4), (A, 5), (B, 6), (A, 7), (A, 8), (A, 9), (A, 10)],
        [ON, ON, FORKED, STILL, STILL, STILL, STILL, STILL, STILL, STILL],
    ),
    "a snapshot of an earlier boot": (
        [(A, 1), (B, 9), (A, 3), (A, 4), (A, 5), (A, 6), (A, 7)],
        [ON, ON, FORKED, STILL, STILL, BACK, ON],
    ),
    "a snapshot that boots anew with an old counter": (
        [(A, 9), (B, 3), (B, 4), (B, 5), (B, 6), (B, 7)],
        [ON, FORKED, STILL, STILL, BACK, ON],
    ),
    "a repeated beat is no proof of life": (
        [(A, 9), (B, 3), (B, 3), (B, 3), (B, 3)],
        [ON, FORKED, STILL, STILL, STILL],
    ),
    "the rival was a stray": (
        [(A, 1), (B, 2), (A, 3), (B, 4), (B, 5), (B, 6), (B, 7)],
        [ON, ON, FORKED, STILL, STILL, BACK, ON],
    ),
    "a third machine": (
        [(A, 9), (B, 3), (C, 4), (A, 10), (A, 11), (A, 12)],
        [ON, FORKED, STILL, STILL, STILL, STILL],
    ),
}


@pytest.mark.parametrize("story", STORIES)
def test_the_line_of_boots(story: str) -> None:
    beats, expected = STORIES[story]
    assert moves(*beats) == expected


def test_a_settled_line_takes_the_other_voice_for_a_fork_again() -> None:
    beats = [(A, 1), (B, 9), (A, 3), (A, 4), (A, 5), (A, 6), (B, 10)]
    assert moves(*beats)[-2:] == [BACK, FORKED]
