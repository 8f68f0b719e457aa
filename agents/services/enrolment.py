"""Enrolling a host: idempotent for one nonce and key, never a take-over of a live record."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F

from agents.facts.containers import LABELS
from agents.models import Agent, EnrolmentToken, Host, HostLive, HostState
from agents.services.agent_tokens import read as read_token
from agents.services.agent_tokens import tag_for
from agents.services.clones import boots_reset, fork_settle
from agents.services.enrolment_tokens import admits, hash_of
from workbench.core import audit
from workbench.core.errors import Conflict, Forbidden, Unauthenticated

SILENT_AFTER = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Application:
    """What an agent says of itself when it enrols, and the address that it came from.

    ``proof`` is the data token of the key that it had before, where it still has it.
    """

    token: str
    nonce: str
    secret_hash: str
    name: str
    fingerprint: str
    labels: dict[str, str]
    agent_version: str
    address: str = ""
    proof: str = ""


@dataclass(frozen=True, slots=True)
class Enrolled:
    """The answer: the host's id, the tag for its token, and its state."""

    host: Host
    tag: str


def host_enrol(application: Application, *, now: datetime) -> Enrolled:
    """Add the host, or answer again what was answered before.

    A machine that is known already gets its record back when it shows the key it had, or when the
    record was silent for a day and the token admits hosts at once. With a token for approval it
    waits as a host of its own, and the record stays what it is.

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
        former = _former_host(application, token, now=now)
        owner = _owner(application, known, former, token, now=now)
        if owner is None:
            host = _join(application, token, claimed=known, now=now)
        else:
            host = _rejoin(owner, application, now=now)
        if former is not None and former != owner:
            fork_settle(former, reason="one of two machines enrolled anew", now=now)
        _give_key(host, application, token, claimed=known if owner is None else None, now=now)
        audit.record(
            token.workspace,
            actor=f"agent:{host.pk}",
            verb="host.re_enrolled" if owner else "host.enrolled",
            target=str(host.pk),
            now=now,
            after={
                "name": host.name,
                "state": host.state,
                "token": str(token.pk),
                "showed_former_key": former is not None and former == owner,
                "claims": str(known.pk) if known and owner is None else "",
            },
        )
        return Enrolled(host, tag_for(host.pk, application.secret_hash))


def _give_key(
    host: Host,
    application: Application,
    token: EnrolmentToken,
    *,
    claimed: Host | None,
    now: datetime,
) -> None:
    key = {
        "secret_hash": application.secret_hash,
        "previous_secret_hash": "",
        "next_secret_hash": "",
        "next_at": None,
        "rotated_at": now,
        "rotate_asked_at": None,
        "enrol_nonce": application.nonce,
        "enrolled_with": token,
        "revoked_at": None,
        "claims": claimed,
    }
    # One statement; update_or_create takes six, at every host of a first boot storm.
    Agent.objects.bulk_create(
        [Agent(host=host, **key)],
        update_conflicts=True,
        unique_fields=["host"],
        update_fields=list(key),
    )


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


def _former_host(application: Application, token: EnrolmentToken, *, now: datetime) -> Host | None:
    """The host of this workspace whose key the application shows; a proof in doubt is none."""
    if not application.proof:
        return None
    try:
        shown = read_token(f"Bearer {application.proof}")
    except Unauthenticated:
        return None
    agent = Agent.objects.filter(host_id=shown.host_id, revoked_at=None).first()
    # Of a key that is to be replaced the present one counts still: its successor may be lost.
    if agent is None or shown.secret_hash not in {agent.secret_hash, agent.next_secret_hash}:
        return None
    rows = Host.objects.of(token.workspace).select_for_update().filter(pk=agent.pk)
    return rows.exclude(state=HostState.RETIRED).first()


def _owner(
    application: Application,
    known: Host | None,
    former: Host | None,
    token: EnrolmentToken,
    *,
    now: datetime,
) -> Host | None:
    """The record that this machine gets back; None when it begins one of its own.

    Raises:
        Conflict: when the record is alive and the token lets nobody decide.
    """
    if former is not None and known in {None, former}:
        same = {former.fingerprint, application.fingerprint}
        if len(same) == 1 or "" in same:
            return former
    if known is None or token.mode == EnrolmentToken.Mode.APPROVE:
        return None
    live = HostLive.objects.filter(host=known).first()
    if live is None or now - live.last_seen >= SILENT_AFTER:
        return known
    message = "this machine is enrolled already; retire it first, or wait until it is silent"
    raise Conflict(message)


def _join(
    application: Application, token: EnrolmentToken, *, claimed: Host | None, now: datetime
) -> Host:
    approved = token.mode == EnrolmentToken.Mode.AUTO
    host = Host.unscoped.create(
        workspace=token.workspace,
        name=application.name,
        labels={**_own_labels(application), **token.labels},
        state=HostState.ACTIVE if approved else HostState.PENDING,
        fingerprint="" if claimed else application.fingerprint,
        agent_version=application.agent_version,
        enrolled_at=now,
    )
    HostLive.objects.create(host=host, last_seen=now)
    return host


def _own_labels(application: Application) -> dict[str, str]:
    """The labels that the host gave itself, without those that move its own findings."""
    return {name: value for name, value in application.labels.items() if name not in LABELS}


def _rejoin(host: Host, application: Application, *, now: datetime) -> Host:
    """The same machine with a new key; whoever else used the old one is out."""
    host.name, host.agent_version = application.name, application.agent_version
    host.fingerprint = host.fingerprint or application.fingerprint
    if host.state == HostState.FORKED:
        host.state = HostState.ACTIVE
    host.save(update_fields=["name", "agent_version", "fingerprint", "state"])
    boots_reset(host, now=now)
    return host
