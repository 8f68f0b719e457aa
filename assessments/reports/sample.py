"""A generated report, the same every time: to look at, to measure and to test with.

`python -m assessments.reports.sample [--findings N] [--hosts N] out.pdf`
"""

import argparse
import random
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from assessments.reports.build import build_dataset
from assessments.reports.dataset import ReportDataset
from assessments.reports.inputs import (
    CheckTally,
    ControlInput,
    EvidenceInput,
    FindingInput,
    HostInput,
    NotAssessedInput,
    ReferenceInput,
    RemediationInput,
    StepInput,
)
from assessments.reports.render import render_pdf
from assessments.reports.sample_checks import SampleCheck, sample_checks
from assessments.scoring.levels import Level
from assessments.scoring.nist import risk_level

_NOW: Final = datetime(2026, 11, 23, 16, 4, tzinfo=UTC)
_ROLES: Final = ("edge", "build", "pay", "web", "db", "batch")
_SERVICES: Final = ("ci-runner", "pay-api", "web", "redis", "postgres", "report-worker", "proxy")
_REASONS: Final = (
    ("EACCES", "CAP_SYS_PTRACE for links of other users' processes"),
    ("no runtime API", "the agent in the group of the runtime socket"),
    ("needs 7 days of samples", ""),
    ("not answered", "an answer to the question about labels"),
)
_STEPS: Final = (
    StepInput(quantity="likelihood", change=1, because="reachable from outside the host"),
    StepInput(quantity="likelihood", change=-1, because="own user namespace: root is nobody"),
    StepInput(quantity="impact", change=1, because="the host is marked as critical"),
)


def sample_dataset(*, findings: int = 60, hosts: int = 8) -> ReportDataset:
    """A dataset with that many findings on that many hosts; equal arguments, equal data."""
    chance = random.Random(f"{findings}/{hosts}")  # noqa: S311  sample data, not a secret
    host_inputs = [_host(place, chance) for place in range(hosts)]
    finding_inputs = [_finding(chance, host_inputs) for _ in range(findings if hosts else 0)]
    return build_dataset(
        _control(hosts),
        hosts=host_inputs,
        findings=finding_inputs,
        tallies=_tallies(finding_inputs, hosts, chance) if hosts else (),
        not_assessed=_gaps(host_inputs, chance),
    )


def _control(hosts: int) -> ControlInput:
    return ControlInput(
        number="UP-2026-0117",
        title="Risk assessment of the container platform",
        organisation="Example Retail AG",
        author="Ada Analyst",
        distribution="Platform security, platform engineering, internal audit",
        generated_at=_NOW,
        period_from=_NOW - timedelta(days=30),
        period_to=_NOW,
        scope=f"Production platform, {hosts} hosts, the layer below their containers",
        catalogue_digest="9f0a" * 16,
        facts_digest="41d7" * 16,
    )


def _host(place: int, chance: random.Random) -> HostInput:
    role = _ROLES[place % len(_ROLES)]
    return HostInput(
        name=f"{role}-{place // len(_ROLES) + 1:02}.prod.example.net",
        key=str(place),
        operating_system=chance.choice(["Debian GNU/Linux 12", "Ubuntu 24.04.1 LTS"]),
        kernel=chance.choice(["6.1.0-28-amd64", "6.8.0-49-generic"]),
        containers=chance.randint(2, 31),
        agent_privilege=chance.choice(["root", "root", "root", "no CAP_SYS_PTRACE"]),
        last_seen=_NOW - timedelta(seconds=chance.randint(5, 900)),
        oldest_fact_at=_NOW - timedelta(minutes=chance.randint(5, 300)),
        unknown_count=chance.choice([0, 0, 0, 3, 11]),
    )


def _finding(chance: random.Random, hosts: Sequence[HostInput]) -> FindingInput:
    check = chance.choice(sample_checks())
    host = chance.choice(hosts)
    container = f"{chance.randrange(16**12):012x}" if check.target_kind == "container" else ""
    steps = tuple(step for step in _STEPS if chance.random() < 0.3)
    likelihood = _moved(check.likelihood, steps, "likelihood")
    impact = _moved(check.impact, steps, "impact")
    return FindingInput(
        check_id=check.id,
        title=check.title,
        level=int(risk_level(Level(likelihood), impact=Level(impact))),
        likelihood=likelihood,
        impact=impact,
        base_likelihood=check.likelihood,
        base_impact=check.impact,
        steps=steps,
        host=host.key,
        target_kind=check.target_kind,
        target_name=chance.choice(_SERVICES) if container else host.name,
        container_id=container,
        area=check.area,
        layer=check.layer,
        mechanism=check.mechanism,
        why=check.why,
        evidence=(
            EvidenceInput(path=check.path, observed=check.observed, expected=check.expected),
        ),
        remediation=tuple(RemediationInput(runtime=r, text=t) for r, t in check.remediation),
        references=tuple(ReferenceInput(source=s, items=tuple(i)) for s, i in check.references),
        first_seen=_NOW - timedelta(days=chance.choice([1, 3, 12, 40])),
    )


def _moved(base: int, steps: Sequence[StepInput], quantity: str) -> int:
    return min(5, max(1, base + sum(step.change for step in steps if step.quantity == quantity)))


def _tallies(
    findings: Sequence[FindingInput], hosts: int, chance: random.Random
) -> list[CheckTally]:
    return [
        CheckTally(
            check_id=check.id,
            title=check.title,
            area=check.area,
            layer=check.layer,
            mechanism=check.mechanism,
            weight=check.impact,
            passed=hosts * chance.randint(1, 12),
            failed=sum(1 for finding in findings if finding.check_id == check.id),
            unknown=chance.choice([0, 0, 0, 2]),
            oldest_fact_at=_NOW - timedelta(minutes=chance.randint(5, 300)),
        )
        for check in sample_checks()
    ]


def _gaps(hosts: Sequence[HostInput], chance: random.Random) -> list[NotAssessedInput]:
    gaps = []
    for host in hosts:
        for _ in range(host.unknown_count):
            reason, needs = chance.choice(_REASONS)
            check: SampleCheck = chance.choice(sample_checks())
            gaps.append(
                NotAssessedInput(check_id=check.id, target=host.name, reason=reason, needs=needs)
            )
    return gaps


def main(arguments: Sequence[str]) -> int:
    """Writes the sample and says what it took."""
    parser = argparse.ArgumentParser(description="Render a generated sample report.")
    parser.add_argument("--findings", type=int, default=60)
    parser.add_argument("--hosts", type=int, default=8)
    parser.add_argument("out", type=Path)
    options = parser.parse_args(arguments)
    dataset = sample_dataset(findings=options.findings, hosts=options.hosts)
    started = time.monotonic()
    document = render_pdf(dataset)
    options.out.write_bytes(document)
    took = time.monotonic() - started
    sys.stdout.write(f"{options.out}: {len(document):,} bytes in {took:.2f} s\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
