"""One finding with everything that is known about it."""

import uuid
from dataclasses import dataclass
from typing import Any, Final

from django.db.models import Count

from agents.models import Container
from assessments.engine.check import Check
from assessments.figures.names import area_name, layer_name, level_word, mechanism_name
from assessments.models import Finding
from assessments.selectors.findings import row_of
from assessments.selectors.matrix import Matrix, matrix_from
from assessments.selectors.present import open_findings
from assessments.selectors.sentences import CLAUSES
from workbench.core.models import Workspace

SOURCES: Final = {
    "nist_800_53": "NIST SP 800-53",
    "nist_800_190": "NIST SP 800-190",
    "cis_docker": "CIS Docker Benchmark",
    "iso_27001": "ISO/IEC 27001",
    "pci": "PCI DSS",
    "disa": "DISA STIG",
    "attack": "MITRE ATT&CK",
    "other": "Also",
}
RUNTIMES: Final = {
    "docker": "Docker",
    "podman": "Podman",
    "compose": "Compose",
    "kubernetes": "Kubernetes",
    "systemd": "systemd",
    "sysctl": "Kernel setting",
    "boot": "Boot parameter",
    "image": "Image",
    "hypervisor": "Hypervisor",
    "containerd": "containerd",
    "crio": "CRI-O",
}


@dataclass(frozen=True, slots=True)
class StepLine:
    """One reason for likelihood and impact; the moves are -4 to 4."""

    because: str
    state: str
    likelihood: int
    impact: int

    @property
    def sign(self) -> str:
        """How far the numbers moved together, with its sign; empty when they did not."""
        move = self.likelihood + self.impact
        return f"{move:+d}".replace("-", "\N{MINUS SIGN}") if move else "·"

    @property
    def words(self) -> str:
        """Which of the numbers moved."""
        if self.state == "not_known":
            return "not known, so nothing moved"
        moved = [name for name in ("likelihood", "impact") if getattr(self, name)]
        return " and ".join(moved) or "holds; already at the end of the scale"

    @property
    def holds(self) -> bool:
        """False when the reason was looked at and does not hold here."""
        return self.state != "not_applied"


@dataclass(frozen=True, slots=True)
class FindingPage:
    """One finding, its rule, the containers it stands on, and where else the rule is not met."""

    finding: Finding
    check: Check | None
    containers: tuple[Container, ...]
    elsewhere: int
    elsewhere_hosts: int
    matrix: Matrix

    @property
    def title(self) -> str:
        """The rule that is not met or not verified."""
        return self.check.title if self.check else self.finding.check_id

    @property
    def area(self) -> str:
        """The area in words."""
        return area_name(self.finding.area)

    @property
    def layer(self) -> str:
        """The layer in words."""
        return layer_name(self.finding.layer)

    @property
    def mechanism(self) -> str:
        """The mechanism in words."""
        return mechanism_name(self.finding.mechanism)

    @property
    def likelihood_word(self) -> str:
        """The likelihood in words."""
        return level_word(self.finding.likelihood)

    @property
    def impact_word(self) -> str:
        """The impact in words."""
        return level_word(self.finding.impact)

    @property
    def level_word(self) -> str:
        """The level of risk in words."""
        return level_word(self.finding.level)

    @property
    def heading(self) -> str:
        """What is wrong, in plain words where there are some."""
        if self.has_clause:
            clause = CLAUSES[self.finding.check_id]
            return clause[:1].upper() + clause[1:]
        is_fail = self.finding.status == Finding.Status.FAIL
        return f"Not {'met' if is_fail else 'verified'}: {self.title}"

    @property
    def has_clause(self) -> bool:
        """True when the heading says the failure in words of its own, and not the rule."""
        return self.finding.check_id in CLAUSES and self.finding.status == Finding.Status.FAIL

    @property
    def advice(self) -> str:
        """What to do, whatever the runtime."""
        return self.check.remediation.get("general", "") if self.check else ""

    @property
    def recipes(self) -> list[tuple[str, str]]:
        """What to do per runtime: its name and the setting or command."""
        given = self.check.remediation if self.check else {}
        return [(RUNTIMES.get(key, key), text) for key, text in given.items() if key != "general"]

    @property
    def references(self) -> list[tuple[str, tuple[str, ...]]]:
        """Where the rule comes from: the source's name and its items."""
        given = self.check.references if self.check else {}
        return [(SOURCES.get(key, key), items) for key, items in given.items()]

    @property
    def steps(self) -> list[StepLine]:
        """What moved, or could have moved, likelihood and impact."""
        return [_step(step) for step in self.finding.steps if isinstance(step, dict)]

    @property
    def held(self) -> list[StepLine]:
        """The steps that hold, or whose fact is not known."""
        return [step for step in self.steps if step.holds]

    @property
    def not_held(self) -> list[StepLine]:
        """The steps that were looked at and do not hold."""
        return [step for step in self.steps if not step.holds]

    @property
    def evidence(self) -> list[dict[str, Any]]:
        """What was observed, as far as it was stored in the known form."""
        return [item for item in self.finding.evidence if isinstance(item, dict)]


def finding_page(workspace: Workspace, pk: uuid.UUID) -> FindingPage | None:
    """One finding of the workspace, or None. Three queries."""
    rows = Finding.objects.of(workspace).select_related("host", "container", "workspace")
    finding = rows.filter(pk=pk).first()
    if finding is None:
        return None
    same = open_findings(workspace).filter(check_id=finding.check_id)
    others = same.filter(status=finding.status).exclude(pk=finding.pk)
    row = others.aggregate(count=Count("pk"), hosts=Count("host", distinct=True))
    return FindingPage(
        finding=finding,
        check=row_of(finding).check,
        containers=tuple(_containers(finding)),
        elsewhere=row["count"],
        elsewhere_hosts=row["hosts"],
        matrix=matrix_from({(finding.likelihood, finding.impact): 1}),
    )


def _step(step: dict[str, Any]) -> StepLine:
    moves = {
        name: step.get(f"{name}_after", 0) - step.get(f"{name}_before", 0)
        for name in ("likelihood", "impact")
    }
    return StepLine(because=step.get("because", ""), state=step.get("state", ""), **moves)


def keys_of(finding: Finding) -> list[str]:
    """The keys of the containers a finding stands on: one, two for a pair, or none."""
    if finding.target_kind not in {"container", "pair"}:
        return []
    return finding.target_key.removeprefix(f"{finding.target_kind}:").split("+")


def _containers(finding: Finding) -> list[Container]:
    rows = Container.objects.of(finding.workspace).filter(
        host_id=finding.host_id, key__in=keys_of(finding), gone_at__isnull=True
    )
    found = list(rows.order_by("name"))
    return found or ([finding.container] if finding.container else [])
