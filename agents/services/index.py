"""Taking an index: which facts hold on a host from now on. One transaction, all or nothing."""

import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from agents.facts.canonical import root_digest
from agents.live.store import live_store
from agents.models import Host
from agents.services import agent_keys, blobs, container_links, host_summary, quotas, section_links
from agents.services.events import FACTS_CHANGED
from agents.services.section_links import Section
from workbench.core.errors import Conflict, Invalid
from workbench.core.work import items


class StaleIndex(Conflict):
    """The changes do not fit what is stored: the agent sends everything, above this number."""

    code = "stale"

    def __init__(self, number: int) -> None:
        super().__init__("these changes are not to the facts that are stored; send them all")
        self.extra = {"gen": number}


@dataclass(frozen=True, slots=True)
class Delta:
    """What an index of changes adds: the root that it changes, and the names of what is gone."""

    previous: str
    sections_gone: Collection[str]
    containers_gone: Collection[str]


@dataclass(frozen=True, slots=True)
class IndexMessage:
    """One index: number, root, section digests or errors, container digests, small bodies.

    With ``delta`` only what changed, while ``root`` is always that of the resulting whole.
    """

    number: int
    root: str
    sections: Mapping[str, Section]
    containers: Sequence[tuple[str, str, str]]
    bodies: Mapping[str, bytes]
    delta: Delta | None = None

    def digests(self) -> set[str]:
        """Every digest that the index names."""
        found = {value for value in self.sections.values() if isinstance(value, str)}
        for _, identity, posture in self.containers:
            found |= {identity, posture}
        return found


@dataclass(frozen=True, slots=True)
class IndexReply:
    """The number that holds now, and the digests whose bodies are still wanted."""

    number: int
    need: list[str]


def index_take(host_id: uuid.UUID, message: IndexMessage, *, now: datetime) -> IndexReply:
    """Store the bodies that came along; link everything once all bodies are there.

    An index whose number is not above the stored one is answered and ignored, so that repeated and
    late requests cannot roll facts back.

    Raises:
        Invalid: when the root digest is not that of the content, or a container stands twice.
        StaleIndex: for changes to other facts than the stored ones.
        Gone, Cloned, Pending: while the host's facts are not taken.
        QuotaExceeded, QuotaTooLarge: over the host's allowance.
    """
    _check(message)
    with transaction.atomic():
        host = (
            Host.unscoped.select_for_update(of=("self",), no_key=True)
            .select_related("workspace")
            .get(pk=host_id)
        )
        agent_keys.check_state(host)
        if message.number <= host.facts_number:
            return IndexReply(host.facts_number, [])
        host.usage = quotas.usage_of(host, now=now).spend(indexes=1).as_json()
        if message.delta is not None:
            _check_delta(host, message, message.delta)
        if message.root == host.facts_root:
            return _confirm(host, message, now=now)
        ids, need = _stored(host, message, now=now)
        if need:
            host.save(update_fields=["usage"])
            return IndexReply(host.facts_number, need)
        _link(host, message, ids=ids, now=now)
        return IndexReply(message.number, [])


def _check(message: IndexMessage) -> None:
    keys = {key for key, _, _ in message.containers}
    if len(keys) != len(message.containers):
        msg = "a container stands twice in the index"
        raise Invalid(msg)
    quotas.check_containers(len(keys))
    if message.delta is not None:
        both = keys & set(message.delta.containers_gone)
        if both or message.sections.keys() & set(message.delta.sections_gone):
            msg = "the index names something both as changed and as gone"
            raise Invalid(msg)
        return
    containers = {key: [identity, posture] for key, identity, posture in message.containers}
    if root_digest(dict(message.sections), containers) != message.root:
        msg = "the root digest is not that of the index"
        raise Invalid(msg)


def _check_delta(host: Host, message: IndexMessage, delta: Delta) -> None:
    """Put the changes into what is stored, and compare the root of that. Two queries."""
    if delta.previous != host.facts_root:
        raise StaleIndex(host.facts_number)
    sections: dict[str, Section] = section_links.current(host) | dict(message.sections)
    containers = container_links.current(host)
    containers |= {key: [identity, posture] for key, identity, posture in message.containers}
    for name in delta.sections_gone:
        sections.pop(name, None)
    for key in delta.containers_gone:
        containers.pop(key, None)
    quotas.check_containers(len(containers))
    if root_digest(sections, containers) != message.root:
        raise StaleIndex(host.facts_number)


def _stored(
    host: Host, message: IndexMessage, *, now: datetime
) -> tuple[Mapping[str, int], list[str]]:
    """The ids of the bodies that the index names, and the digests of those not there."""
    wanted = message.digests()
    ids = blobs.ids_of(host.workspace, wanted)
    new = {digest: message.bodies[digest] for digest in message.bodies.keys() & wanted - ids.keys()}
    if new:
        blobs.store_within(host, new, now=now)
        ids |= blobs.ids_of(host.workspace, new)
    return ids, sorted(wanted - ids.keys())


def _link(host: Host, message: IndexMessage, *, ids: Mapping[str, int], now: datetime) -> None:
    delta = message.delta
    changed = section_links.link(
        host,
        message.sections,
        gone=delta.sections_gone if delta else None,
        ids=ids,
        now=now,
    )
    begun = container_links.link(
        host,
        message.containers,
        gone=delta.containers_gone if delta else None,
        ids=ids,
        now=now,
    )
    host.usage = quotas.usage_of(host, now=now).spend(containers=begun).as_json()
    columns = host_summary.note(host, message.sections, changed=changed, ids=ids)
    _finish(host, message, columns=columns, now=now)


def _confirm(host: Host, message: IndexMessage, *, now: datetime) -> IndexReply:
    """The same facts under a new number: the daily self-check of the agent."""
    _finish(host, message, columns=[], now=now)
    return IndexReply(message.number, [])


def _finish(host: Host, message: IndexMessage, *, columns: Sequence[str], now: datetime) -> None:
    host.facts_root, host.facts_number, host.facts_at = message.root, message.number, now
    host.save(update_fields=["facts_root", "facts_number", "facts_at", "usage", *columns])
    items.want(FACTS_CHANGED, str(host.pk), now=now)
    transaction.on_commit(lambda: live_store().patch([host.pk], now=now, root=message.root))
