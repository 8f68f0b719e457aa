"""``accounts.login_records``: where logins are written down, and whether the file is whole."""

import platform
import struct

from .gathering import Unknown

_WTMP = "/var/log/wtmp"
_RECORD_BYTES = 384  # struct utmp on x86-64 (utmp(5)); others differ
_SECONDS_AT = 340
_SLACK_SECONDS = 300  # the clock is set once after each boot
_MAX_BYTES = 16_777_216


def gather(gathering, host):
    """Store login_records.*."""
    source = gathering.fact("login_records.source", lambda: source_of(host))
    if source in (None, "none"):
        gathering.missing("login_records.complete", "no login records")
        return
    gathering.fact("login_records.complete", lambda: _complete(host, source))


def source_of(host):
    """wtmp, wtmpdb, journal or none, by what exists."""
    if host.exists(_WTMP):
        return "wtmp"
    if host.exists("/var/lib/wtmpdb/wtmp.db"):
        return "wtmpdb"
    for folder in ("/var/log/journal", "/run/log/journal"):
        if host.exists(folder):
            return "journal"
    return "none"


def _complete(host, source):
    is_known_format = source == "wtmp" and platform.machine() == "x86_64"
    if is_known_format and has_gap(host.read_bytes(_WTMP, _MAX_BYTES)):
        return False
    raise Unknown(reason="needs two collections to see whether the file shrank")


def has_gap(data):
    """True when records are cut or their times go back: somebody edited the file."""
    if len(data) % _RECORD_BYTES and len(data) < _MAX_BYTES:
        return True
    latest = 0
    for at in range(_SECONDS_AT, len(data) - 3, _RECORD_BYTES):
        (seconds,) = struct.unpack_from("=i", data, at)
        if seconds + _SLACK_SECONDS < latest:
            return True
        latest = max(latest, seconds)
    return False
