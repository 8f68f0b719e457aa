"""``kernel.core_pattern.*``: where dumps of crashed processes go (core(5))."""

import stat

from ..reading import Absent
from .gathering import Unknown

# Places containers and other users can write.
_UNTRUSTED = (
    "/proc/",
    "/tmp/",  # noqa: S108 named, not used
    "/var/tmp/",  # noqa: S108
    "/dev/shm/",  # noqa: S108
    "/var/lib/docker/",
    "/var/lib/containers/",
    "/run/containerd/",
)
_SYSTEMD_STORE = "/var/lib/systemd/coredump"


def gather(gathering, host):
    """Store the pattern, what it means, and whether handler and store can be trusted."""
    raw = gathering.fact("core_pattern.raw", lambda: host.line("/proc/sys/kernel/core_pattern"))
    if raw is None:
        for name in ("kind", "handler", "handler_trusted", "storage_protected"):
            gathering.missing("core_pattern." + name, "the pattern could not be read")
        return
    kind = pattern_kind(raw)
    gathering.store("core_pattern.kind", kind)
    handler = pattern_handler(raw)
    if kind == "pipe":
        gathering.store("core_pattern.handler", handler)
        gathering.fact("core_pattern.handler_trusted", lambda: handler_trusted(host, handler))
    else:
        for name in ("handler", "handler_trusted"):
            gathering.missing("core_pattern." + name, "dumps are not piped to a program")
    gathering.fact("core_pattern.storage_protected", lambda: storage_protected(host, raw))


def pattern_kind(raw):
    """off, file, pipe or socket by the first letter of the pattern."""
    if raw in ("", "/dev/null"):
        return "off"
    return {"|": "pipe", "@": "socket"}.get(raw[0], "file")


def pattern_handler(raw):
    """The program of a pipe pattern, else ``""``."""
    words = raw[1:].split() if raw.startswith("|") else []
    return words[0] if words else ""


def handler_trusted(host, handler):
    """True for a file that exists on the host outside the places containers can write."""
    if not handler.startswith("/") or ".." in handler.split("/"):
        return False
    if handler.startswith(_UNTRUSTED):
        return False
    try:
        info = host.stat(handler)
    except Absent:
        return False
    if stat.S_ISLNK(info.st_mode):
        return not host.link(handler).startswith(_UNTRUSTED)
    return stat.S_ISREG(info.st_mode) and not info.st_mode & 0o022


def storage_protected(host, raw):
    """True when dumps land where other users cannot look, with a bound on their space.

    Raises Unknown for a handler whose store is not known, and for a closed folder whose dumps only
    the limits of each process bound.
    """
    kind = pattern_kind(raw)
    if kind == "off":
        return True
    if kind == "pipe" and pattern_handler(raw).endswith("/systemd-coredump"):
        # Each dump there is 0640 with an access list, and MaxUse= bounds them by default.
        return _mode(host, _SYSTEMD_STORE) & 0o002 == 0
    if kind in ("pipe", "socket"):
        raise Unknown(reason="the store of this dump handler is not known")
    if not raw.startswith("/") or _mode(host, raw.rsplit("/", 1)[0] or "/") & 0o007:
        return False  # a relative pattern writes into the folder of the crashed process
    raise Unknown(reason="dumps in a closed folder are bounded by each process only")


def _mode(host, folder):
    """Its mode; a folder that is not there lets nobody in."""
    try:
        return host.stat(folder).st_mode
    except Absent:
        return 0
