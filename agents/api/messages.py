"""The bodies that agents send, as types (agent protocol, ingest v1). Unknown fields are ignored."""

from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from workbench.core.door.limits import Limits

Hex64 = Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
Short = Annotated[str, Meta(max_length=255)]
Text = Annotated[str, Meta(max_length=1_048_576)]
Key = Annotated[str, Meta(min_length=1, max_length=64, pattern="^[A-Za-z0-9_.:-]+$")]
SectionName = Annotated[str, Meta(min_length=1, max_length=40, pattern="^[a-z][a-z0-9_.]*$")]
Counter = Annotated[int, Meta(ge=0, le=2**62)]

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


class Enrol(Struct):
    """POST /enrol."""

    token: Short
    nonce: Annotated[str, Meta(min_length=8, max_length=64, pattern="^[0-9a-f]+$")]
    secret_hash: Hex64
    name: Short
    fp: dict[Key, Annotated[str, Meta(max_length=128)]] = msgspec.field(default_factory=dict)
    boot: Annotated[str, Meta(max_length=36)] = ""
    labels: dict[Short, Short] = msgspec.field(default_factory=dict)
    agent: Annotated[str, Meta(max_length=40)] = ""


class Heartbeat(Struct):
    """POST /hb: boot id prefix, counter, first half of the root digest."""

    b: Annotated[str, Meta(max_length=36)]
    n: Counter
    d: Annotated[str, Meta(pattern="^[0-9a-f]{0,64}$")] = ""
    q: Counter = 0


class Missing(Struct):
    """A section that could not be read as a whole."""

    err: Short
    need: Short | msgspec.UnsetType = msgspec.UNSET


class Index(Struct):
    """POST /index: what holds now, by digest; small bodies ride along."""

    gen: Annotated[int, Meta(ge=1, le=2**62)]
    root: Hex64
    sections: dict[SectionName, Hex64 | Missing]
    containers: Annotated[list[tuple[Key, Hex64, Hex64]], Meta(max_length=5_000)]
    inline: dict[Hex64, Text] = msgspec.field(default_factory=dict)
    prev: Annotated[str, Meta(pattern="^([0-9a-f]{64})?$")] = ""


class Blobs(Struct):
    """POST /blobs: bodies that an index reply asked for."""

    blobs: dict[Hex64, Text]
