"""Taking an index: which facts hold on a host from now on. One transaction, all or nothing."""

import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from agents.facts.canonical import root_digest
from agents.models import Host, HostSection
from agents.services import blobs, container_links
from agents.services.events import FACTS_CHANGED
from workbench.core.errors import Gone, Invalid
from workbench.core.work import items


@dataclass(frozen=True, slots=True)
class IndexMessage:
    """One index: number, root, section digests or errors, container digests, small bodies."""

    number: int
    root: str
    sections: Mapping[str, str | Mapping[str, str]]
    containers: Sequence[tuple[str, str, str]]
    bodies: Mapping[str, bytes]

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


def index_take(host_id: uuid.UUID | str, message: IndexMessage, *, now: datetime) -> IndexReply:
    """Store the bodies that came along; link everything once all bodies are there.

    An index whose number is not above the stored one is answered and ignored, so that repeated and
    late requests cannot roll facts back.

    Raises:
        Invalid: when the root digest is not that of the content, or a container stands twice.
        Gone: when the host was retired.
    """
    _check(message)
    with transaction.atomic():
        host = Host.unscoped.select_for_update().select_related("workspace").get(pk=host_id)
        if host.state == "retired":
            msg = "this host was retired"
            raise Gone(msg)
        if message.number <= host.facts_number:
            return IndexReply(host.facts_number, [])
        wanted = message.digests()
        useful = {digest: body for digest, body in message.bodies.items() if digest in wanted}
        blobs.store(host.workspace, useful, now=now)
        ids = blobs.ids_of(host.workspace, wanted)
        need = sorted(wanted - ids.keys())
        if need:
            return IndexReply(host.facts_number, need)
        _link_sections(host, message, ids=ids, now=now)
        container_links.link(host, message.containers, ids=ids, now=now)
        _note_on_host(host, message, ids=ids, now=now)
        items.want(FACTS_CHANGED, str(host.pk), now=now)
        return IndexReply(message.number, [])


def _check(message: IndexMessage) -> None:
    keys = [key for key, _, _ in message.containers]
    if len(set(keys)) != len(keys):
        msg = "a container stands twice in the index"
        raise Invalid(msg)
    containers = {key: [identity, posture] for key, identity, posture in message.containers}
    if root_digest(dict(message.sections), containers) != message.root:
        msg = "the root digest is not that of the index"
        raise Invalid(msg)


def _link_sections(
    host: Host, message: IndexMessage, *, ids: Mapping[str, int], now: datetime
) -> None:
    current = {row.section: row for row in HostSection.objects.filter(host=host, valid_to=None)}
    ended, begun = [], []
    for section, value in message.sections.items():
        blob_id = ids[value] if isinstance(value, str) else None
        error = {} if isinstance(value, str) else dict(value)
        row = current.pop(section, None)
        if row is not None and row.blob_id == blob_id and row.error == error:
            continue
        if row is not None:
            ended.append(row.pk)
        begun.append(
            HostSection(host=host, section=section, blob_id=blob_id, error=error, valid_from=now)
        )
    ended += [row.pk for row in current.values()]
    HostSection.objects.filter(pk__in=ended).update(valid_to=now)
    HostSection.objects.bulk_create(begun, batch_size=500)


def _note_on_host(
    host: Host, message: IndexMessage, *, ids: Mapping[str, int], now: datetime
) -> None:
    """Copy to the host row what lists show."""
    wanted = {name: message.sections.get(name) for name in ("host", "kernel", "agent")}
    named = {name: ids[digest] for name, digest in wanted.items() if isinstance(digest, str)}
    bodies = blobs.bodies_of(named.values())
    facts = {name: json.loads(bodies[pk])["facts"] for name, pk in named.items()}
    system = facts.get("host", {}).get("os")
    system = system if isinstance(system, dict) else {}
    host.os_name = f"{_word(system.get('id'))} {_word(system.get('version'))}".strip()[:120]
    host.kernel_release = _word(facts.get("kernel", {}).get("release"))[:120]
    host.agent_version = _word(facts.get("agent", {}).get("version"))[:40]
    host.agent_level = _word(facts.get("agent", {}).get("level"))[:20]
    host.facts_root, host.facts_number, host.facts_at = message.root, message.number, now
    host.save(
        update_fields=[
            "os_name",
            "kernel_release",
            "agent_version",
            "agent_level",
            "facts_root",
            "facts_number",
            "facts_at",
        ]
    )


def _word(value: object) -> str:
    """A fact as text for a list column; an agent may send any type."""
    return value if isinstance(value, str) else ""
