"""Answering heartbeats: from the live store, and from the database only when it does not know."""

from datetime import datetime

from agents.live.base import Beat, Known, Verdict
from agents.live.store import live_store
from agents.models import Agent, HostLive
from agents.services.agent_tokens import AgentToken, RevokedKey, unknown_token
from workbench.core.errors import Conflict, Gone

ROOT_PREFIX = 32


class Cloned(Conflict):
    """Two machines report under one identity; facts of neither are taken."""

    code = "clone"


def heartbeat_take(beat: Beat, *, now: datetime) -> bool:
    """Note that the host is alive; True when its index is wanted.

    Raises:
        Unauthenticated: the key does not hold any more.
        Conflict: two machines use one identity.
        Gone: the host was retired.
    """
    store = live_store()
    verdict = store.beat(beat, now=now)
    if verdict is Verdict.MISS:
        known = _look_up(AgentToken(beat.host_id, beat.secret_hash))
        store.put(beat.host_id, known)
        verdict = store.beat(beat, now=now)
        if verdict is Verdict.MISS:  # the store is away: the database alone answers
            return _beat_without_store(beat, known, now=now)
    if verdict is Verdict.REFUSED:
        raise unknown_token()
    if verdict is Verdict.CLONE:
        msg = "two machines report under this identity; enrol one of them again"
        raise Cloned(msg)
    if verdict is Verdict.GONE:
        msg = "this host was retired"
        raise Gone(msg)
    return verdict is Verdict.INDEX_WANTED


def authenticate(token: AgentToken) -> Agent:
    """The agent whose key the token shows; for every endpoint but the heartbeat.

    Raises:
        Unauthenticated: for an unknown or revoked key.
        Gone: when its host was retired.
    """
    agent = Agent.objects.select_related("host").filter(host_id=token.host_id).first()
    if agent is None or agent.secret_hash != token.secret_hash:
        raise unknown_token()
    if agent.revoked_at is not None:
        msg = "this agent's key was revoked"
        raise RevokedKey(msg)
    if agent.host.state == "retired":
        msg = "this host was retired"
        raise Gone(msg)
    return agent


def _beat_without_store(beat: Beat, known: Known, *, now: datetime) -> bool:
    HostLive.objects.filter(host_id=beat.host_id).update(
        last_seen=now, counter=beat.counter, boot=beat.boot
    )
    return known.root[:ROOT_PREFIX] != beat.root[:ROOT_PREFIX]


def _look_up(token: AgentToken) -> Known:
    agent = authenticate(token)
    return Known(agent.secret_hash, agent.host.state, agent.host.facts_root)
