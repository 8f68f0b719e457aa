"""What a caller hands over to have a report built: plain values, in any order, as it has them."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, kw_only=True)
class ControlInput:
    """What the report says about itself. Times are aware; they are printed in UTC."""

    number: str
    title: str
    organisation: str
    author: str
    generated_at: datetime
    scope: str
    version: str = "1.0"
    classification: str = "Confidential"
    distribution: str = ""
    approver: str = ""
    period_from: datetime | None = None
    period_to: datetime | None = None
    catalogue_digest: str = ""
    facts_digest: str = ""
    scoring_mode: str = "standard"


@dataclass(frozen=True, kw_only=True)
class HostInput:
    """One host in scope. `key` links findings to it and defaults to the name."""

    name: str
    key: str = ""
    operating_system: str = ""
    kernel: str = ""
    containers: int = 0
    agent_privilege: str = ""
    last_seen: datetime | None = None
    oldest_fact_at: datetime | None = None
    unknown_count: int = 0


@dataclass(frozen=True, kw_only=True)
class EvidenceInput:
    """One observation: the path of the fact, what was there, what should be."""

    path: str
    observed: str
    expected: str = ""


@dataclass(frozen=True, kw_only=True)
class StepInput:
    """One move of likelihood or impact: which, by how much, because of what."""

    quantity: str
    change: int
    because: str


@dataclass(frozen=True, kw_only=True)
class RemediationInput:
    """What to do; `runtime` is "general", "docker", "sysctl" and so on."""

    runtime: str
    text: str


@dataclass(frozen=True, kw_only=True)
class ReferenceInput:
    """One source: the standard's name and the items of it; or a link."""

    source: str
    items: tuple[str, ...] = ()
    url: str = ""


@dataclass(frozen=True, kw_only=True)
class FindingInput:
    """One failing check on one target. An empty `id` is numbered by the report."""

    check_id: str
    title: str
    level: int
    likelihood: int
    impact: int
    host: str
    target_kind: str
    target_name: str
    area: str
    layer: str
    mechanism: str
    why: str
    id: str = ""
    container_id: str = ""
    base_likelihood: int | None = None
    base_impact: int | None = None
    steps: tuple[StepInput, ...] = ()
    evidence: tuple[EvidenceInput, ...] = ()
    remediation: tuple[RemediationInput, ...] = ()
    references: tuple[ReferenceInput, ...] = ()
    first_seen: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class CheckTally:
    """How one check went over all its targets. `weight` is its base impact 1-5."""

    check_id: str
    title: str
    area: str
    layer: str
    mechanism: str
    weight: int
    topic: str = ""
    passed: int = 0
    failed: int = 0
    unknown: int = 0
    not_applicable: int = 0
    oldest_fact_at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class NotAssessedInput:
    """One check that could not be decided on one target, and what would decide it."""

    check_id: str
    target: str
    reason: str
    needs: str = ""
