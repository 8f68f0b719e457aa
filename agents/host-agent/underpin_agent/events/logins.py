"""Logins from wtmp and btmp: new records since the last look, by file and offset (utmp(5)).

Read in a child of the agent: a folder of logs may lie on a disk that does not answer.
"""

import os
import platform
import struct

from ..reading import ReadFailed, named_failure, printable

FILES = {"/var/log/wtmp": None, "/var/log/btmp": "login.fail"}
RECORD = struct.Struct("=hhi32s4s32s256shhiii16s20s")  # 384 bytes on x86-64; others differ
KINDS = {7: "login.open", 8: "login.close"}  # USER_PROCESS, DEAD_PROCESS
MAX_RECORDS = 200  # of one file and round; the rest is counted


def read(host, known):
    """``{path: {"at": [inode, offset], "rows": [...], "more": n, "cut": true}}`` of what is new.

    ``known`` maps a path to where the last look ended. A file seen for the first time is read from
    its end: what happened before the agent came is no event.
    """
    if platform.machine() != "x86_64":
        return {}
    found = {}
    for path, kind in FILES.items():
        try:
            found[path] = _read_file(host, path, kind, known.get(path))
        except ReadFailed:
            continue
    if found.get("/var/log/btmp", {}).get("rows"):
        _hide_unknown(found["/var/log/btmp"]["rows"], _accounts(host))
    return found


def _read_file(host, path, kind, known):
    folder, name = os.path.split(path)
    try:
        with host.folder(folder) as opened:
            flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
            fd = os.open(name, flags, dir_fd=opened.fd)
        try:
            status = os.fstat(fd)
            whole = status.st_size - status.st_size % RECORD.size
            if known is None:
                return {"at": [status.st_ino, whole], "rows": []}
            same = known[0] == status.st_ino
            cut = same and whole < known[1]
            begin = known[1] if same and not cut else 0
            wanted = min(whole - begin, MAX_RECORDS * RECORD.size)
            raw = os.pread(fd, wanted, begin)
        finally:
            os.close(fd)
    except OSError as error:
        raise named_failure(path, error) from None
    rows = [_row(raw, at, kind) for at in range(0, len(raw) - RECORD.size + 1, RECORD.size)]
    more = (whole - begin - len(raw)) // RECORD.size
    at = [status.st_ino, whole]
    return {"at": at, "rows": [row for row in rows if row], "more": more, "cut": cut}


def _row(raw, at, kind):
    fields = RECORD.unpack_from(raw, at)
    kind = kind or KINDS.get(fields[0])
    user = _text(fields[5])
    if kind is None or (kind == "login.open" and not user):
        return None
    return {
        "kind": kind,
        "pid": fields[2],
        "terminal": _text(fields[3]),
        "user": user,
        "remote_address": _text(fields[6]),
        "seconds": fields[10],
        "micro": fields[11],
    }


def _text(raw):
    return printable(raw.split(b"\0", 1)[0])


def _accounts(host):
    try:
        lines = host.lines("/etc/passwd", 4_194_304)
    except ReadFailed:
        return frozenset()
    return frozenset(line.split(":", 1)[0] for line in lines)


def _hide_unknown(rows, accounts):
    """A name that is no account may be a password typed in the wrong place: it stays here."""
    for row in rows:
        if row["user"] not in accounts:
            row["user"] = ""
