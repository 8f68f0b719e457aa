"""The pages of hosts, containers and findings: each reads the address, selects and renders."""

import uuid
from typing import Any

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_GET

from agents.models import Criticality
from agents.selectors.events import host_events
from agents.web.address import server_address
from assessments.figures.names import AREAS, LAYERS, LEVELS_WORST_FIRST, MECHANISMS, level_word
from assessments.selectors.container_page import container_page
from assessments.selectors.containers import containers_list
from assessments.selectors.finding_page import finding_page
from assessments.selectors.findings import findings_list
from assessments.selectors.host_page import host_page
from assessments.selectors.hosts import hosts_list
from assessments.selectors.overview import overview_of
from assessments.web.filters import (
    container_filters,
    finding_filters,
    host_filters,
    page_number,
)
from assessments.web.host_actions import rights_of
from workbench.core.access.request import MemberRequest
from workbench.core.models import Role

LEVELS = [(level, level_word(level)) for level in LEVELS_WORST_FIRST]


@require_GET
def overview(request: MemberRequest) -> HttpResponse:
    """What is worst now."""
    found = overview_of(request.caller.workspace, now=timezone.now())
    return render(request, "overview.html", {"overview": found, "strata": found.strata})


@require_GET
def hosts(request: MemberRequest) -> HttpResponse:
    """All hosts of the workspace."""
    filters = host_filters(request.GET)
    found = hosts_list(
        request.caller.workspace, filters, now=timezone.now(), page=page_number(request.GET)
    )
    context = {
        "rows": found.rows,
        "page": found.page,
        "filters": filters,
        "levels": LEVELS,
        "list": found,
        "criticalities": Criticality.choices,
        "rights": rights_of(request.caller),
    }
    return render(request, "hosts.html", context)


@require_GET
def host(request: MemberRequest, pk: uuid.UUID) -> HttpResponse:
    """One host."""
    found = host_page(request.caller.workspace, pk, now=timezone.now())
    if found is None:
        raise Http404
    role, page = Role(request.caller.membership.role), page_number(request.GET)
    events = host_events(found.host, role=role, page=page, now=timezone.now())
    context = {
        "page": found,
        "host": found.host,
        "strata": found.strata,
        "criticalities": Criticality.choices,
        "rights": rights_of(request.caller),
        "server": server_address(request),
        "events": events,
    }
    return render(request, "host.html", context)


@require_GET
def containers(request: MemberRequest) -> HttpResponse:
    """All containers that are there now."""
    filters = container_filters(request.GET)
    rows, page, on_host = containers_list(
        request.caller.workspace, filters, page=page_number(request.GET)
    )
    context = {"rows": rows, "page": page, "filters": filters, "levels": LEVELS, "host": on_host}
    return render(request, "containers.html", context)


@require_GET
def container(request: MemberRequest, pk: uuid.UUID) -> HttpResponse:
    """One container."""
    found = container_page(request.caller.workspace, pk, now=timezone.now())
    if found is None:
        raise Http404
    return render(request, "container.html", {"page": found, "container": found.container})


@require_GET
def findings(request: MemberRequest) -> HttpResponse:
    """Findings: failing, unknown, or closed by facts."""
    filters = finding_filters(request.GET)
    found = findings_list(request.caller.workspace, filters, page=page_number(request.GET))
    context: dict[str, Any] = {
        "list": found,
        "page": found.page,
        "filters": filters,
        "host": found.host,
        "levels": [(level, level_word(level), count) for level, count in found.levels],
        "areas": AREAS,
        "layers": {code: names[0] for code, names in LAYERS.items()},
        "mechanisms": MECHANISMS,
    }
    return render(request, "findings.html", context)


@require_GET
def finding(request: MemberRequest, pk: uuid.UUID) -> HttpResponse:
    """One finding."""
    found = finding_page(request.caller.workspace, pk)
    if found is None:
        raise Http404
    return render(request, "finding.html", {"page": found, "finding": found.finding})
