"""One sample row as agents send it, and the table row it becomes.

A row that does not fit is left out alone: samples are many, and none is worth refusing facts for.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from agents.models import Host, Sample

MAX_NUMBER = 2**62
MAX_AGE = timedelta(days=7)
MAX_FIELDS = 60
# Totals since boot whose growth is summed over a day: counter, column.
SUMMED = {
    "oom_kills": "kills",
    "pids_limit_hits": "refused_processes",
    "drop_caches": "cache_drops",
    "balloon_inflated_pages": "balloon_pages",
    "agent.sampling_overruns": "overruns",
}
MAX_SMALL = 2**31 - 1

Name = Annotated[
    str, Meta(min_length=1, max_length=48, pattern=r"^[a-z][a-z0-9_]*(\.[a-z0-9_]+)?$")
]
Total = Annotated[int, Meta(ge=0, le=MAX_NUMBER)]
Number = Annotated[float, Meta(ge=0, le=MAX_NUMBER)]
Seconds = Annotated[float, Meta(ge=0, le=2**36)]
Percent = Annotated[float, Meta(ge=0, le=100)]
Mount = Annotated[str, Meta(max_length=1024, pattern="^/")]


class SampleRow(Struct, frozen=True):
    """``k`` container key or "", ``b`` boot, ``at`` window start and ``n`` time of sending in
    seconds since boot, ``w`` length, ``d`` seconds between the looks, ``c`` counters, ``g`` gauges,
    ``q`` marks, ``f`` used per cent of file systems."""

    k: Annotated[str, Meta(pattern="^([A-Za-z0-9_.:-]{1,64})?$")]
    b: Annotated[str, Meta(pattern="^[A-Za-z0-9-]{0,16}$")]
    at: Annotated[int, Meta(ge=0, le=2**36)]
    n: Seconds
    w: Literal[10, 300]
    d: Annotated[float, Meta(gt=0, le=86_400)]
    c: Annotated[
        dict[Name, Annotated[list[Total], Meta(min_length=1, max_length=2)]],
        Meta(max_length=MAX_FIELDS),
    ] = {}
    g: Annotated[
        dict[Name, Annotated[list[Number], Meta(min_length=1, max_length=3)]],
        Meta(max_length=MAX_FIELDS),
    ] = {}
    q: Annotated[list[Annotated[str, Meta(max_length=40)]], Meta(max_length=16)] = []
    f: Annotated[
        dict[Mount, Annotated[list[Percent], Meta(min_length=2, max_length=2)]],
        Meta(max_length=24),
    ] = {}


def read_row(raw: Any) -> SampleRow | None:
    """The row, or None when it does not fit."""
    try:
        return msgspec.convert(raw, SampleRow)
    except (msgspec.ValidationError, RecursionError):
        return None


def sample_of(host: Host, row: SampleRow, *, now: datetime) -> Sample | None:
    """The table row; None when the window lies more than a week back.

    The time is the server's: receipt less the age that the host's own clock since boot gives.
    """
    age = timedelta(seconds=max(0.0, row.n - row.at))
    if age > MAX_AGE or "\x00" in "".join((*row.q, *row.f)):
        return None
    return Sample(
        host=host,
        key=row.k,
        boot=row.b,
        start_s=row.at,
        length=row.w,
        at=now - age,
        span_s=row.d,
        counters=row.c,
        gauges=row.g,
        filesystems=row.f,
        marks=row.q,
        **growth(row.c),
    )


def growth(counters: Mapping[str, list[int]]) -> dict[str, int]:
    """How much the summed counters grew, by column."""
    found = {}
    for name, column in SUMMED.items():
        ends = counters.get(name, [0])
        found[column] = min(MAX_SMALL, max(0, ends[-1] - ends[0]))
    return found
