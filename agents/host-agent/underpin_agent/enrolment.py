"""Enrolment: the agent makes its own secret, writes it down, then shows the server its hash."""

import base64
import hashlib
import json
import secrets
from dataclasses import dataclass

from . import __version__
from .fingerprint import boot_id, combined, evidence

IDENTITY, PENDING = "identity.json", "enrolling.json"


class Refused(Exception):
    """The server does not take this agent; the text is for a person."""


class NotYet(Exception):
    """No decision yet: pending approval, or the server is busy. ``retry_after`` in seconds."""

    def __init__(self, text, retry_after=0.0):
        super().__init__(text)
        self.retry_after = retry_after


@dataclass(frozen=True)
class Identity:
    """What the server knows this agent by. ``secret`` is base64url without padding."""

    server: str
    host_id: str
    secret: str
    tag: str
    fingerprint: str

    @property
    def token(self):
        """The bearer token of every data request."""
        return "k1.%s.%s.%s" % (self.host_id, self.secret, self.tag)


def load_identity(state, server):
    """The ``Identity`` for ``server``, or None."""
    found = state.read(IDENTITY)
    names = ("server", "host_id", "secret", "tag", "fingerprint")
    if any(not isinstance(found.get(name), str) for name in names) or found["server"] != server:
        return None
    return Identity(**{name: found[name] for name in names})


def forget(state):
    """Erase the secret, and everything the server confirmed for it."""
    for name in (IDENTITY, PENDING, "index.json"):
        state.erase(name)


def _pending(state, server):
    """Nonce and secret of this attempt, on disk before the first request: a reply may be lost."""
    found = state.read(PENDING)
    if found.get("server") == server and isinstance(found.get("secret"), str):
        return found
    found = {
        "server": server,
        "nonce": secrets.token_hex(8),
        "secret": base64.urlsafe_b64encode(secrets.token_bytes(32)).rstrip(b"=").decode(),
    }
    state.write(PENDING, found)
    return found


def secret_hash(secret):
    """SHA-256 hex of the 32 secret bytes behind ``secret`` (base64url without padding)."""
    raw = base64.urlsafe_b64decode(secret + "=" * (-len(secret) % 4))
    return hashlib.sha256(raw).hexdigest()


def enrol(client, state, host, *, server, token, name, labels=None):
    """Enrol and return the ``Identity``. Raises Refused, NotYet, Unreachable, StateError."""
    pending, found = _pending(state, server), evidence(host)
    body = {
        "token": token,
        "nonce": pending["nonce"],
        "secret_hash": secret_hash(pending["secret"]),
        "fp": found,
        "boot": boot_id(host),
        "name": name,
        "labels": labels or {},
        "v": 1,
        "agent": __version__,
    }
    reply = client.post("/enrol", json.dumps(body).encode())
    # 202: kept as well; an approver lets it in, and the same key holds then.
    if reply.status == 201 or (reply.status == 202 and "tag" in reply.body):
        return _keep(state, pending, reply.body, combined(found))
    _refuse(state, reply)
    return None


def _keep(state, pending, body, fingerprint):
    host_id, tag = body.get("host_id"), body.get("tag")
    if not isinstance(host_id, str) or not isinstance(tag, str):
        text = "the server's answer to the enrolment is incomplete"
        raise NotYet(text)
    identity = {
        "server": pending["server"],
        "host_id": host_id,
        "secret": pending["secret"],
        "tag": tag,
        "fingerprint": fingerprint,
    }
    state.write(IDENTITY, identity)
    if isinstance(body.get("config"), dict):
        state.write("config.json", body["config"])
    state.erase(PENDING)
    return Identity(**identity)


def _refuse(state, reply):
    if reply.status in (202, 408, 429) or reply.status >= 500:
        text = "the server has not decided yet (%d)" % reply.status
        raise NotYet(text, reply.retry_after)
    state.erase(PENDING)
    reasons = {
        403: "the enrolment token is not valid (any more)",
        409: "this machine is already enrolled under another key; approve or remove it there",
        426: "the server needs a newer agent",
    }
    reason = reasons.get(reply.status, "the server answered %d to the enrolment" % reply.status)
    raise Refused(reason)
