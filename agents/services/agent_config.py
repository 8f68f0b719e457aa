"""What a workspace tells its agents: a few values within bounds that agents check again.

Data only: no path, pattern, command, query or address can be expressed (decision 0009). An agent
that finds a value out of bounds refuses the whole and keeps what it had.
"""

import hashlib
import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Final

import msgspec
from django.db import transaction
from msgspec import Meta, Struct

from agents.facts.canonical import canonical_bytes
from agents.live.store import live_store
from agents.models import AgentConfig, Host, HostState
from workbench.core import audit
from workbench.core.access.request import Caller
from workbench.core.errors import Invalid
from workbench.core.models import Workspace

ETAG_CHARACTERS: Final = 8
PLACE: Final = re.compile(r"`\$\.?(.*)`")
Word = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_.]{0,39}\Z")]
LabelText = Annotated[str, Meta(min_length=1, max_length=120, pattern=r"^[^\x00-\x1f\x7f]+\Z")]
Sysctl = Annotated[str, Meta(max_length=128, pattern=r"^[a-z0-9_-]+(\.[a-z0-9_-]+)*\Z")]


class Collector(Struct, forbid_unknown_fields=True, omit_defaults=True):
    """Whether a collector runs, and how often in seconds."""

    on: bool | msgspec.UnsetType = msgspec.UNSET
    interval: Annotated[int, Meta(ge=60, le=86_400)] | msgspec.UnsetType = msgspec.UNSET


class Options(Struct, forbid_unknown_fields=True, omit_defaults=True):
    """Readings that cost more, or that some do not want."""

    set_id_scan: bool | msgspec.UnsetType = msgspec.UNSET
    content_scan: bool | msgspec.UnsetType = msgspec.UNSET
    tls_probe: bool | msgspec.UnsetType = msgspec.UNSET
    log_secret_scan: bool | msgspec.UnsetType = msgspec.UNSET


class Values(Struct, forbid_unknown_fields=True, omit_defaults=True):
    """Every key that an agent may be told; what is not there is the agent's own default."""

    interval: Annotated[int, Meta(ge=30, le=3_600)] | msgspec.UnsetType = msgspec.UNSET
    collectors: Annotated[dict[Word, Collector], Meta(max_length=64)] = {}
    events: Annotated[dict[Word, bool], Meta(max_length=64)] = {}
    fold_seconds: Annotated[int, Meta(ge=1, le=3_600)] | msgspec.UnsetType = msgspec.UNSET
    spool_bytes: Annotated[int, Meta(ge=262_144, le=268_435_456)] | msgspec.UnsetType = (
        msgspec.UNSET
    )
    labels: Annotated[dict[LabelText, LabelText], Meta(max_length=32)] = {}
    options: Options | msgspec.UnsetType = msgspec.UNSET
    sysctls: Annotated[list[Sysctl], Meta(max_length=64)] = []


@dataclass(frozen=True, slots=True)
class HeldConfig:
    """The configuration of a workspace; both are empty where nobody set one."""

    etag: str
    values: Mapping[str, Any]


def checked_config(values: Mapping[str, Any]) -> dict[str, Any]:
    """The values that agents may be told, without what is empty.

    Raises:
        Invalid: for an unknown key or a value out of bounds; ``fields`` names the place.
    """
    try:
        found: dict[str, Any] = msgspec.to_builtins(msgspec.convert(dict(values), Values))
    except msgspec.ValidationError as error:
        place = PLACE.search(str(error))
        message = f"agents would refuse this: {error}"
        raise Invalid(message, fields={place.group(1) if place else "": message}) from None
    return found


def agent_config_of(workspace: Workspace | uuid.UUID) -> HeldConfig:
    """What the workspace's agents are told. One query."""
    row = AgentConfig.objects.filter(workspace=workspace).first()
    return HeldConfig(row.etag, row.values) if row else HeldConfig("", {})


def agent_config_set(caller: Caller, values: Mapping[str, Any], *, now: datetime) -> HeldConfig:
    """Tell the workspace's agents these values from their next heartbeat on.

    Raises:
        Invalid: as ``checked_config``.
    """
    found = checked_config(values)
    etag = hashlib.sha256(canonical_bytes(found)).hexdigest()[:ETAG_CHARACTERS]
    with transaction.atomic():
        before = agent_config_of(caller.workspace)
        AgentConfig.objects.update_or_create(
            workspace=caller.workspace,
            defaults={
                "etag": etag,
                "values": found,
                "updated_at": now,
                "updated_by": caller.user,
            },
        )
        audit.record(
            caller.workspace,
            actor=caller.user.email,
            verb="agent_config.set",
            target=str(caller.workspace.pk),
            now=now,
            before=before.values,
            after=found,
        )
        transaction.on_commit(lambda: _tell(caller.workspace, etag, now=now))
    return HeldConfig(etag, found)


def _tell(workspace: Workspace, etag: str, *, now: datetime) -> None:
    """Agents hear of it one by one as their heartbeats come, spread over one interval."""
    present = Host.objects.of(workspace).exclude(state=HostState.RETIRED)
    ids = present.values_list("pk", flat=True).iterator(chunk_size=2_000)
    live_store().patch(ids, now=now, config_etag=etag)
