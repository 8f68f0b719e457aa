"""Making and revoking the tokens with which hosts join a workspace, and whom a token lets in."""

import hashlib
import ipaddress
import secrets
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from django.db import transaction

from agents.models import EnrolmentToken
from agents.services.labels import checked_labels
from workbench.core import audit
from workbench.core.access.request import Caller
from workbench.core.errors import Conflict, Invalid, NotFound

MAX_DAYS: Final = 365
MAX_USES: Final = 10_000
MAX_NETWORKS: Final = 20


@dataclass(frozen=True, slots=True)
class Scope:
    """What a token gives its hosts, and where they must come from; empty networks: anywhere."""

    labels: Mapping[str, str] = field(default_factory=dict)
    networks: Sequence[str] = ()


def token_make(
    caller: Caller,
    *,
    name: str,
    days: int,
    max_uses: int,
    mode: str,
    now: datetime,
    scope: Scope | None = None,
) -> tuple[EnrolmentToken, str]:
    """A new token and its text, shown once and stored as a hash.

    Raises:
        Invalid: for a lifetime, number of uses, mode, label or network out of bounds.
    """
    _check(days=days, max_uses=max_uses, mode=mode)
    scope = scope or Scope()
    labels, networks = checked_labels(scope.labels), checked_networks(scope.networks)
    secret = f"ue_{secrets.token_urlsafe(24)}"
    with transaction.atomic():
        token = EnrolmentToken.unscoped.create(
            workspace=caller.workspace,
            name=name or "Added in the browser",
            secret_hash=hash_of(secret),
            labels=labels,
            networks=networks,
            mode=mode,
            max_uses=max_uses,
            created_at=now,
            expires_at=now + timedelta(days=days),
            created_by=caller.user,
        )
        _note(caller, token, "enrolment_token.made", now=now, days=days)
    return token, secret


def token_revoke(caller: Caller, pk: uuid.UUID, *, now: datetime) -> EnrolmentToken:
    """End the token at once; hosts that joined with it stay.

    Raises:
        NotFound: for a token that the workspace does not have.
        Conflict: when it was revoked before.
    """
    with transaction.atomic():
        token = EnrolmentToken.objects.of(caller.workspace).filter(pk=pk).first()
        if token is None:
            message = "no such token"
            raise NotFound(message)
        live = EnrolmentToken.unscoped.filter(pk=token.pk, revoked_at__isnull=True)
        if not live.update(revoked_at=now):
            message = "this token was revoked before"
            raise Conflict(message)
        audit.record(
            caller.workspace,
            actor=caller.user.email,
            verb="enrolment_token.revoked",
            target=str(token.pk),
            now=now,
            before={"name": token.name, "uses": token.uses},
        )
    return token


def checked_networks(texts: Iterable[str]) -> list[str]:
    """The networks in their plain form (``10.2.0.0/16``, ``2001:db8::/48``), each once.

    Raises:
        Invalid: for text that is no network, or for more than 20.
    """
    found: dict[str, None] = {}
    for text in texts:
        try:
            found[str(ipaddress.ip_network(text.strip(), strict=False))] = None
        except ValueError:
            message = f"“{text[:60]}” is no network such as 10.2.0.0/16"
            raise Invalid(message, fields={"networks": message}) from None
    if len(found) > MAX_NETWORKS:
        message = f"name at most {MAX_NETWORKS} networks"
        raise Invalid(message, fields={"networks": message})
    return list(found)


def admits(token: EnrolmentToken, address: str) -> bool:
    """True when a host at ``address`` may use the token; an address that is none may not."""
    if not token.networks:
        return True
    try:
        place = ipaddress.ip_address(address)
    except ValueError:
        return False
    # A dual-stack socket shows an IPv4 client as ::ffff:10.2.0.9.
    mapped = getattr(place, "ipv4_mapped", None) or place
    return any(mapped in ipaddress.ip_network(network) for network in token.networks)


def hash_of(secret: str) -> str:
    """How an enrolment token is stored."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def _check(*, days: int, max_uses: int, mode: str) -> None:
    bounds = {
        "days": (1 <= days <= MAX_DAYS, f"choose a lifetime of 1 to {MAX_DAYS} days"),
        "max_uses": (1 <= max_uses <= MAX_USES, f"choose 1 to {MAX_USES} hosts"),
        "mode": (mode in EnrolmentToken.Mode.values, "choose whether hosts wait for approval"),
    }
    for name, (holds, message) in bounds.items():
        if not holds:
            raise Invalid(message, fields={name: message})


def _note(caller: Caller, token: EnrolmentToken, verb: str, *, now: datetime, days: int) -> None:
    audit.record(
        caller.workspace,
        actor=caller.user.email,
        verb=verb,
        target=str(token.pk),
        now=now,
        after={
            "name": token.name,
            "days": days,
            "max_uses": token.max_uses,
            "mode": token.mode,
            "labels": token.labels,
            "networks": token.networks,
        },
    )
