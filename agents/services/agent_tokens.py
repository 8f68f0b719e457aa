"""The token an agent shows: ``k1.<host_id>.<secret>.<tag>``.

The tag is an HMAC of ours over host and secret hash, so that a token we never issued dies without a
look-up; the stored secret hash is compared as well.
"""

import base64
import binascii
import hashlib
import hmac
import uuid
from dataclasses import dataclass

from django.conf import settings

from workbench.core.errors import Unauthenticated

TAG_BYTES = 16
SECRET_BYTES = 32
MAX_TOKEN_CHARACTERS = 200


@dataclass(frozen=True, slots=True)
class AgentToken:
    """A token whose tag is ours; whether it still holds is for the store to say."""

    host_id: uuid.UUID
    secret_hash: str


def tag_for(host_id: uuid.UUID, secret_hash: str, *, key: str | None = None) -> str:
    """The tag (32 hex digits) that ``/enrol`` hands out."""
    server_key = (settings.SECRET_KEY if key is None else key).encode()
    message = f"agent-token|{host_id}|{secret_hash}".encode()
    return hmac.digest(server_key, message, "sha256")[:TAG_BYTES].hex()


def read(header: str) -> AgentToken:
    """The token in an Authorization header.

    Raises:
        Unauthenticated: for anything that we did not issue.
    """
    text = header.removeprefix("Bearer ")
    parts = text.split(".")
    if text == header or len(text) > MAX_TOKEN_CHARACTERS or len(parts) != 4 or parts[0] != "k1":
        raise unknown_token()
    try:
        host_id = uuid.UUID(parts[1])
        secret = base64.urlsafe_b64decode(parts[2] + "=" * (-len(parts[2]) % 4))
    except (ValueError, binascii.Error):
        raise unknown_token() from None
    if len(secret) != SECRET_BYTES:
        raise unknown_token()
    secret_hash = hashlib.sha256(secret).hexdigest()
    keys = [str(key) for key in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)]
    tags = [tag_for(host_id, secret_hash, key=key) for key in keys]
    given = parts[3].encode("utf-8", "surrogatepass")
    if not any(hmac.compare_digest(tag.encode(), given) for tag in tags):
        raise unknown_token()
    return AgentToken(host_id, secret_hash)


class UnknownKey(Unauthenticated):
    """We did not issue this token, or its key was replaced: the agent may enrol again."""

    code = "unknown"


class RevokedKey(Unauthenticated):
    """An administrator took the key back: the agent stops sending data."""

    code = "revoked"


def unknown_token() -> UnknownKey:
    """The one answer to every token that we did not issue."""
    return UnknownKey("this agent token is not known")
