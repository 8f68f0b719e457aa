"""Pages for adding hosts, and the download of the agent."""

import uuid
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from agents.models import EnrolmentToken
from agents.selectors.enrolment import arrivals, token_of, tokens_of, waiting
from agents.selectors.program import BUILD_COMMAND, NAME, program
from agents.services.enrolment_tokens import Scope, token_make, token_revoke
from agents.services.labels import labels_from
from agents.web.address import is_plain_http, server_address
from agents.web.forms import TokenForm
from workbench.core.access.request import Caller, MemberRequest
from workbench.core.errors import Conflict, Invalid, NotFound


@require_http_methods(["GET", "POST"])
def enrol(request: MemberRequest) -> HttpResponse:
    """How to add a host. POST makes a token, whose text this one answer shows."""
    form = TokenForm(request.POST if request.method == "POST" else None)
    made = _make(request.caller, form) if request.method == "POST" and form.is_valid() else None
    status = 400 if form.errors else 200
    server = server_address(request)
    context = {
        "form": TokenForm() if made else form,
        "token": made[0] if made else None,
        "secret": made[1] if made else "",
        "server": server,
        "is_plain_http": is_plain_http(server),
        **_around(request.caller),
    }
    return render(request, "enrol.html", context, status=status)


@require_GET
def enrol_arrivals(request: MemberRequest) -> HttpResponse:
    """The hosts that have just arrived, as a fragment that the page asks for again and again."""
    found = arrivals(request.caller.workspace, now=timezone.now())
    return render(request, "parts/arrivals.html", {"arrivals": found})


@require_POST
def revoke_enrolment_token(request: MemberRequest, pk: uuid.UUID) -> HttpResponse:
    """End a token, after asking once more; hosts that joined with it stay."""
    token = token_of(request.caller.workspace, pk)
    if token is None:
        raise Http404
    if not request.POST.get("confirmed") and token.revoked_at is None:
        return _ask(request, token)
    try:
        token_revoke(request.caller, pk, now=timezone.now())
        messages.success(request, f"“{token.name}” lets no more hosts in. Its hosts stay.")
    except NotFound:
        raise Http404 from None
    except Conflict as error:
        messages.warning(request, f"{error.message.capitalize()}.")
    return redirect("enrol")


@require_GET
def agent_download(request: HttpRequest) -> HttpResponse:
    """The agent's program; a page with the command that builds it when it is not there."""
    built = program()
    if built is None:
        return render(request, "agent_missing.html", {"command": BUILD_COMMAND}, status=404)
    response = HttpResponse(built.body, content_type="application/zip")
    response["Content-Disposition"] = f'attachment; filename="{NAME}"'
    response["X-Checksum-Sha256"] = built.sha256
    return response


@require_GET
def agent_daemonset(request: HttpRequest) -> HttpResponse:
    """The manifest that runs the agent on every node of a Kubernetes cluster, for this server."""
    server = server_address(request)
    context = {"server": server, "is_plain_http": is_plain_http(server), "program_name": NAME}
    return render(request, "agent_daemonset.txt", context, content_type="text/plain; charset=utf-8")


def _make(caller: Caller, form: TokenForm) -> tuple[EnrolmentToken, str] | None:
    """The token and its text; None with the reason in the form."""
    fields = dict(form.cleaned_data)
    try:
        scope = Scope(labels_from(fields.pop("labels")), fields.pop("networks"))
        return token_make(caller, scope=scope, now=timezone.now(), **fields)
    except Invalid as error:
        for name, words in (error.fields or {"name": error.message}).items():
            form.add_error(name, words)
        return None


def _ask(request: MemberRequest, token: EnrolmentToken) -> HttpResponse:
    context = {
        "question": f"Revoke “{token.name}”?",
        "consequences": [
            "No more hosts join with it, and there is no way back but to make another.",
            "Hosts that joined with it stay, and keep their own keys.",
        ],
        "button": "Revoke",
        "action": reverse("revoke-enrolment-token", args=[token.pk]),
        "hidden": [("confirmed", "yes")],
        "cancel": reverse("enrol"),
    }
    return render(request, "confirm.html", context)


def _around(caller: Caller) -> dict[str, Any]:
    now = timezone.now()
    return {
        "program": program(),
        "program_name": NAME,
        "build_command": BUILD_COMMAND,
        "tokens": tokens_of(caller.workspace, now=now),
        "arrivals": arrivals(caller.workspace, now=now),
        "pending": waiting(caller.workspace),
    }
