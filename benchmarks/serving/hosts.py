"""Made-up hosts with real tokens, known to the live store, and their heartbeats."""

import base64
import hashlib
import json
import os
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime

ROOT_DIGEST = "a" * 64


@dataclass(frozen=True, slots=True)
class MadeHost:
    """One host: its id and the header that proves it."""

    host_id: uuid.UUID
    token: str
    secret_hash: str


def made_hosts(count: int) -> list[MadeHost]:
    """Hosts with tokens that this process's server key vouches for."""
    from agents.services.agent_tokens import tag_for

    found = []
    for _ in range(count):
        secret, host_id = os.urandom(32), uuid.uuid4()
        secret_hash = hashlib.sha256(secret).hexdigest()
        text = base64.urlsafe_b64encode(secret).rstrip(b"=").decode()
        token = f"Bearer k1.{host_id}.{text}.{tag_for(host_id, secret_hash)}"
        found.append(MadeHost(host_id, token, secret_hash))
    return found


def put_all(hosts: list[MadeHost]) -> None:
    """Let the live store know them, as after their first heartbeat."""
    from agents.live.base import Known
    from agents.live.store import live_store

    now = datetime.now(tz=UTC)
    for host in hosts:
        live_store().put(host.host_id, Known(host.secret_hash, "active", ROOT_DIGEST), now=now)


def beat_body(number: int) -> bytes:
    """An unchanged heartbeat as agents send it."""
    beat = {"v": 1, "b": "3f2c9a01", "n": number, "d": ROOT_DIGEST[:32], "q": 0}
    return json.dumps(beat, separators=(",", ":")).encode()
