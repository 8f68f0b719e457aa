"""An agent in a few lines: speaks ingest v1 through any function that posts JSON."""

import base64
import hashlib
import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from agents.facts.canonical import canonical_bytes, digest, root_digest


@dataclass(frozen=True, slots=True)
class Answer:
    """Status and decoded body of one reply."""

    status: int
    body: Any


# path, JSON text, headers -> answer
Post = Callable[[str, bytes, Mapping[str, str]], Answer]


@dataclass
class WireAgent:
    """One host as the server sees it. ``post`` is the wire."""

    post: Post
    name: str = "host-a"
    secret: bytes = field(default_factory=lambda: secrets.token_bytes(32))
    nonce: str = field(default_factory=lambda: secrets.token_hex(8))
    host_id: str = ""
    tag: str = ""
    number: int = 0

    def enrol(self, token: str, *, fingerprint: str = "") -> Answer:
        """POST /enrol; keeps the identity from the answer."""
        answer = self._send(
            "enrol",
            {
                "v": 1,
                "token": token,
                "nonce": self.nonce,
                "secret_hash": hashlib.sha256(self.secret).hexdigest(),
                "name": self.name,
                "fp": {"machine_id": fingerprint} if fingerprint else {},
                "boot": "0" * 8,
                "labels": {},
                "agent": "0.1.0",
            },
        )
        if answer.status in {201, 202}:
            self.host_id, self.tag = answer.body["host_id"], answer.body["tag"]
        return answer

    def heartbeat(self, *, root: str = "") -> Answer:
        """POST /hb."""
        self.number += 1
        return self._send("hb", {"v": 1, "b": "00000000", "n": self.number, "d": root[:32], "q": 0})

    def index(
        self,
        sections: Mapping[str, Any],
        containers: Mapping[str, tuple[Any, Any]] | None = None,
        *,
        number: int,
    ) -> Answer:
        """POST /index with every body inline."""
        bodies: dict[str, str] = {}

        def keep(body: Any) -> str:
            raw = canonical_bytes(body)
            bodies[digest(raw)] = raw.decode()
            return digest(raw)

        named = {name: keep(body) for name, body in sections.items()}
        listed = [(key, keep(one), keep(two)) for key, (one, two) in (containers or {}).items()]
        message = {
            "v": 1,
            "gen": number,
            "prev": "",
            "root": root_digest(named, {key: [one, two] for key, one, two in listed}),
            "sections": named,
            "containers": listed,
            "inline": bodies,
        }
        return self._send("index", message)

    def authorization(self) -> str:
        """The Authorization header."""
        secret = base64.urlsafe_b64encode(self.secret).rstrip(b"=").decode()
        return f"Bearer k1.{self.host_id}.{secret}.{self.tag}"

    def _send(self, endpoint: str, message: Mapping[str, Any]) -> Answer:
        headers = {"Authorization": self.authorization()} if self.host_id else {}
        return self.post(f"/i/v1/{endpoint}", json.dumps(message).encode(), headers)
