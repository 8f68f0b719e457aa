"""Findings as rows: what a result that does not pass becomes in the table."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

from agents.models import Container, Host
from assessments.catalogue.loader import Catalogue
from assessments.engine.check import TargetKind
from assessments.judging import Result
from assessments.models import Finding

# Columns that a later judgement may change while the finding stays the same one.
CHANGING = (
    "status",
    "level",
    "likelihood",
    "impact",
    "steps",
    "evidence",
    "reason",
    "target_name",
    "area",
    "layer",
    "mechanism",
)
Key = tuple[str, str]


def key_of(result: Result) -> Key:
    """What makes two results the same finding on one host: check and target."""
    return result.check_id, f"{result.target.kind}:{result.target.key}"[:255]


def new_row(
    host: Host,
    result: Result,
    *,
    catalogue: Catalogue,
    containers: Mapping[str, Container],
    now: datetime,
) -> Finding:
    """An open finding, not yet stored."""
    check_id, target_key = key_of(result)
    is_container = result.target.kind is TargetKind.CONTAINER
    return Finding(
        workspace_id=host.workspace_id,
        host=host,
        container=containers.get(result.target.key) if is_container else None,
        check_id=check_id,
        target_kind=result.target.kind.value,
        target_key=target_key,
        first_seen=now,
        changed_at=now,
        **changing_values(host, result, catalogue=catalogue),
    )


def changing_values(host: Host, result: Result, *, catalogue: Catalogue) -> dict[str, Any]:
    """The values of the changing columns."""
    check = catalogue.checks[result.check_id]
    name = host.name if result.target.kind is TargetKind.HOST else result.target.name
    return {
        "status": result.status.value,
        "level": int(result.level or 0),
        "likelihood": int(result.likelihood),
        "impact": int(result.impact),
        "steps": [step_values(step) for step in result.steps],
        "evidence": [asdict(item) for item in result.evidence],
        "reason": result.reason[:1000],
        "target_name": name[:520],
        "area": check.area,
        "layer": check.layer,
        "mechanism": check.mechanism,
    }


def step_values(step: Any) -> dict[str, Any]:
    """One step of the scoring as plain JSON."""
    values = asdict(step)
    return {
        name: int(value) if isinstance(value, int) else str(value) for name, value in values.items()
    }
