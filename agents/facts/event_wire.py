"""What an agent sends about events (agent protocol 3.5): one batch of one spool. Times are bounded
later; unknown fields are ignored."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

Number = Annotated[int, Meta(ge=0, le=2**62)]
Sequence = Annotated[int, Meta(ge=1, le=2**62)]
Word = Annotated[str, Meta(min_length=1, max_length=40, pattern="^[a-z][a-z0-9_.-]*$")]
Part = Annotated[dict[str, object], Meta(max_length=40)]
Boot = Annotated[str, Meta(max_length=36)]
MAX_EVENTS, MAX_DROPS = 1_000, 500


class SentEvent(Struct):
    """One event as it travels; ``mono_ms`` counts from the boot named by ``boot_id``."""

    seq: Sequence
    kind: Word
    event_class: Literal["A", "B", "C"] = msgspec.field(name="class")
    stream: Word
    mono_ms: Number
    id: Annotated[str, Meta(pattern="^[0-9a-f]{0,32}$")] = ""
    boot_id: Boot = ""
    at: Annotated[str, Meta(max_length=40)] = ""
    outcome: Literal["success", "failure", "unknown", ""] = ""
    count: Annotated[int, Meta(ge=1, le=2**31 - 1)] = 1
    first_ms: Number = 0
    last_ms: Number = 0
    who: Part = msgspec.field(default_factory=dict)
    where: Part = msgspec.field(default_factory=dict)
    what: Part = msgspec.field(default_factory=dict)
    links: Part = msgspec.field(default_factory=dict)


class Dropped(Struct):
    """Numbers that will never come, and why."""

    first: Sequence = msgspec.field(name="from")
    last: Sequence = msgspec.field(name="to")
    why: Word
    n: Number = 0


class SentEvents(Struct):
    """POST /events. ``first`` is the number after the last one that the agent knows as accounted
    for; ``acked`` the highest one that it was told is stored; ``mono_ms`` and ``sent_ms`` are its
    clocks at sending."""

    epoch: Annotated[str, Meta(pattern="^[0-9a-f]{16}$")]
    first: Sequence = msgspec.field(name="from")
    ev: Annotated[list[SentEvent], Meta(max_length=MAX_EVENTS)]
    v: Number = 1
    acked: Number = 0
    boot: Boot = ""
    mono_ms: Number = 0
    sent_ms: Number = 0
    drop: Annotated[list[Dropped], Meta(max_length=MAX_DROPS)] = msgspec.field(default_factory=list)
