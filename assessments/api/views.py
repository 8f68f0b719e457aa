"""The REST API: read containers, findings, checks and reports; ask for a report."""

from typing import Any, cast

from django.db.models import Q, QuerySet
from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import generics
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from agents.models import Container, HostState
from assessments.api import filters
from assessments.api.serializers import (
    CheckSerializer,
    ContainerSerializer,
    FindingSerializer,
    ReportRequestSerializer,
    ReportSerializer,
)
from assessments.catalogue.loader import load_catalogue
from assessments.models import Finding, Report, ReportState
from assessments.selectors.present import findings_present
from assessments.services.reports import report_request
from workbench.core.access.request import Caller
from workbench.core.models import Workspace


def caller_of(request: Request) -> Caller:
    """The caller found by the access middleware."""
    return cast("Caller", request.auth)


def workspace_of(request: Request) -> Workspace:
    """The workspace whose rows may be shown."""
    return caller_of(request).workspace


def query(name: str, description: str) -> OpenApiParameter:
    """A text parameter of a list, for the OpenAPI document."""
    return OpenApiParameter(name, OpenApiTypes.STR, description=description)


@extend_schema(parameters=[query("q", "Part of the name."), query("host", "Id of a host.")])
class ContainerList(generics.ListAPIView[Container]):
    """The containers that are there now, by name."""

    serializer_class = ContainerSerializer
    queryset = Container.unscoped.none()

    def get_queryset(self) -> QuerySet[Container]:
        """Filtered by name and host."""
        rows = Container.objects.of(workspace_of(self.request)).filter(gone_at=None)
        if host := filters.identifier(self.request, "host"):
            rows = rows.filter(host_id=host)
        else:
            rows = rows.exclude(host__state=HostState.RETIRED)
        if words := filters.text(self.request, "q"):
            rows = rows.filter(name__icontains=words)
        return rows.order_by("name", "pk")


class ContainerDetail(generics.RetrieveAPIView[Container]):
    """One container, also after it is gone."""

    serializer_class = ContainerSerializer
    queryset = Container.unscoped.none()

    def get_queryset(self) -> QuerySet[Container]:
        """The containers of the workspace."""
        return Container.objects.of(workspace_of(self.request))


@extend_schema(
    parameters=[
        query("status", "fail or unknown."),
        query("state", "open (default) or closed."),
        query("check", "Id of a check."),
        query("host", "Id of a host."),
        query("container", "Id of a container."),
        query("area", "Area of the check."),
        OpenApiParameter("min_level", OpenApiTypes.INT, description="1 to 5."),
    ]
)
class FindingList(generics.ListAPIView[Finding]):
    """Findings, worst first."""

    serializer_class = FindingSerializer
    queryset = Finding.unscoped.none()

    def get_queryset(self) -> QuerySet[Finding]:
        """Filtered by the query parameters."""
        state = filters.choice(self.request, "state", ["open", "closed"]) or "open"
        exact = {
            "status": filters.choice(self.request, "status", Finding.Status.values),
            "check_id": filters.text(self.request, "check"),
            "area": filters.text(self.request, "area"),
            "host_id": filters.identifier(self.request, "host"),
            "container_id": filters.identifier(self.request, "container"),
            "level__gte": filters.number(self.request, "min_level", low=1, high=5),
        }
        workspace = workspace_of(self.request)
        one_place = exact["host_id"] or exact["container_id"]
        rows = Finding.objects.of(workspace) if one_place else findings_present(workspace)
        rows = rows.filter(Q(closed_at__isnull=state == "open"))
        rows = rows.filter(**{name: value for name, value in exact.items() if value})
        return rows.order_by("-level", "-likelihood", "first_seen", "pk")


class FindingDetail(generics.RetrieveAPIView[Finding]):
    """One finding, also after it was closed."""

    serializer_class = FindingSerializer
    queryset = Finding.unscoped.none()

    def get_queryset(self) -> QuerySet[Finding]:
        """The findings of the workspace."""
        return Finding.objects.of(workspace_of(self.request))


class CheckList(APIView):
    """Every check of the catalogue."""

    @extend_schema(responses=CheckSerializer(many=True), operation_id="checks_list")
    def get(self, _request: Request) -> Response:
        """All checks by id."""
        checks = load_catalogue().checks
        return Response(CheckSerializer([checks[name] for name in sorted(checks)], many=True).data)


class CheckDetail(APIView):
    """One check of the catalogue."""

    @extend_schema(responses=CheckSerializer, operation_id="checks_retrieve")
    def get(self, _request: Request, check_id: str) -> Response:
        """The check by its id."""
        check = load_catalogue().checks.get(check_id)
        if check is None:
            msg = "no such check"
            raise NotFound(msg)
        return Response(CheckSerializer(check).data)


class ReportList(generics.ListAPIView[Report]):
    """Reports, newest first; POST asks for one."""

    serializer_class = ReportSerializer
    queryset = Report.unscoped.none()

    def get_queryset(self) -> QuerySet[Report]:
        """The reports of the workspace, without their bytes."""
        rows = Report.objects.of(workspace_of(self.request)).defer("dataset", "pdf")
        return rows.order_by("-number")

    @extend_schema(request=ReportRequestSerializer, responses={202: ReportSerializer})
    def post(self, request: Request) -> Response:
        """Ask for a report of the workspace as it stands; follow its ``state`` and ``progress``."""
        body = ReportRequestSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        fields = cast("dict[str, Any]", body.validated_data)
        report = report_request(caller_of(request), title=fields["title"], now=timezone.now())
        return Response(ReportSerializer(report).data, status=202)


class ReportDetail(generics.RetrieveAPIView[Report]):
    """One report and how far it is."""

    serializer_class = ReportSerializer
    queryset = Report.unscoped.none()

    def get_queryset(self) -> QuerySet[Report]:
        """The reports of the workspace, without their bytes."""
        return Report.objects.of(workspace_of(self.request)).defer("dataset", "pdf")


class ReportPdf(APIView):
    """The PDF of one report."""

    @extend_schema(
        responses={(200, "application/pdf"): OpenApiResponse(OpenApiTypes.BINARY)},
        operation_id="reports_pdf",
    )
    def get(self, request: Request, pk: str) -> HttpResponse:
        """The file as an attachment; 404 until it is ready."""
        rows = Report.objects.of(workspace_of(request)).filter(state=ReportState.READY)
        report = get_object_or_404(rows, pk=pk)
        response = HttpResponse(bytes(report.pdf), content_type="application/pdf")
        name = f"underpin-report-{report.number}.pdf"
        response["Content-Disposition"] = f'attachment; filename="{name}"'
        return response
