"""The bodies that agents send, as types (agent protocol, ingest v1). Unknown fields are ignored."""

from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from workbench.core.door.limits import Limits

Hex64 = Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
Short = Annotated[str, Meta(max_length=255)]
Text = Annotated[str, Meta(max_length=1_048_576)]
Key = Annotated[str, Meta(min_length=1, max_length=64, pattern="^[A-Za-z0-9_.:-]+$")]
SectionName = Annotated[str, Meta(min_length=1, max_length=40, pattern="^[a-z][a-z0-9_.]*$")]
Counter = Annotated[int, Meta(ge=0, le=2**62)]
# Redis compares counters as floating-point numbers, which are exact up to here.
BeatCounter = Annotated[int, Meta(ge=0, le=2**53)]
Protocol = Annotated[int, Meta(ge=0, le=2**31)]
# The oldest protocol that is still served; older agents are answered 426.
MIN_PROTOCOL = 1

ROTATE_LIMITS = Limits(max_wire_bytes=1_024, max_raw_bytes=1_024, max_depth=3, max_keys=32)
ENROL_LIMITS = Limits(max_wire_bytes=16_384, max_raw_bytes=16_384, max_depth=4, max_keys=200)
HEARTBEAT_LIMITS = Limits(max_wire_bytes=1_024, max_raw_bytes=1_024, max_depth=3, max_keys=32)
INDEX_LIMITS = Limits(
    max_wire_bytes=1_048_576, max_raw_bytes=4_194_304, max_depth=6, max_string_characters=262_144
)
BLOBS_LIMITS = Limits(
    max_wire_bytes=524_288, max_raw_bytes=4_194_304, max_depth=4, max_string_characters=1_048_576
)
BODY_LIMITS = Limits(
    max_wire_bytes=1_048_576,
    max_raw_bytes=1_048_576,
    max_depth=16,
    max_keys=100_000,
)


class Message(Struct):
    """What every body has: the protocol that its agent speaks."""

    v: Protocol = 1


class Enrol(Message, kw_only=True):
    """POST /enrol. ``proof`` is the data token that a machine held before, when it still has it."""

    token: Short
    nonce: Annotated[str, Meta(min_length=8, max_length=64, pattern="^[0-9a-f]+$")]
    secret_hash: Hex64
    name: Short
    fp: dict[Key, Annotated[str, Meta(max_length=128)]] = msgspec.field(default_factory=dict)
    boot: Annotated[str, Meta(max_length=36)] = ""
    labels: dict[Short, Short] = msgspec.field(default_factory=dict)
    agent: Annotated[str, Meta(max_length=40)] = ""
    proof: Short = ""


class Heartbeat(Message, kw_only=True):
    """POST /hb: boot id prefix, counter, first half of the root digest, last event, the name of
    the configuration held, and ``memory`` while the spool is not on disk."""

    b: Annotated[str, Meta(max_length=36)]
    n: BeatCounter
    d: Annotated[str, Meta(pattern="^[0-9a-f]{0,64}$")] = ""
    q: Counter = 0
    c: Annotated[str, Meta(pattern="^[0-9a-f]{0,32}$")] | None = None
    s: Annotated[str, Meta(pattern="^[a-z]{0,10}$")] = ""


class Rotate(Message, kw_only=True):
    """POST /rotate: the hash of the key that is to follow."""

    secret_hash: Hex64


class Missing(Struct):
    """A section that could not be read as a whole."""

    err: Short
    need: Short | msgspec.UnsetType = msgspec.UNSET


class Index(Message, kw_only=True):
    """POST /index: what holds now, by digest; small bodies ride along.

    With ``delta`` only what changed since ``prev``, and the names of what is gone; ``root`` is
    always that of the resulting whole. The number of containers is checked by the service, which
    flags the host. ``counts`` and ``refused`` are the agent's remarks about itself.
    """

    gen: Annotated[int, Meta(ge=1, le=2**62)]
    root: Hex64
    sections: dict[SectionName, Hex64 | Missing]
    containers: list[tuple[Key, Hex64, Hex64]]
    inline: dict[Hex64, Text] = msgspec.field(default_factory=dict)
    prev: Annotated[str, Meta(pattern="^([0-9a-f]{64})?$")] = ""
    delta: bool = False
    sections_gone: Annotated[list[SectionName], Meta(max_length=200)] = []
    gone: Annotated[list[Key], Meta(max_length=10_000)] = []
    samples: list[Any] = []
    counts: dict[Key, Counter] = msgspec.field(default_factory=dict)
    refused: Annotated[str, Meta(max_length=255)] = ""


class Blobs(Message, kw_only=True):
    """POST /blobs: bodies that an index reply asked for."""

    blobs: dict[Hex64, Text]
