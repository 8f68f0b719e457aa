"""Canonical bytes and digests: the same facts give the same bytes on every machine."""

import hashlib
import json
from collections.abc import Mapping, Sequence


def canonical_bytes(value: object) -> bytes:
    """Return `value` as JSON with sorted keys, no spaces, UTF-8.

    Raises TypeError for what JSON cannot hold and ValueError for NaN, infinities and
    lone surrogates (UnicodeEncodeError).
    """
    text = json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )
    return text.encode()


def digest(body: bytes) -> str:
    """Return SHA-256 of exactly these bytes as 64 lower-case hex digits."""
    return hashlib.sha256(body).hexdigest()


def root_digest(
    sections: Mapping[str, str | Mapping[str, str]],
    containers: Mapping[str, Sequence[str]],
) -> str:
    """Return the digest of an index: one value for everything a host last reported.

    `sections` maps a name to its digest, or to `{"err": reason}` when it failed as a whole;
    `containers` maps a key to its identity digest and its posture digest.
    """
    index = {
        "sections": dict(sections),
        "containers": {key: list(pair) for key, pair in containers.items()},
    }
    return digest(canonical_bytes(index))
