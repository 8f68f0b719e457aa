"""Whether an agent's key holds, as the database says; keys that follow one another.

After ``/rotate`` two keys hold: the present one for a day at most, and the next one, whose first
use ends the present one at once.
"""

import hmac
import uuid
from datetime import datetime, timedelta
from typing import Final

from django.db import transaction
from django.db.models import OuterRef, Subquery

from agents.live.base import REVOKED, Known
from agents.live.store import live_store
from agents.models import Agent, AgentConfig, Host, HostState
from agents.services.agent_tokens import AgentToken, RevokedKey, unknown_token
from workbench.core import audit
from workbench.core.errors import Conflict, Forbidden, Gone

GRACE: Final = timedelta(hours=24)
ROTATE_EVERY: Final = timedelta(days=30)
# Hosts that joined together would all rotate in one minute.
SPREAD_SECONDS: Final = 12 * 3600


class Cloned(Conflict):
    """Two machines report under one identity; facts of neither are taken."""

    code = "clone"


class Pending(Forbidden):
    """The host waits for approval; its facts are not taken before."""

    code = "pending"


def cloned() -> Cloned:
    """The one answer to both machines."""
    return Cloned("two machines report under this identity; enrol one of them again")


def gone() -> Gone:
    """The answer to a retired host."""
    return Gone("this host was retired")


def authenticate(token: AgentToken, *, now: datetime) -> Agent:
    """The agent whose key the token shows, when its facts may be taken. One query.

    Raises:
        Unauthenticated: for an unknown or revoked key.
        Gone: when its host was retired.
        Cloned: when two machines use the key.
        Pending: while its host waits for approval.
    """
    agent = key_holder(token, now=now)
    check_state(agent.host)
    return agent


def check_state(host: Host) -> None:
    """Raises Gone, Cloned or Pending while the facts of the host are not taken."""
    if host.state == HostState.RETIRED:
        raise gone()
    if host.state == HostState.FORKED:
        raise cloned()
    if host.state == HostState.PENDING:
        message = "this host waits for approval"
        raise Pending(message)


def key_holder(token: AgentToken, *, now: datetime) -> Agent:
    """The agent whose key the token shows; its host may be forked or wait for approval. One query.

    Raises:
        Unauthenticated, Gone: as ``authenticate``.
    """
    agent = Agent.objects.select_related("host").filter(host_id=token.host_id).first()
    if agent is None or not holds(agent, token.secret_hash, now=now):
        raise unknown_token()
    if agent.revoked_at is not None:
        message = "this agent's key was revoked"
        raise RevokedKey(message)
    if agent.host.state == HostState.RETIRED:
        raise gone()
    if agent.secret_hash != token.secret_hash:
        key_promote(agent.host_id, token.secret_hash, now=now)
        agent.secret_hash, agent.next_secret_hash = token.secret_hash, ""
    return agent


def holds(agent: Agent, secret_hash: str, *, now: datetime) -> bool:
    """True for the present key within its time, and for the next one."""
    if hmac.compare_digest(agent.secret_hash, secret_hash):
        return agent.next_at is None or now <= agent.next_at + GRACE
    return hmac.compare_digest(agent.next_secret_hash, secret_hash)


def key_promote(host_id: uuid.UUID, secret_hash: str, *, now: datetime) -> None:
    """Make the next key the present one: it was used. A second call changes nothing."""
    with transaction.atomic():
        rows = Agent.objects.select_for_update(of=("self",)).select_related("host__workspace")
        agent = rows.filter(host_id=host_id, next_secret_hash=secret_hash).first()
        if agent is None:
            return
        agent.previous_secret_hash, agent.secret_hash = agent.secret_hash, secret_hash
        agent.next_secret_hash, agent.next_at = "", None
        agent.rotated_at, agent.rotate_asked_at = now, None
        agent.save(
            update_fields=[
                "previous_secret_hash",
                "secret_hash",
                "next_secret_hash",
                "next_at",
                "rotated_at",
                "rotate_asked_at",
            ]
        )
        audit.record(
            agent.host.workspace,
            actor=f"agent:{host_id}",
            verb="agent.key_rotated",
            target=str(host_id),
            now=now,
        )
        transaction.on_commit(lambda: live_store().forget(host_id))


def known_of(host_id: uuid.UUID) -> Known | None:
    """What the live store keeps of a host, or None for one that we never enrolled. One query."""
    etag = AgentConfig.objects.filter(workspace=OuterRef("host__workspace")).values("etag")[:1]
    rows = Agent.objects.select_related("host__live").annotate(config_etag=Subquery(etag))
    agent = rows.filter(host_id=host_id).first()
    if agent is None:
        return None
    host, live = agent.host, getattr(agent.host, "live", None)
    return Known(
        secret_hash=agent.secret_hash,
        state=REVOKED if agent.revoked_at is not None else host.state,
        root=host.facts_root,
        boot=live.boot if live else "",
        counter=live.counter if live else 0,
        previous_boot=live.previous_boot if live else "",
        previous_counter=live.previous_counter if live else 0,
        rival_boot=live.rival_boot if live else "",
        next_hash=agent.next_secret_hash,
        next_until=_seconds(agent.next_at + GRACE) if agent.next_at else 0,
        rotate_at=_seconds(rotation_due(agent)),
        config_etag=agent.config_etag or "",
    )


def rotation_due(agent: Agent) -> datetime:
    """When the agent is to make a new key: every 30 days, less up to 12 hours, or when asked."""
    if agent.rotate_asked_at is not None:
        return agent.rotate_asked_at
    since = agent.rotated_at or agent.host.enrolled_at
    return since + ROTATE_EVERY - timedelta(seconds=agent.host_id.int % SPREAD_SECONDS)


def _seconds(moment: datetime) -> int:
    return int(moment.timestamp())
