"""Reports of a workspace, without their bytes: a list must not load megabytes."""

import uuid
from typing import Final

from django.core.paginator import Page, Paginator

from assessments.models import Report, ReportState
from workbench.core.models import ScopedQuerySet, Workspace

PAGE_ROWS: Final = 50


def reports_list(workspace: Workspace, *, page: int) -> Page[Report]:
    """One page, newest first. Two queries."""
    return Paginator(_light(workspace).order_by("-number"), PAGE_ROWS).get_page(page)


def report_of(workspace: Workspace, pk: uuid.UUID) -> Report | None:
    """One report without its bytes, or None. One query."""
    return _light(workspace).filter(pk=pk).first()


def report_with_pdf(workspace: Workspace, pk: uuid.UUID) -> Report | None:
    """A finished report with its PDF, or None. One query."""
    rows = Report.objects.of(workspace).filter(pk=pk, state=ReportState.READY)
    return rows.defer("dataset").first()


def _light(workspace: Workspace) -> ScopedQuerySet[Report]:
    return Report.objects.of(workspace).select_related("requested_by").defer("dataset", "pdf")
