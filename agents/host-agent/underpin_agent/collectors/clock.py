"""``logging.clock.*``: whether the times in records can be compared with those of other hosts."""

import ctypes
import os

from ..reading import Absent, named_failure
from .gathering import Unknown, names_or_none
from .programs import running

_CALL = "adjtimex(2)"
_UNSYNCHRONISED = 0x40  # STA_UNSYNC, adjtimex(2)
_TIMEX_BYTES = 256  # struct timex is 208 bytes on 64-bit Linux
_CHRONY = ("/etc/chrony/chrony.conf", "/etc/chrony.conf")
_TIMESYNCD = "/etc/systemd/timesyncd.conf"
_DEFAULT_POOL = 4  # chrony.conf(5): maxsources


def gather(gathering, context):
    """Store clock.*."""
    gathering.fact("clock.synchronised", synchronised)
    gathering.fact("clock.sources", lambda: _sources(context)[0])
    gathering.fact("clock.authenticated", lambda: _sources(context)[1])


def synchronised():
    """Whether the kernel's clock is disciplined; the clock is one for host and containers."""
    timex = ctypes.create_string_buffer(_TIMEX_BYTES)  # modes 0: only read
    library = ctypes.CDLL(None, use_errno=True)
    if library.adjtimex(timex) < 0:
        number = ctypes.get_errno()
        raise named_failure(_CALL, OSError(number, os.strerror(number)))
    return not status_of(timex.raw) & _UNSYNCHRONISED


def status_of(raw):
    """The status word of ``struct timex``: after modes, offset, freq, maxerror and esterror."""
    size = ctypes.sizeof(ctypes.c_long)
    return ctypes.c_int.from_buffer_copy(raw, 5 * size).value


def _sources(context):
    """``(number of configured sources, all authenticated)`` of the daemon that runs."""
    host = context.host
    daemons = running(context, ("chronyd", "systemd-timesyncd", "ntpd", "ntpsec"))
    if not daemons:
        return 0, False
    if "chronyd" in daemons:
        return chrony_sources(_chrony_lines(host))
    if "systemd-timesyncd" in daemons:
        return timesyncd_sources(_timesyncd_text(host)), False  # it knows no authentication
    raise Unknown(reason="the configuration of this time daemon is not read")


def _chrony_lines(host):
    for path in _CHRONY:
        try:
            lines = host.lines(path)
            break
        except Absent:
            continue
    else:
        raise Absent(_CHRONY[0], "ENOENT")
    for line in list(lines):
        words = line.split()
        if len(words) == 2 and words[0] in ("sourcedir", "confdir"):
            suffix = ".sources" if words[0] == "sourcedir" else ".conf"
            for name in names_or_none(host, words[1]):
                if name.endswith(suffix):
                    lines += host.lines("%s/%s" % (words[1], name))
    return lines


def chrony_sources(lines):
    """Count and authentication of server, peer, pool and refclock lines (chrony.conf(5))."""
    count, secured = 0, []
    for line in lines:
        words = line.split()
        if not words or words[0] not in ("server", "peer", "pool", "refclock"):
            continue
        wide = _DEFAULT_POOL if words[0] == "pool" else 1
        if words[0] == "pool" and "maxsources" in words[:-1]:
            wide = int(words[words.index("maxsources") + 1])
        count += wide
        secured.append(words[0] == "refclock" or "nts" in words or "key" in words)
    return count, bool(secured) and all(secured)


def _timesyncd_text(host):
    text = host.read(_TIMESYNCD) if host.exists(_TIMESYNCD) else ""
    for name in names_or_none(host, _TIMESYNCD + ".d"):
        if name.endswith(".conf"):
            text += "\n" + host.read("%s.d/%s" % (_TIMESYNCD, name))
    return text


def timesyncd_sources(text):
    """Number of servers in timesyncd.conf(5); the distribution's own four without any."""
    chosen = {"NTP": [], "FallbackNTP": []}
    for line in text.splitlines():
        name, equals, value = line.strip().partition("=")
        if equals and name in chosen:
            chosen[name] = chosen[name] + value.split() if value.strip() else []
    return len(chosen["NTP"]) or len(chosen["FallbackNTP"]) or _DEFAULT_POOL
