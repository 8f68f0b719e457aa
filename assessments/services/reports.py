"""Reports: asked for in a request, rendered by a worker, stored with the dataset they came from."""

import hashlib
from collections.abc import Callable
from datetime import datetime

from django.db import transaction
from django.db.models import Max
from django.utils import timezone

from assessments.models import Report, ReportState
from assessments.reports.render import Progress, RenderError, render_pdf
from assessments.services.events import REPORT_REQUESTED
from assessments.services.report_dataset import dataset_for
from workbench.core import audit
from workbench.core.access.request import Caller
from workbench.core.models import Workspace
from workbench.core.work import items

DEFAULT_TITLE = "Risk assessment of the layer below containers"


def report_request(caller: Caller, *, title: str, now: datetime) -> Report:
    """A new report of the caller's workspace; a worker renders it soon."""
    with transaction.atomic():
        workspace = Workspace.objects.select_for_update().get(pk=caller.workspace.pk)
        last = Report.objects.of(workspace).aggregate(last=Max("number"))["last"] or 0
        report = Report.unscoped.create(
            workspace=workspace,
            number=last + 1,
            title=title.strip()[:200] or DEFAULT_TITLE,
            requested_by=caller.user,
            requested_at=now,
        )
        audit.record(
            workspace,
            actor=caller.user.email,
            verb="report.requested",
            target=str(report.pk),
            now=now,
            after={"number": report.number, "title": report.title},
        )
        items.want(REPORT_REQUESTED, str(report.pk), now=now)
    return report


def report_render(key: str) -> Callable[[], None] | None:
    """Render the report with id ``key``; what is returned stores it. A finished one stays."""
    rows = Report.unscoped.filter(pk=key)
    report = rows.select_related("workspace", "requested_by").first()
    if report is None or report.state in {ReportState.READY, ReportState.FAILED}:
        return None
    rows.update(state=ReportState.RENDERING, progress=1)
    dataset = dataset_for(report)

    def note(progress: Progress) -> None:
        rows.update(progress=min(99, max(1, progress.percent)))

    try:
        pdf = render_pdf(dataset, on_progress=note)
    except RenderError as error:
        message = str(error)[:500]
        return lambda: _store(report, state=ReportState.FAILED, error=message)
    frozen = dataset.canonical_bytes()
    return lambda: _store(
        report,
        state=ReportState.READY,
        progress=100,
        ready_at=timezone.now(),
        dataset=frozen,
        dataset_digest=hashlib.sha256(frozen).hexdigest(),
        pdf=pdf,
        pdf_digest=hashlib.sha256(pdf).hexdigest(),
    )


def _store(report: Report, **columns: object) -> None:
    Report.unscoped.filter(pk=report.pk).update(**columns)
