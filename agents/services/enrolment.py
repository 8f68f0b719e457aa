"""Enrolling a host: idempotent for one nonce and key, never a take-over of a live record."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F

from agents.facts.containers import LABELS
from agents.models import Agent, EnrolmentToken, Host, HostLive, HostState
from agents.services.agent_tokens import tag_for
from agents.services.enrolment_tokens import admits, hash_of
from workbench.core import audit
from workbench.core.errors import Conflict, Forbidden

SILENT_AFTER = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Application:
    """What an agent says of itself when it enrols, and the address that it came from."""

    token: str
    nonce: str
    secret_hash: str
    name: str
    fingerprint: str
    labels: dict[str, str]
    agent_version: str
    address: str = ""


@dataclass(frozen=True, slots=True)
class Enrolled:
    """The answer: the host's id, the tag for its token, and its state."""

    host: Host
    tag: str


def host_enrol(application: Application, *, now: datetime) -> Enrolled:
    """Add the host, or answer again what was answered before.

    Raises:
        Forbidden: for a token that is unknown, expired, revoked or used up.
        Conflict: when the machine is enrolled already and its record is alive.
    """
    with transaction.atomic():
        token = _usable_token(application, now=now)
        before = _earlier(application, token)
        if before is not None:
            return Enrolled(before, tag_for(before.pk, application.secret_hash))
        _use_up(token, now=now)
        known = _known_machine(application, token)
        host = _rejoin(known, application, now=now) if known else _join(application, token, now=now)
        Agent.objects.update_or_create(
            host=host,
            defaults={
                "secret_hash": application.secret_hash,
                "previous_secret_hash": "",
                "enrol_nonce": application.nonce,
                "enrolled_with": token,
                "revoked_at": None,
            },
        )
        audit.record(
            token.workspace,
            actor=f"agent:{host.pk}",
            verb="host.re_enrolled" if known else "host.enrolled",
            target=str(host.pk),
            now=now,
            after={"name": host.name, "state": host.state, "token": str(token.pk)},
        )
        return Enrolled(host, tag_for(host.pk, application.secret_hash))


def _usable_token(application: Application, *, now: datetime) -> EnrolmentToken:
    token = (
        EnrolmentToken.unscoped.select_related("workspace")
        .filter(secret_hash=hash_of(application.token), revoked_at__isnull=True, expires_at__gt=now)
        .first()
    )
    if token is None:
        message = "this enrolment token is not known, has expired or was revoked"
        raise Forbidden(message)
    if not admits(token, application.address):
        message = "this enrolment token is not for hosts at this address"
        raise Forbidden(message)
    return token


def _earlier(application: Application, token: EnrolmentToken) -> Host | None:
    """The host that this very request made before (its reply was lost)."""
    agent = (
        Agent.objects.select_related("host")
        .filter(enrol_nonce=application.nonce, secret_hash=application.secret_hash)
        .filter(host__workspace=token.workspace, revoked_at__isnull=True)
        .first()
    )
    return agent.host if agent else None


def _use_up(token: EnrolmentToken, *, now: datetime) -> None:
    free = EnrolmentToken.unscoped.filter(
        pk=token.pk, uses__lt=F("max_uses"), revoked_at__isnull=True, expires_at__gt=now
    )
    if not free.update(uses=F("uses") + 1):
        message = "this enrolment token is used up"
        raise Forbidden(message)


def _known_machine(application: Application, token: EnrolmentToken) -> Host | None:
    if not application.fingerprint:
        return None
    return (
        Host.objects.of(token.workspace)
        .select_for_update()
        .filter(fingerprint=application.fingerprint)
        .exclude(state=HostState.RETIRED)
        .first()
    )


def _join(application: Application, token: EnrolmentToken, *, now: datetime) -> Host:
    approved = token.mode == EnrolmentToken.Mode.AUTO
    host = Host.unscoped.create(
        workspace=token.workspace,
        name=application.name,
        labels={**_own_labels(application), **token.labels},
        state=HostState.ACTIVE if approved else HostState.PENDING,
        fingerprint=application.fingerprint,
        agent_version=application.agent_version,
        enrolled_at=now,
    )
    HostLive.objects.create(host=host, last_seen=now)
    return host


def _own_labels(application: Application) -> dict[str, str]:
    """The labels that the host gave itself, without those that move its own findings."""
    return {name: value for name, value in application.labels.items() if name not in LABELS}


def _rejoin(host: Host, application: Application, *, now: datetime) -> Host:
    """The same machine with a new key: only when the old key has been silent for a day."""
    live = HostLive.objects.filter(host=host).first()
    if live is not None and now - live.last_seen < SILENT_AFTER:
        message = "this machine is enrolled already; retire it first, or wait until it is silent"
        raise Conflict(message)
    host.name, host.agent_version = application.name, application.agent_version
    host.save(update_fields=["name", "agent_version"])
    return host
