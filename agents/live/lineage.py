"""One machine or two? What boots and counters of heartbeats say (agent protocol, 3.3).

A boot id is new with every start, and the counter never goes back, not even over a crash. So one
machine may go from boot A to boot B. Hearing A go on afterwards, or a new boot with a counter that
was used before, is impossible for one machine: the line has forked. One machine that was set back
to a snapshot looks the same at first; it proves itself with three beats during which nobody else
is heard.

The script of the Redis store says the same in Lua; a test holds the two together.
"""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

CONSISTENT_BEATS: Final = 3
# Voices that changed this often are two live machines; only a new enrolment settles that.
CERTAIN_SWITCHES: Final = 2


class Move(StrEnum):
    """What one beat did to the line."""

    ON = "on"  # goes on, or repeats what was heard before
    FORKED = "forked"  # the first impossible beat
    STILL_FORKED = "still_forked"
    ROLLED_BACK = "rolled_back"  # the fork is settled: only one is alive


@dataclass(frozen=True, slots=True)
class Line:
    """The boots heard of one host. While forked, ``rival_boot`` speaks beside ``boot``.

    ``speaker`` is the boot heard last, ``streak`` how many consistent beats it gave in a row, and
    ``switches`` how often the speaker changed.
    """

    boot: str = ""
    counter: int = 0
    previous_boot: str = ""
    previous_counter: int = 0
    is_forked: bool = False
    rival_boot: str = ""
    rival_counter: int = 0
    speaker: str = ""
    streak: int = 0
    switches: int = 0


def follow(line: Line, boot: str, counter: int) -> tuple[Line, Move]:
    """The line after one beat, and what the beat did to it."""
    if line.is_forked:
        return _follow_forked(line, boot, counter)
    if not line.boot:
        return replace(line, boot=boot, counter=counter), Move.ON
    if boot == line.boot:
        return replace(line, counter=max(counter, line.counter)), Move.ON
    if boot == line.previous_boot and counter <= line.previous_counter:
        return line, Move.ON  # a late copy of what was heard before the reboot
    if boot == line.previous_boot or counter <= line.counter:
        forked = replace(line, is_forked=True, rival_boot=boot, rival_counter=counter, speaker=boot)
        return replace(forked, streak=0, switches=0), Move.FORKED
    return Line(boot, counter, line.boot, line.counter), Move.ON


def _follow_forked(line: Line, boot: str, counter: int) -> tuple[Line, Move]:
    if boot == line.boot:
        if counter <= line.counter:
            return line, Move.STILL_FORKED
        line = replace(line, counter=counter)
    elif boot == line.rival_boot:
        if counter <= line.rival_counter:
            return line, Move.STILL_FORKED
        line = replace(line, rival_counter=counter)
    else:
        line = replace(line, rival_boot=boot, rival_counter=counter)
    if boot == line.speaker:
        line = replace(line, streak=line.streak + 1)
    else:
        switches = line.switches + (line.speaker != "")
        line = replace(line, speaker=boot, streak=1, switches=switches)
    if line.streak < CONSISTENT_BEATS or line.switches >= CERTAIN_SWITCHES:
        return line, Move.STILL_FORKED
    return _settled(line), Move.ROLLED_BACK


def _settled(line: Line) -> Line:
    if line.speaker == line.boot:
        return Line(line.boot, line.counter, line.rival_boot, line.rival_counter)
    return Line(line.rival_boot, line.rival_counter, line.boot, line.counter)
