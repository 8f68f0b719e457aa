"""Pages of reports: ask for one, watch it grow, download it."""

import uuid

from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.http import content_disposition_header
from django.views.decorators.http import require_GET, require_http_methods

from assessments.models import Report, ReportState
from assessments.selectors.reports import report_of, report_with_pdf, reports_list
from assessments.services.reports import DEFAULT_TITLE, report_request
from assessments.web.filters import page_number
from workbench.core.access.request import MemberRequest
from workbench.core.access.table import allowed

MAX_TITLE = 200


@require_http_methods(["GET", "POST"])
def reports(request: MemberRequest) -> HttpResponse:
    """The reports of the workspace. POST asks for another."""
    if request.method == "POST":
        title = request.POST.get("title", "")[:MAX_TITLE]
        made = report_request(request.caller, title=title, now=timezone.now())
        return redirect("report", pk=made.pk)
    page = reports_list(request.caller.workspace, page=page_number(request.GET))
    may_ask = request.caller.membership.role in allowed("reports", method="POST")
    context = {"page": page, "may_ask": may_ask, "default_title": DEFAULT_TITLE}
    return render(request, "reports.html", context)


@require_GET
def report(request: MemberRequest, pk: uuid.UUID) -> HttpResponse:
    """One report and how far it is."""
    found = _found(report_of(request.caller.workspace, pk))
    is_done = found.state in {ReportState.READY, ReportState.FAILED}
    return render(request, "report.html", {"report": found, "is_done": is_done})


@require_GET
def report_pdf(request: MemberRequest, pk: uuid.UUID) -> HttpResponse:
    """The PDF as a file."""
    found = _found(report_with_pdf(request.caller.workspace, pk))
    response = HttpResponse(bytes(found.pdf), content_type="application/pdf")
    name = f"underpin-report-{found.number} {found.title[:80]}.pdf"
    header = content_disposition_header(as_attachment=True, filename=name)
    if header:
        response["Content-Disposition"] = header
    return response


def _found(report: Report | None) -> Report:
    if report is None:
        raise Http404
    return report
