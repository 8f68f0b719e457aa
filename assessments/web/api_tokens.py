"""The page where a person makes and revokes their own API tokens."""

import uuid

from django import forms
from django.contrib import messages
from django.db import transaction
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from workbench.core import audit
from workbench.core.access import tokens
from workbench.core.access.request import MemberRequest
from workbench.core.models import ApiToken

MAX_DAYS = 365


class ApiTokenForm(forms.Form):
    """Name and lifetime."""

    name = forms.CharField(label="Name", max_length=80)
    days = forms.IntegerField(label="Valid for (days)", min_value=1, max_value=MAX_DAYS, initial=90)


@require_http_methods(["GET", "POST"])
def api_tokens(request: MemberRequest) -> HttpResponse:
    """The caller's tokens. POST makes one, whose text this one answer shows."""
    form = ApiTokenForm(request.POST if request.method == "POST" else None)
    secret = ""
    if request.method == "POST" and form.is_valid():
        secret = _make(request, name=form.cleaned_data["name"], days=form.cleaned_data["days"])
        form = ApiTokenForm()
    rows = ApiToken.objects.filter(workspace=request.caller.workspace, user=request.caller.user)
    context = {
        "form": form,
        "secret": secret,
        "tokens": rows.order_by("-created_at", "pk")[:100],
        "now": timezone.now(),
        "address": request.build_absolute_uri("/api/v1/"),
    }
    return render(request, "api_tokens.html", context, status=400 if form.errors else 200)


@require_POST
def revoke_api_token(request: MemberRequest, pk: uuid.UUID) -> HttpResponse:
    """End one of the caller's own tokens at once."""
    caller, now = request.caller, timezone.now()
    mine = ApiToken.objects.filter(workspace=caller.workspace, user=caller.user, pk=pk)
    if not mine.exists():
        raise Http404
    with transaction.atomic():
        if mine.filter(revoked_at__isnull=True).update(revoked_at=now):
            audit.record(
                caller.workspace,
                actor=caller.user.email,
                verb="api_token.revoked",
                target=str(pk),
                now=now,
            )
    messages.success(request, "The token does not work any more.")
    return redirect("api-tokens")


def _make(request: MemberRequest, *, name: str, days: int) -> str:
    caller, now = request.caller, timezone.now()
    with transaction.atomic():
        token, secret = tokens.make(caller.membership, name=name, now=now, days=days)
        audit.record(
            caller.workspace,
            actor=caller.user.email,
            verb="api_token.made",
            target=str(token.pk),
            now=now,
            after={"name": name, "days": days},
        )
    return secret
