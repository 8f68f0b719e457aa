"""Making and revoking the tokens with which hosts join a workspace."""

import hashlib
import secrets
from datetime import datetime, timedelta

from django.db import transaction

from agents.models import EnrolmentToken
from workbench.core import audit
from workbench.core.access.request import Caller
from workbench.core.errors import Conflict, Invalid

MAX_DAYS = 365
MAX_USES = 10_000


def token_make(
    caller: Caller, *, name: str, days: int, max_uses: int, mode: str, now: datetime
) -> tuple[EnrolmentToken, str]:
    """A new token and its text, shown once and stored as a hash.

    Raises:
        Invalid: for a lifetime or number of uses out of bounds.
    """
    if not 1 <= days <= MAX_DAYS:
        message = f"choose a lifetime of 1 to {MAX_DAYS} days"
        raise Invalid(message, fields={"days": message})
    if not 1 <= max_uses <= MAX_USES:
        message = f"choose 1 to {MAX_USES} hosts"
        raise Invalid(message, fields={"max_uses": message})
    secret = f"ue_{secrets.token_urlsafe(24)}"
    with transaction.atomic():
        token = EnrolmentToken.unscoped.create(
            workspace=caller.workspace,
            name=name or "Added in the browser",
            secret_hash=hash_of(secret),
            mode=mode,
            max_uses=max_uses,
            created_at=now,
            expires_at=now + timedelta(days=days),
            created_by=caller.user,
        )
        audit.record(
            caller.workspace,
            actor=caller.user.email,
            verb="enrolment_token.made",
            target=str(token.pk),
            now=now,
            after={"name": token.name, "days": days, "max_uses": max_uses, "mode": mode},
        )
    return token, secret


def token_revoke(caller: Caller, token: EnrolmentToken, *, now: datetime) -> None:
    """End the token at once; hosts that joined with it stay.

    Raises:
        Conflict: when it was revoked before.
    """
    with transaction.atomic():
        live = EnrolmentToken.objects.of(caller.workspace).filter(
            pk=token.pk, revoked_at__isnull=True
        )
        if not live.update(revoked_at=now):
            message = "this token was revoked before"
            raise Conflict(message)
        audit.record(
            caller.workspace,
            actor=caller.user.email,
            verb="enrolment_token.revoked",
            target=str(token.pk),
            now=now,
        )


def hash_of(secret: str) -> str:
    """How an enrolment token is stored."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
