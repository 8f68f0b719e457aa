"""Twelve rows of five minutes as one of an hour: pure folding.

A counter runs from its first start to its last end; over a new boot the hour gives two rows, since
counters begin anew. Of gauges the least, the median of medians and the greatest remain.
"""

from collections.abc import Iterable
from datetime import datetime
from itertools import groupby
from statistics import median

from agents.models import Sample, SampleLength
from agents.services.sample_rows import SUMMED


def hourly_rows(rows: Iterable[Sample], *, hour: datetime) -> list[Sample]:
    """The hourly rows of one host; ``rows`` are in order of key, boot and start."""
    grouped = groupby(rows, key=lambda row: (row.key, row.boot))
    return [_fold(list(group), hour) for _, group in grouped]


def _fold(rows: list[Sample], hour: datetime) -> Sample:
    first = rows[0]
    return Sample(
        host_id=first.host_id,
        key=first.key,
        boot=first.boot,
        start_s=first.start_s,
        length=SampleLength.HOUR,
        at=hour,
        span_s=sum(row.span_s for row in rows),
        counters=_counters(rows),
        gauges=_gauges(rows),
        filesystems=rows[-1].filesystems,
        marks=sorted({mark for row in rows for mark in row.marks})[:16],
        **{column: sum(getattr(row, column) for row in rows) for column in SUMMED.values()},
    )


def _counters(rows: list[Sample]) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for row in rows:
        for name, ends in row.counters.items():
            found[name] = [found.get(name, ends)[0], ends[-1]]
    return found


def _gauges(rows: list[Sample]) -> dict[str, list[float]]:
    found: dict[str, list[list[float]]] = {}
    for row in rows:
        for name, three in row.gauges.items():
            found.setdefault(name, []).append(three)
    return {
        name: [
            min(three[0] for three in many),
            median(three[len(three) // 2] for three in many),
            max(three[-1] for three in many),
        ]
        for name, many in found.items()
    }
