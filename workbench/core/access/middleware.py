"""Applies the permission table to every request before its view runs."""

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils import timezone

from workbench.core.access import tokens
from workbench.core.access.principals import Principal
from workbench.core.access.request import Caller
from workbench.core.access.table import allowed
from workbench.core.errors import DomainError, Forbidden, Unauthenticated
from workbench.core.models import Membership, User

WORKSPACE_KEY = "workspace"


class AccessMiddleware:
    """Finds the caller and refuses what the table does not allow."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Pass on; the decision needs the resolved route, so it is taken in ``process_view``."""
        return self.get_response(request)

    def process_view(
        self, request: HttpRequest, _view: Any, _args: Any, _kwargs: Any
    ) -> HttpResponse | None:
        """None lets the view run."""
        match = request.resolver_match
        route = match.view_name if match else ""
        who = allowed(route, method=request.method or "GET")
        if Principal.ANYONE in who:
            return None
        caller, is_person = self._caller(request)
        if not is_person:
            return refusal(request, Unauthenticated("sign in, or send an API token"))
        request.caller = caller  # type: ignore[attr-defined]
        if Principal.SIGNED_IN in who:
            return None
        if caller is None or Principal(caller.membership.role) not in who:
            message = "your role does not allow this"
            return refusal(request, Forbidden(message))
        return None

    def _caller(self, request: HttpRequest) -> tuple[Caller | None, bool]:
        header = request.headers.get("Authorization", "")
        if header and is_api(request):
            membership = tokens.membership_for(header, now=timezone.now())
            if membership is None:
                return None, False
            request.user = membership.user
            return Caller(membership.user, membership, by_token=True), True
        user = request.user
        if not isinstance(user, User) or not user.is_active:
            return None, False
        return person_in_workspace(request, user), True


def person_in_workspace(request: HttpRequest, user: User) -> Caller | None:
    """The person in the workspace chosen in this session, else in their first. One query."""
    rows = Membership.objects.select_related("workspace").filter(user=user).order_by("pk")
    mine = tuple(rows)
    chosen = request.session.get(WORKSPACE_KEY)
    current = next((row for row in mine if str(row.workspace_id) == chosen), None)
    if current is None and not mine:
        return None
    return Caller(user, current or mine[0], memberships=mine)


def is_api(request: HttpRequest) -> bool:
    """True for paths answered in JSON."""
    return request.path.startswith("/api/")


def refusal(request: HttpRequest, error: DomainError) -> HttpResponse:
    """The answer to a refused request, in the caller's form: JSON, sign-in page or error page."""
    if is_api(request):
        response = JsonResponse(error.as_body(), status=error.status)
        if error.status == Unauthenticated.status:
            response["WWW-Authenticate"] = "Bearer"
        return response
    if isinstance(error, Unauthenticated):
        return redirect_to_login(request.get_full_path(), settings.LOGIN_URL)
    return render(request, "403.html", {"message": error.message}, status=error.status)
