"""The report dataset: everything that the report says, as frozen, JSON-plain values.

The canonical bytes are what the digest covers and what is attached to the PDF, so that a reader
can check the printed page against the data it was made from.
"""

import hashlib
import json
import re
from dataclasses import dataclass
from typing import Final

SCHEMA: Final = "underpin/report/1"

_SURROGATES: Final = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True)
class Control:
    number: str
    version: str
    title: str
    organisation: str
    classification: str
    distribution: str
    author: str
    approver: str
    generated_at: str
    period_from: str
    period_to: str
    scope: str
    catalogue_digest: str
    facts_digest: str


@dataclass(frozen=True)
class LevelCount:
    level: int
    word: str
    count: int


@dataclass(frozen=True)
class Posture:
    """Weights are sums of base impact; percents are rounded down, so 100 means every one."""

    code: str
    name: str
    passed: int
    failed: int
    unknown: int
    passed_weight: int
    failed_weight: int
    unknown_weight: int
    percent: int
    coverage_percent: int
    oldest_fact_at: str


@dataclass(frozen=True)
class Summary:
    headline: str
    explanation: str
    worst_level: int
    findings: int
    hosts: int
    hosts_with_findings: int
    containers: int
    undecided: int
    levels: tuple[LevelCount, ...]
    posture: Posture
    areas: tuple[Posture, ...]


@dataclass(frozen=True)
class Room:
    mechanism: str
    name: str
    level: int
    findings: int
    passed: int
    unknown: int


@dataclass(frozen=True)
class Stratum:
    layer: str
    name: str
    caption: str
    rooms: tuple[Room, ...]


@dataclass(frozen=True)
class MatrixCell:
    likelihood: int
    impact: int
    level: int
    count: int


@dataclass(frozen=True)
class HostRow:
    name: str
    operating_system: str
    kernel: str
    level: int
    levels: tuple[LevelCount, ...]
    findings: int
    containers: int
    agent_privilege: str
    last_seen: str
    oldest_fact_at: str
    unknown: int


@dataclass(frozen=True)
class Step:
    quantity: str
    change: int
    because: str


@dataclass(frozen=True)
class Evidence:
    path: str
    observed: str
    expected: str


@dataclass(frozen=True)
class Remediation:
    runtime: str
    text: str


@dataclass(frozen=True)
class Reference:
    source: str
    items: tuple[str, ...]
    url: str


@dataclass(frozen=True)
class Finding:
    id: str
    check_id: str
    title: str
    level: int
    likelihood: int
    impact: int
    base_likelihood: int
    base_impact: int
    steps: tuple[Step, ...]
    host: str
    target_kind: str
    target_name: str
    container_id: str
    area: str
    layer: str
    mechanism: str
    why: str
    evidence: tuple[Evidence, ...]
    remediation: tuple[Remediation, ...]
    references: tuple[Reference, ...]
    first_seen: str


@dataclass(frozen=True)
class NotAssessed:
    """One reason why something could not be decided, and how much it hides."""

    reason: str
    needs: str
    results: int
    checks: tuple[str, ...]
    targets: tuple[str, ...]


@dataclass(frozen=True)
class GoodTopic:
    """What passes in one mechanism: checks that hold on every target they were decided on."""

    area: str
    mechanism: str
    checks_holding: int
    checks_decided: int
    passed: int
    titles: tuple[str, ...]


@dataclass(frozen=True)
class ScoringTable:
    """Rows from the highest likelihood down, columns from the lowest impact up; levels 1-5."""

    code: str
    title: str
    rows_are: str
    columns_are: str
    levels: tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class Method:
    scoring_mode: str
    paragraphs: tuple[str, ...]
    tables: tuple[ScoringTable, ...]


@dataclass(frozen=True)
class ReportDataset:
    schema: str
    control: Control
    summary: Summary
    strata: tuple[Stratum, ...]
    matrix: tuple[MatrixCell, ...]
    hosts: tuple[HostRow, ...]
    findings: tuple[Finding, ...]
    not_assessed: tuple[NotAssessed, ...]
    good: tuple[GoodTopic, ...]
    method: Method
    limits: tuple[str, ...]

    def canonical_bytes(self) -> bytes:
        """The dataset as canonical JSON: sorted keys, no spaces, UTF-8.

        Lone surrogates, which UTF-8 cannot carry, become U+FFFD: names read from disk may hold
        them.
        """
        text = json.dumps(
            self, default=vars, sort_keys=True, separators=(",", ":"), ensure_ascii=False
        )
        return _SURROGATES.sub("\ufffd", text).encode()

    def digest(self) -> str:
        """SHA-256 of the canonical bytes, in hex."""
        return hashlib.sha256(self.canonical_bytes()).hexdigest()
