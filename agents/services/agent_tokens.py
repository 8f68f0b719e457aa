"""The token an agent shows: ``k1.<host_id>.<secret>.<tag>``.

The tag is an HMAC of ours over host and secret hash, so that a token we never issued dies without a
look-up; the stored secret hash is compared as well.
"""

import base64
import hashlib
import hmac
import re
import uuid
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from django.conf import settings

from workbench.core.errors import Unauthenticated

TAG_BYTES = 16
# As an agent builds it: the id as /enrol wrote it, 32 bytes in base64 without padding, the tag.
BEARER: Final = re.compile(
    r"Bearer k1\.([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})"
    r"\.([A-Za-z0-9_-]{43})\.([0-9a-f]{32})"
)


@dataclass(frozen=True, slots=True)
class AgentToken:
    """A token whose tag is ours; whether it still holds is for the store to say."""

    host_id: uuid.UUID
    secret_hash: str


def tag_for(host_id: uuid.UUID, secret_hash: str, *, key: str | None = None) -> str:
    """The tag (32 hex digits) that ``/enrol`` hands out."""
    return _tag(str(host_id), secret_hash, key=settings.SECRET_KEY if key is None else key)


def _tag(host: str, secret_hash: str, *, key: str) -> str:
    keyed = _keyed(key).copy()
    keyed.update(f"agent-token|{host}|{secret_hash}".encode())
    return keyed.hexdigest()[: 2 * TAG_BYTES]


@lru_cache(maxsize=8)
def _keyed(key: str) -> hmac.HMAC:
    """The HMAC with the key taken in already: half of what a tag costs."""
    return hmac.new(key.encode(), digestmod="sha256")


def read(header: str) -> AgentToken:
    """The token in an Authorization header.

    Raises:
        Unauthenticated: for anything that we did not issue.
    """
    match = BEARER.fullmatch(header)
    if match is None:
        raise unknown_token()
    host, secret, given = match.groups()
    secret_hash = hashlib.sha256(base64.urlsafe_b64decode(secret + "=")).hexdigest()
    for key in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS):
        if hmac.compare_digest(_tag(host, secret_hash, key=str(key)), given):
            return AgentToken(uuid.UUID(host), secret_hash)
    raise unknown_token()


class UnknownKey(Unauthenticated):
    """We did not issue this token, or its key was replaced: the agent may enrol again."""

    code = "unknown"


class RevokedKey(Unauthenticated):
    """An administrator took the key back: the agent stops sending data."""

    code = "revoked"


def unknown_token() -> UnknownKey:
    """The one answer to every token that we did not issue."""
    return UnknownKey("this agent token is not known")
