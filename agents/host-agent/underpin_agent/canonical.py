"""The canonical text of facts: the exact bytes that are hashed, sent and stored."""

import hashlib
import json
import re

LONE = re.compile("[\ud800-\udfff]")


def canonical(value):
    r"""Sorted keys, no spaces, UTF-8; bytes that were no text are written as ``\xNN``."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError:
        return LONE.sub(_as_hex, text).encode("utf-8")


def _as_hex(match):
    """A byte kept by surrogateescape (U+DC80…U+DCFF) as ``\\xNN``, inside a JSON string."""
    return "\\\\x%02x" % (ord(match.group()) & 0xFF)


def digest(raw):
    """SHA-256 of the exact bytes, hexadecimal."""
    return hashlib.sha256(raw).hexdigest()
