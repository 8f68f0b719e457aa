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
    boot: str = "00000000"

    def enrol(self, token: str, *, fingerprint: str = "", proof: str = "") -> Answer:
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
                "boot": self.boot,
                "labels": {},
                "agent": "0.1.0",
                "proof": proof,
            },
        )
        if answer.status in {201, 202}:
            self.host_id, self.tag = answer.body["host_id"], answer.body["tag"]
        return answer

    def heartbeat(self, *, root: str = "", number: int | None = None, **fields: Any) -> Answer:
        """POST /hb; ``number`` takes the place of the counter, ``fields`` that of others."""
        if number is None:
            self.number += 1
            number = self.number
        message = {"v": 1, "b": self.boot, "n": number, "d": root[:32], "q": 0, **fields}
        return self._send("hb", message)

    def index(
        self,
        sections: Mapping[str, Any],
        containers: Mapping[str, tuple[Any, Any]] | None = None,
        *,
        number: int,
        **fields: Any,
    ) -> Answer:
        """POST /index with every body inline."""
        message, _ = index_message(sections, containers or {}, number=number)
        return self._send("index", {**message, **fields})

    def delta(
        self,
        before: tuple[Mapping[str, Any], Mapping[str, tuple[Any, Any]]],
        after: tuple[Mapping[str, Any], Mapping[str, tuple[Any, Any]]],
        *,
        number: int,
        **fields: Any,
    ) -> Answer:
        """POST /index with what changed from ``before`` to ``after``: sections, containers."""
        old, _ = index_message(*before, number=1)
        new, bodies = index_message(*after, number=number)
        sections = {k: v for k, v in new["sections"].items() if old["sections"].get(k) != v}
        rows = [row for row in new["containers"] if row not in old["containers"]]
        named = {*sections.values(), *(name for row in rows for name in row[1:])}
        message = {
            **new,
            "delta": True,
            "prev": old["root"],
            "sections": sections,
            "sections_gone": sorted(old["sections"].keys() - new["sections"].keys()),
            "containers": rows,
            "gone": sorted({r[0] for r in old["containers"]} - {r[0] for r in new["containers"]}),
            "inline": {name: text for name, text in bodies.items() if name in named},
        }
        return self._send("index", {**message, **fields})

    def rotate(self, secret: bytes) -> Answer:
        """POST /rotate for the key with this secret; the present one stays in use."""
        digest_of_secret = hashlib.sha256(secret).hexdigest()
        return self._send("rotate", {"v": 1, "secret_hash": digest_of_secret})

    def token(self) -> str:
        """The data token."""
        return self.authorization().removeprefix("Bearer ")

    def authorization(self) -> str:
        """The Authorization header."""
        secret = base64.urlsafe_b64encode(self.secret).rstrip(b"=").decode()
        return f"Bearer k1.{self.host_id}.{secret}.{self.tag}"

    def _send(self, endpoint: str, message: Mapping[str, Any]) -> Answer:
        headers = {"Authorization": self.authorization()} if self.host_id else {}
        return self.post(f"/i/v1/{endpoint}", json.dumps(message).encode(), headers)


def index_message(
    sections: Mapping[str, Any], containers: Mapping[str, tuple[Any, Any]], *, number: int
) -> tuple[dict[str, Any], dict[str, str]]:
    """A full index with every body inline, and the bodies by digest."""
    bodies: dict[str, str] = {}

    def keep(body: Any) -> str:
        raw = canonical_bytes(body)
        bodies[digest(raw)] = raw.decode()
        return digest(raw)

    named = {name: keep(body) for name, body in sections.items()}
    listed = [[key, keep(one), keep(two)] for key, (one, two) in containers.items()]
    message = {
        "v": 1,
        "gen": number,
        "prev": "",
        "root": root_digest(named, {key: [one, two] for key, one, two in listed}),
        "sections": named,
        "containers": listed,
        "inline": bodies,
    }
    return message, bodies
