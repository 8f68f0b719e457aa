"""Authorized keys (sshd(8), AUTHORIZED_KEYS FILE FORMAT): kind and strength, never the key."""

import base64
import binascii
import hashlib
import re
import struct

_TYPES = re.compile(
    r"(?:^|\s)((?:sk-)?(?:ssh-(?:rsa|dss|ed25519)|ecdsa-sha2-nistp\d+)(?:@openssh\.com)?)\s+(\S+)(.*)"
)
_QUOTED = re.compile(r'"(?:\\"|[^"])*"')
_RESTRICTING = re.compile(r"(?:^|,)(?:from=|command=|restrict(?:,|$))")
_SERVICE = re.compile(
    r"(?i)\b(?:ansible|backup|bot|ci|cron|deploy(?:er|ment)?|git(?:hub|lab)?|jenkins|monitor(?:ing)?"
    r"|rsync|runner|service|svc|terraform)\b"
)


def parse_keys(text):
    """One dict per key: type, bits, fingerprint, restricted, and ``service_comment``."""
    return [row for row in map(parse_key, text.splitlines()) if row]


def parse_key(line):
    """The row of one line, None for comments and what is no key."""
    line = line.strip()
    if not line or line.startswith("#"):
        return None
    # Quotes may hold spaces and even text that looks like a key: blank them for the search.
    match = _TYPES.search(_QUOTED.sub(lambda found: "q" * len(found.group(0)), line))
    if match is None:
        return None
    try:
        blob = base64.b64decode(match.group(2), validate=True)
        bits = key_bits(blob)
    except (binascii.Error, ValueError, struct.error):
        return None
    return {
        "type": match.group(1),
        "bits": bits,
        "fingerprint": fingerprint(blob),
        "restricted": bool(_RESTRICTING.search(line[: match.start()].strip())),
        "service_comment": bool(_SERVICE.search(match.group(3))),
    }


def fingerprint(blob):
    """As ``ssh-keygen -l`` prints it."""
    return "SHA256:" + base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")


def key_bits(blob):
    """Size of the key in a public-key blob (RFC 4253 6.6). Raises ValueError for unknown kinds."""
    parts = blob_parts(blob)
    kind = parts[0].decode("ascii", "replace")
    if kind == "ssh-rsa":
        return int.from_bytes(parts[2], "big").bit_length()
    if kind == "ssh-dss":
        return int.from_bytes(parts[1], "big").bit_length()
    if "ed25519" in kind:
        return 256
    match = re.search(r"nistp(\d+)", kind)
    if match is None:
        raise ValueError(kind)
    return int(match.group(1))


def blob_parts(blob):
    """The length-prefixed strings of a blob."""
    parts, at = [], 0
    while at < len(blob):
        (size,) = struct.unpack_from("!I", blob, at)
        if at + 4 + size > len(blob):
            raise ValueError(size)
        parts.append(blob[at + 4 : at + 4 + size])
        at += 4 + size
    return parts
