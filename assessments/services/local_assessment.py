"""Assessing this machine once: collect, judge, and hand back; no server, no database."""

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from agents.facts.collection import collection_root, containers_of, sections_of
from agents.facts.document import build_document
from agents.facts.samples import HostSamples
from agents.services.local_agent import program_build
from assessments.catalogue.loader import load_catalogue
from assessments.judging import judge_in_full
from assessments.judging.engines import engine_for
from assessments.reports.dataset import ReportDataset
from assessments.reports.inputs import ControlInput
from assessments.reports.judged import JudgedHost, dataset_of
from workbench.core.errors import DomainError

COLLECT_TIMEOUT_SECONDS = 120


class CollectionFailed(DomainError):
    """The agent program did not give facts."""


@dataclass(frozen=True)
class LocalAssessment:
    """This machine, judged now."""

    host: JudgedHost
    now: datetime

    def dataset(self) -> ReportDataset:
        """What the report is made from."""
        judgement = self.host.judgement
        control = ControlInput(
            number=f"L-{self.now:%Y%m%d-%H%M%S}",
            title="Risk assessment of the layer below containers",
            organisation=self.host.name,
            author="manage.py assess",
            generated_at=self.now,
            scope=f"The host {self.host.name} and its running containers, assessed once.",
            catalogue_digest=judgement.catalogue_digest,
            facts_digest=judgement.facts_digest,
        )
        return dataset_of(control, [self.host], catalogue=load_catalogue())


def assess_here(*, root: str, now: datetime) -> LocalAssessment:
    """Collect below ``root`` with the agent program and judge.

    Raises:
        CollectionFailed: when the program fails or takes longer than two minutes.
    """
    with ThreadPoolExecutor(max_workers=1) as aside:
        collecting = aside.submit(collected, root)
        # Half a second of reading and compiling checks, while the agent reads the machine.
        catalogue = load_catalogue()
        engine_for(catalogue)
        collection = collecting.result()
    document = build_document(
        sections=sections_of(collection),
        containers=containers_of(collection),
        policy=catalogue.policy,
        now=now,
        collected_at=now,
        samples=HostSamples(reason="looked at once; what is consumed needs an agent that runs"),
    )
    judgement = judge_in_full(document, catalogue, facts_digest=collection_root(collection))
    name = document.get("host", {}).get("name") or "this host"
    host = JudgedHost(
        key="local", name=name, document=document, judgement=judgement, collected_at=now
    )
    return LocalAssessment(host, now)


def collected(root: str) -> dict[str, Any]:
    """What the agent program prints; it runs apart, as on every other host."""
    command = [sys.executable, str(program_build()), "collect", "--json", "--root", root]
    try:
        done = subprocess.run(
            command, capture_output=True, timeout=COLLECT_TIMEOUT_SECONDS, check=True
        )
    except subprocess.TimeoutExpired:
        message = f"collecting took longer than {COLLECT_TIMEOUT_SECONDS} seconds"
        raise CollectionFailed(message) from None
    except subprocess.CalledProcessError as error:
        message = error.stderr.decode(errors="replace").strip() or "the agent program failed"
        raise CollectionFailed(message) from None
    found: dict[str, Any] = json.loads(done.stdout)
    return found
