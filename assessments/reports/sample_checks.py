"""Forty checks of the catalogue, copied as they read once, so that a sample never changes."""

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

_FILE: Final = Path(__file__).with_name("sample_checks.json")


@dataclass(frozen=True, kw_only=True)
class SampleCheck:
    """What a sample finding needs to know of its check."""

    id: str
    title: str
    area: str
    layer: str
    mechanism: str
    target_kind: str
    likelihood: int
    impact: int
    why: str
    path: str
    observed: str
    expected: str
    remediation: list[tuple[str, str]]
    references: list[tuple[str, list[str]]]


@cache
def sample_checks() -> tuple[SampleCheck, ...]:
    """The checks in the order of the file."""
    return tuple(SampleCheck(**row) for row in json.loads(_FILE.read_text(encoding="utf-8")))
