"""A new key in place of the present one: announced by the agent, asked for by time or by a person.

The agent makes the new secret and shows its hash, so that no secret crosses the wire. When the
present key dies is said in ``agent_keys``.
"""

from datetime import datetime

from django.db import transaction

from agents.live.store import live_store
from agents.models import Agent, Host
from agents.services.agent_keys import GRACE
from agents.services.agent_tokens import tag_for
from workbench.core import audit
from workbench.core.access.request import Caller
from workbench.core.errors import Conflict


def key_announce(agent: Agent, secret_hash: str, *, now: datetime) -> str:
    """Let the key with this hash follow; returns the tag of its token. Asked again: the same tag.

    The day after which the present key dies begins with the first announcement, whatever follows.

    Raises:
        Conflict: when another request has replaced the present key meanwhile.
    """
    tag = tag_for(agent.host_id, secret_hash)
    if secret_hash in {agent.secret_hash, agent.next_secret_hash}:
        return tag
    since = agent.next_at or now
    with transaction.atomic():
        present = Agent.objects.filter(pk=agent.pk, secret_hash=agent.secret_hash, revoked_at=None)
        if not present.update(next_secret_hash=secret_hash, next_at=since):
            message = "this key was replaced a moment ago"
            raise Conflict(message)
    until = int((since + GRACE).timestamp())
    live_store().patch([agent.host_id], now=now, next_hash=secret_hash, next_until=until)
    return tag


def agent_rotation_ask(caller: Caller, host: Host, *, now: datetime) -> None:
    """Ask the agent for a new key with its next heartbeat.

    Raises:
        Conflict: when the host has no key that holds, or was asked already.
    """
    with transaction.atomic():
        mine = Agent.objects.filter(host=host, host__workspace=caller.workspace)
        if not mine.filter(revoked_at=None, rotate_asked_at=None).update(rotate_asked_at=now):
            message = "this host has no key, or was asked for a new one already"
            raise Conflict(message)
        audit.record(
            caller.workspace,
            actor=caller.user.email,
            verb="agent.rotation_asked",
            target=str(host.pk),
            now=now,
            after={"name": host.name},
        )
        due = int(now.timestamp())
        transaction.on_commit(lambda: live_store().patch([host.pk], now=now, rotate_at=due))
