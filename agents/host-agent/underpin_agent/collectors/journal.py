"""``logging.journal.*``: systemd-journald (journald.conf(5))."""

import struct

from ..reading import Absent, ReadFailed
from .gathering import names_or_none
from .programs import running

_PERSISTENT = "/var/log/journal"
_SEALED = 1 << 0  # compatible_flags of the file header, systemd JOURNAL_FILE_FORMAT


def gather(gathering, context):
    """Store journal.*."""
    host = context.host
    is_running = gathering.fact(
        "journal.running", lambda: bool(running(context, ("systemd-journald",)))
    )
    if is_running is False:
        gathering.store("journal.persistent", False)
        gathering.store("journal.sealed", False)
        return
    gathering.fact("journal.persistent", lambda: bool(_files(host)))
    gathering.fact("journal.sealed", lambda: is_sealed(host))


def _files(host):
    """Journal files of this machine on disk."""
    try:
        folder = "%s/%s" % (_PERSISTENT, host.line("/etc/machine-id"))
        return ["%s/%s" % (folder, n) for n in host.names(folder) if n.endswith(".journal")]
    except Absent:
        return []


def is_sealed(host):
    """Whether the system journal carries seals: its header says so and the key is there."""
    for path in _files(host):
        if path.endswith("/system.journal"):
            return header_is_sealed(host.read_bytes(path, 16)) and _has_key(host)
    return False


def _has_key(host):
    folder = "%s/%s" % (_PERSISTENT, host.line("/etc/machine-id"))
    return "fss" in names_or_none(host, folder)


def header_is_sealed(data):
    """The SEALED flag of a journal file's header. Raises ReadFailed for other files."""
    if data[:8] != b"LPKSHHRH" or len(data) < 12:
        raise ReadFailed(_PERSISTENT, "EBADMSG")
    return bool(struct.unpack_from("<I", data, 8)[0] & _SEALED)
