"""Pages of the core: one-time sign-in, choice of workspace, health, CSP reports."""

import logging
import uuid

from django.contrib.auth import login
from django.db import connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from workbench.core.access.middleware import WORKSPACE_KEY
from workbench.core.accounts import one_time
from workbench.core.models import Membership

logger = logging.getLogger(__name__)
MAX_CSP_REPORT_BYTES = 8_192


@require_http_methods(["GET", "POST"])
def one_time_login(request: HttpRequest, secret: str) -> HttpResponse:
    """Sign in by a link. GET only shows a button: link previews must not use the link up."""
    now = timezone.now()
    if request.method == "GET":
        usable = one_time.is_usable(secret, now=now)
        status = 200 if usable else 410
        return render(request, "account/one_time_login.html", {"usable": usable}, status=status)
    user = one_time.use(secret, now=now)
    if user is None:
        return render(request, "account/one_time_login.html", {"usable": False}, status=410)
    login(request, user, backend="allauth.account.auth_backends.AuthenticationBackend")
    return redirect("overview")


@require_POST
def choose_workspace(request: HttpRequest) -> HttpResponse:
    """Make another of the person's workspaces the current one."""
    chosen = request.POST.get("workspace", "")
    mine = {str(pk) for pk in _own_workspaces(request)}
    if chosen not in mine:
        return render(request, "404.html", status=404)
    request.session[WORKSPACE_KEY] = chosen
    return redirect("overview")


def _own_workspaces(request: HttpRequest) -> list[uuid.UUID]:
    memberships = Membership.objects.filter(user_id=request.user.pk or 0)
    return list(memberships.values_list("workspace_id", flat=True))


@require_GET
def health(_request: HttpRequest) -> HttpResponse:
    """200 when the database answers; for proxies and compose."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return JsonResponse({"status": "ok"})


@csrf_exempt
@require_POST
def csp_report(request: HttpRequest) -> HttpResponse:
    """Take a browser's report of a blocked resource into the log."""
    report = request.read(MAX_CSP_REPORT_BYTES).decode("utf-8", "replace")
    logger.warning("content security policy report: %s", report)
    return HttpResponse(status=204)
