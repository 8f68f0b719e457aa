"""The local policy: what the administrator of this host forbids, whatever the server asks for.

One ``key = value`` a line, ``#`` begins a comment; no TOML, because Python 3.9 has no reader of it.
Every key can only narrow: an interval becomes longer, a collector, event kind or option goes off,
the spool becomes smaller. A line that is not understood ends the agent: a slip of the pen must not
open what was meant to be closed.
"""

import os
import re
import stat

from .configuration import (
    COLLECTOR_INTERVAL,
    FOLD_SECONDS,
    INTERVAL,
    OPTIONS,
    SPOOL_BYTES,
    SYSCTL,
    Configuration,
    ConfigurationRefused,
    number_within,
)

DEFAULT_FILE = "/etc/underpin/agent.conf"
MAX_BYTES = 65_536
LINE = re.compile(r"([a-z]+(?:_[a-z]+)*)(?:\.([a-z][a-z0-9_.-]*?))?(\.interval)?\s*=\s*(.*?)")


class PolicyError(Exception):
    """The policy file cannot be used; the text names the line."""


class Policy:
    """What may not be exceeded. Without a file nothing is narrowed."""

    __slots__ = (
        *("collectors", "collector_intervals", "events", "fold_seconds", "interval", "labels"),
        *("options", "spool_bytes", "sysctls"),
    )

    def __init__(self):
        self.interval = self.fold_seconds = 0
        self.spool_bytes = SPOOL_BYTES[1]
        self.collectors, self.events, self.options = set(), set(), set()  # switched off
        self.collector_intervals = {}
        self.labels = True
        self.sysctls = None  # None: any; else the only further names that may be read

    def narrow(self, wanted):
        """The ``Configuration`` that holds here when the server wants ``wanted``."""
        collectors = dict(wanted.collectors)
        for name, least in self.collector_intervals.items():
            on, interval = collectors.get(name, (True, None))
            collectors[name] = (on, max(interval or 0, least))
        for name in self.collectors:
            collectors[name] = (False, collectors.get(name, (False, None))[1])
        allowed = wanted.sysctls if self.sysctls is None else self.sysctls
        return Configuration(
            interval=max(wanted.interval or 0, self.interval) or None,
            collectors=collectors,
            events={**wanted.events, **dict.fromkeys(self.events, False)},
            fold_seconds=max(wanted.fold_seconds or 0, self.fold_seconds) or None,
            spool_bytes=self._spool(wanted.spool_bytes),
            labels=wanted.labels if self.labels else {},
            options={**wanted.options, **dict.fromkeys(self.options, False)},
            sysctls=tuple(name for name in wanted.sysctls if name in allowed),
        )

    def _spool(self, wanted):
        if self.spool_bytes == SPOOL_BYTES[1]:
            return wanted
        return min(wanted or SPOOL_BYTES[1], self.spool_bytes)


def load_policy(path=DEFAULT_FILE):
    """The ``Policy`` in the file, or one that narrows nothing when there is none.

    Raises PolicyError for a line that is not understood, and for a file that anybody but root or
    the agent's own user may change.
    """
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError:
        return Policy()
    except OSError as error:
        text = "policy file %s: %s" % (path, error.strerror)
        raise PolicyError(text) from None
    with os.fdopen(fd, "rb") as file:
        found = os.fstat(fd)
        if not stat.S_ISREG(found.st_mode) or found.st_mode & 0o022:
            text = "policy file %s may be changed by others, or is no file" % path
            raise PolicyError(text)
        if found.st_uid not in (0, os.geteuid()):
            text = "policy file %s belongs to another user" % path
            raise PolicyError(text)
        raw = file.read(MAX_BYTES + 1)
    if len(raw) > MAX_BYTES:
        text = "policy file %s is too long" % path
        raise PolicyError(text)
    return parse_policy(raw.decode("utf-8", "replace"), path)


def parse_policy(text, path=DEFAULT_FILE):
    """The ``Policy`` in ``text``. Raises PolicyError."""
    policy = Policy()
    for number, line in enumerate(text.splitlines(), 1):
        said = line.partition("#")[0].strip()
        try:
            if said:
                _apply(policy, said)
        except (ConfigurationRefused, ValueError) as error:
            text = "policy file %s, line %d: %s" % (path, number, error)
            raise PolicyError(text) from None
    return policy


def _apply(policy, line):
    found = LINE.fullmatch(line)
    if found is None:
        text = "write key = value"
        raise ValueError(text)
    kind, name, is_interval, value = found.groups()
    if is_interval and kind == "collector" and name:
        bounded = number_within("collector.interval", COLLECTOR_INTERVAL)
        policy.collector_intervals[name] = bounded(_whole(value))
    elif kind in ("collector", "event", "option") and name and not is_interval:
        _switch_off(policy, kind, name, value)
    elif kind in WHOLE and not name and not is_interval:
        setattr(policy, kind, number_within(kind, WHOLE[kind])(_whole(value)))
    elif kind == "labels" and not name:
        _only_off(value)
        policy.labels = False
    elif kind == "sysctls" and not name:
        policy.sysctls = _names(value)
    else:
        text = "unknown key"
        raise ValueError(text)


WHOLE = {"interval": INTERVAL, "fold_seconds": FOLD_SECONDS, "spool_bytes": SPOOL_BYTES}


def _switch_off(policy, kind, name, value):
    _only_off(value)
    if kind == "option" and name not in OPTIONS:
        text = "unknown option"
        raise ValueError(text)
    {"collector": policy.collectors, "event": policy.events, "option": policy.options}[kind].add(
        name
    )


def _only_off(value):
    if value != "off":
        text = "only off can be said here"
        raise ValueError(text)


def _whole(value):
    if not re.fullmatch("[0-9]{1,12}", value):
        text = "a whole number is needed"
        raise ValueError(text)
    return int(value)


def _names(value):
    if value == "none":
        return ()
    names = tuple(value.replace(",", " ").split())
    if not names or not all(SYSCTL.fullmatch(one) for one in names):
        text = "names, or none, are needed"
        raise ValueError(text)
    return names
