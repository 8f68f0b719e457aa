"""``logging.files[]`` and rotation: who could change or erase the records on disk."""

import array
import fcntl
import os
import stat
import time

from ..reading import Absent, ReadFailed, named_failure

_KNOWN = (
    *("auth.log", "secure", "syslog", "messages", "kern.log", "daemon.log", "wtmp", "btmp"),
    *("lastlog", "faillog", "audit/audit.log", "sudo.log"),
)
_OWNERS = {"root", "syslog"}
_GET_FLAGS = 0x80086601  # FS_IOC_GETFLAGS, ioctl_iflags(2)
_APPEND_ONLY = 0x20
_TIMERS = (
    "/etc/systemd/system/timers.target.wants/logrotate.timer",
    "/usr/lib/systemd/system/logrotate.timer",
)
_CRON = ("/etc/cron.daily/logrotate", "/etc/cron.hourly/logrotate")
_STATUS = ("/var/lib/logrotate/status", "/var/lib/logrotate/logrotate.status")
_RECENT_SECONDS = 8 * 86_400  # weekly runs, and a day of slack


def rows(gathering, host):
    """One row per known log that exists, sorted by path."""
    owners = _owner_ids(host)
    found = []
    for name in _KNOWN:
        path = "/var/log/" + name
        try:
            info = host.stat(path)
        except Absent:
            continue
        row = gathering.item("files")
        row.store("path", path)
        row.store("owner_expected", info.st_uid in owners)
        row.store("other_write", bool(info.st_mode & stat.S_IWOTH))
        row.fact("append_only", lambda path=path: append_only(host, path))
        row.missing("shrunk", "needs 24 h of watching")
        found.append(row.facts)
    return sorted(found, key=lambda row: row["path"])


def _owner_ids(host):
    try:
        lines = [line.split(":") for line in host.lines("/etc/passwd")]
    except ReadFailed:
        return {0}
    return {0} | {int(row[2]) for row in lines if len(row) > 2 and row[0] in _OWNERS}


def append_only(host, path):
    """Whether the file has the append-only attribute; false where the file system has none."""
    folder, name = os.path.split(path)
    flags = array.array("L", [0])
    try:
        with host.folder(folder) as opened:
            mode = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC
            fd = os.open(name, mode, dir_fd=opened.fd)
            try:
                fcntl.ioctl(fd, _GET_FLAGS, flags, True)
            finally:
                os.close(fd)
    except OSError as error:
        failure = named_failure(path, error)
        if failure.errno_name in ("ENOTTY", "EOPNOTSUPP"):
            return False
        raise failure from None
    return bool(flags[0] & _APPEND_ONLY)


def rotation_running(host):
    """Whether logrotate is set up to run and did so lately."""
    planned = any(host.exists(path) for path in _TIMERS + _CRON)
    if not planned:
        return False
    for path in _STATUS:
        try:
            return time.time() - host.stat(path).st_mtime < _RECENT_SECONDS
        except Absent:
            continue
    return False
