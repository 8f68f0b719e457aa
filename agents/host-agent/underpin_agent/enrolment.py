"""Enrolment: the agent makes its own secret, writes it down, then shows the server its hash."""

import base64
import hashlib
import json
import os
import re

from . import __version__
from .fingerprint import boot_id, combined, evidence

IDENTITY, PENDING, NEXT = "identity.json", "enrolling.json", "next.json"
WORD = re.compile(r"[A-Za-z0-9._-]{1,128}")  # what may stand in a header


class Refused(Exception):
    """The server does not take this agent; the text is for a person."""


class NotYet(Exception):
    """No decision yet: pending approval, or the server is busy. ``retry_after`` in seconds."""

    def __init__(self, text, retry_after=0.0):
        super().__init__(text)
        self.retry_after = retry_after


class Identity:
    """What the server knows this agent by. ``secret`` is base64url without padding, ``found`` the
    evidence of the machine that it was made on."""

    __slots__ = ("fingerprint", "found", "host_id", "secret", "server", "tag")

    def __init__(self, *, server, host_id, secret, tag, fingerprint="", found=None):
        self.server, self.host_id, self.secret, self.tag = server, host_id, secret, tag
        self.fingerprint, self.found = fingerprint, found or {}

    @property
    def token(self):
        """The bearer token of every data request."""
        return "k1.%s.%s.%s" % (self.host_id, self.secret, self.tag)

    def as_file(self):
        """What stands in the state folder."""
        return {name: getattr(self, name) for name in self.__slots__}


def identity_in(state, name, server):
    """The complete ``Identity`` for ``server`` in the file ``name``, or None."""
    kept = state.read(name)
    words = [kept.get(key) for key in ("host_id", "secret", "tag")]
    if kept.get("server") != server or not all(
        isinstance(one, str) and WORD.fullmatch(one) for one in words
    ):
        return None
    found = kept.get("found")
    return Identity(
        server=server,
        host_id=kept["host_id"],
        secret=kept["secret"],
        tag=kept["tag"],
        fingerprint=str(kept.get("fingerprint", "")),
        found=found if isinstance(found, dict) else {},
    )


def load_identity(state, server):
    """The ``Identity`` for ``server``, or None. Raises StateError when others may read it."""
    identity = identity_in(state, IDENTITY, server)
    if identity is not None and state.read(PENDING).get("secret") == identity.secret:
        state.erase(PENDING)  # the end came between the answer and this
    return identity


def is_same_machine(identity, found):
    """Whether the evidence ``found`` now is that of the machine that enrolled.

    The strongest evidence seen both times decides: an agent with fewer rights reads less of it.
    """
    if not identity.found:  # kept by an older agent
        return not found or identity.fingerprint == combined(found)
    return _agree(identity.found, found)


def _agree(before, now):
    both = [name for name in now if name in before]  # in the order of their strength
    return not both or now[both[0]] == before[both[0]]


def forget(state):
    """Erase the secret, and everything the server confirmed for it."""
    for name in (IDENTITY, NEXT, PENDING, "index.json", "pushed.json"):
        state.erase(name)


def new_secret():
    """32 random bytes, base64url without padding."""
    return base64.urlsafe_b64encode(os.urandom(32)).rstrip(b"=").decode()


def secret_hash(secret):
    """SHA-256 hex of the 32 secret bytes behind ``secret`` (base64url without padding)."""
    raw = base64.urlsafe_b64decode(secret + "=" * (-len(secret) % 4))
    return hashlib.sha256(raw).hexdigest()


def _pending(state, server, found):
    """Nonce and secret of this attempt, on disk before the first request: a reply may be lost.

    An attempt that began on another machine, before its image was sealed, is not gone on with.
    """
    kept = state.read(PENDING)
    words = (kept.get("nonce"), kept.get("secret"))
    if kept.get("server") == server and all(isinstance(one, str) for one in words):
        before = kept.get("found")
        if _agree(before if isinstance(before, dict) else {}, found):
            return kept
    kept = {"server": server, "nonce": os.urandom(8).hex(), "secret": new_secret(), "found": found}
    state.write(PENDING, kept)
    return kept


def enrol(client, state, host, *, server, token, name, labels=None, proof=""):
    """Enrol and return the ``Identity``. ``proof`` is the data token that this machine held until
    now: with it the server may give its record back. Raises Refused, NotYet, Unreachable."""
    found = evidence(host)
    pending = _pending(state, server, found)
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
        **({"proof": proof} if proof else {}),
    }
    reply = client.post("/enrol", json.dumps(body).encode())
    # 202: kept as well; an approver lets it in, and the same key holds then.
    if reply.status == 201 or (reply.status == 202 and "tag" in reply.body):
        return _keep(state, pending, reply.body, found)
    raise _refusal(state, reply)


def _keep(state, pending, body, found):
    host_id, tag = body.get("host_id"), body.get("tag")
    if not all(isinstance(one, str) and WORD.fullmatch(one) for one in (host_id, tag)):
        text = "the server's answer to the enrolment is incomplete"
        raise NotYet(text)
    identity = Identity(
        server=pending["server"],
        host_id=host_id,
        secret=pending["secret"],
        tag=tag,
        fingerprint=combined(found),
        found=found,
    )
    # The configuration first: without it a restart would key its hashes with the wrong salt.
    if isinstance(body.get("config"), dict):
        state.write("config.json", body["config"])
    state.erase(NEXT)
    state.write(IDENTITY, identity.as_file())
    state.erase(PENDING)
    return identity


def _refusal(state, reply):
    if reply.status in (200, 201, 202, 408, 429) or reply.status >= 500:
        text = "the server has not decided yet (%d)" % reply.status
        return NotYet(text, reply.retry_after)
    state.erase(PENDING)
    reasons = {
        403: "the enrolment token is not valid (any more)",
        409: "this machine is already enrolled under another key; approve or remove it there",
        426: "the server needs a newer agent",
    }
    text = reasons.get(reply.status, "the server answered %d to the enrolment" % reply.status)
    return Refused(text)
