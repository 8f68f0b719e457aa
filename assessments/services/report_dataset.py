"""The dataset of a report: every active host's newest facts, judged once more, passes included."""

import hashlib
from datetime import datetime

from agents.models import Host, HostState
from agents.selectors.facts import facts_of
from assessments.catalogue.loader import Catalogue, load_catalogue
from assessments.judging import judge
from assessments.models import Finding, Report
from assessments.reports.dataset import ReportDataset
from assessments.reports.inputs import ControlInput
from assessments.reports.judged import JudgedHost, dataset_of


def dataset_for(report: Report) -> ReportDataset:
    """The dataset of the workspace as it stands; times in it are those of the request."""
    catalogue = load_catalogue()
    rows = Host.objects.of(report.workspace).filter(state=HostState.ACTIVE).select_related("live")
    found = (judged_host(host, catalogue, now=report.requested_at) for host in rows.order_by("pk"))
    hosts = [host for host in found if host is not None]
    roots = "\n".join(f"{host.key} {host.judgement.facts_digest}" for host in hosts)
    author = report.requested_by.email if report.requested_by else "a former member"
    control = ControlInput(
        number=f"R-{report.requested_at:%Y}-{report.number:04d}",
        title=report.title,
        organisation=report.workspace.name,
        author=author,
        generated_at=report.requested_at,
        scope=scope_sentence(reporting=len(hosts), enrolled=rows.count()),
        catalogue_digest=catalogue.digest,
        facts_digest=hashlib.sha256(roots.encode()).hexdigest(),
    )
    return dataset_of(control, hosts, catalogue=catalogue)


def judged_host(host: Host, catalogue: Catalogue, *, now: datetime) -> JudgedHost | None:
    """The host with its judgement, or None while it has not reported facts."""
    facts = facts_of(host.pk)
    if facts is None:
        return None
    document = facts.document(policy=catalogue.policy, now=now)
    judgement = judge(document, catalogue, facts_digest=facts.root, criticality=host.criticality)
    open_rows = Finding.unscoped.filter(host=host, closed_at=None)
    seen = open_rows.values_list("check_id", "target_key", "first_seen")
    live = getattr(host, "live", None)
    return JudgedHost(
        key=str(host.pk),
        name=host.name,
        document=document,
        judgement=judgement,
        collected_at=facts.collected_at,
        last_seen=live.last_seen if live else None,
        first_seen={(check, target): at for check, target, at in seen},
    )


def scope_sentence(*, reporting: int, enrolled: int) -> str:
    """Which hosts the report covers, in words."""
    if reporting == enrolled == 1:
        return "The one enrolled host and its running containers."
    if reporting == enrolled:
        return f"All {enrolled} enrolled hosts and their running containers."
    return f"{reporting} of {enrolled} enrolled hosts have reported facts and are covered."
