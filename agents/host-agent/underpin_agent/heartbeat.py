"""The heartbeat: under 200 bytes, never compressed, and what the answer asks for."""

import collections
import json
from enum import Enum


class Standing(Enum):
    """What the server's answer means for this agent."""

    FINE = "fine"
    BUSY = "busy"  # 408, 429, 5xx: later
    UNKNOWN = "unknown"  # 401: the server does not know the key
    REVOKED = "revoked"  # 401: the key was taken back
    CLONE = "clone"  # 409: two machines use the key
    GONE = "gone"  # 410: removed for good
    OLD = "old"  # 426: the agent is too old
    BROKEN = "broken"  # anything else


# ``wants_index``: the server lacks the present facts. ``config_etag``: the configuration that it
# offers, "" for none. ``rotate``: it wants a new secret.
Answer = collections.namedtuple(
    "Answer",
    "standing wants_index config_etag rotate retry_after",
    defaults=(False, "", False, 0.0),
)


def heartbeat_body(boot, counter, root, *, event=0, etag="", memory=""):
    """The bytes of one heartbeat; the root is cut to its first 16 bytes. ``memory`` is the word
    for a spool or state that lives in memory only, "" usually."""
    body = {"v": 1, "b": boot, "n": counter, "d": root[:32], "q": event, "c": etag}
    if memory:
        body["s"] = memory
    return json.dumps(body, separators=(",", ":")).encode()


def standing_of(reply):
    """The ``Standing`` of any reply to a request with the data token."""
    if reply.status in (200, 204):
        return Standing.BROKEN if reply.foreign else Standing.FINE
    if reply.status == 401:
        return Standing.REVOKED if reply.body.get("e") == "revoked" else Standing.UNKNOWN
    if reply.status == 409 and reply.body.get("e") == "clone":
        return Standing.CLONE
    if reply.status in (408, 429) or reply.status >= 500:
        return Standing.BUSY
    if reply.status == 403 and reply.body.get("e") == "pending":
        return Standing.BUSY  # somebody has to approve this host first
    return {410: Standing.GONE, 426: Standing.OLD}.get(reply.status, Standing.BROKEN)


def send_heartbeat(client, token, body):
    """POST /hb. Raises Unreachable."""
    reply = client.post("/hb", body, token=token, compress=False)
    etag = reply.body.get("c")
    return Answer(
        standing=standing_of(reply),
        wants_index=reply.body.get("need") == "index",
        config_etag=etag if isinstance(etag, str) and len(etag) <= 64 else "",
        rotate=reply.body.get("rot") is True,
        retry_after=reply.retry_after,
    )
