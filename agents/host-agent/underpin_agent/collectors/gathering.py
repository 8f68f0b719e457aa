"""Filling a section fact by fact, so that each missing one leaves its own reason behind.

A collector names a fact and the reading that yields it; ``Gathering`` turns the three failures of
``reading`` into the three kinds of "no value" of ``facts.md`` section 1.
"""

from ..reading import Absent, ReadFailed, Section

_NO_DEFAULT = object()
# What a parser raises on text it does not understand: never a reason to lose the other facts.
_UNEXPECTED = (ValueError, IndexError, KeyError, TypeError, AttributeError)


class Unknown(Exception):
    """Raised by a reading that knows why it has no answer; ``needs`` says what would help."""

    def __init__(self, reason, needs="", errno_name=""):
        super().__init__(reason)
        self.reason = reason
        self.needs = needs
        self.errno_name = errno_name


class Gathering:
    """Writes into ``facts`` and records reasons in ``section`` under ``prefix`` (``kernel``)."""

    def __init__(self, prefix, section=None, facts=None):
        self.prefix = prefix
        self.section = Section() if section is None else section
        self.facts = self.section.facts if facts is None else facts

    def fact(self, key, read, absent=_NO_DEFAULT, needs=""):
        """Store ``read()`` as ``key`` (dots nest). ``absent`` is the value for a missing feature.

        Returns the value stored, or None when the fact stays out.
        """
        try:
            value = read()
        except Absent as failure:
            if absent is _NO_DEFAULT:
                self.failed(key, failure, needs)
                return None
            value = absent
        except ReadFailed as failure:
            self.failed(key, failure, needs)
            return None
        except Unknown as unknown:
            self.missing(key, unknown.reason, unknown.errno_name, unknown.needs)
            return None
        except _UNEXPECTED:
            self.missing(key, "unexpected content")
            return None
        self.store(key, value)
        return value

    def store(self, key, value):
        """Put ``value`` at ``key``; dots in the key nest."""
        *folders, last = key.split(".")
        facts = self.facts
        for name in folders:
            facts = facts.setdefault(name, {})
        facts[last] = value

    def path(self, key):
        """The full document path of ``key``: "" is the section, ``[].size`` a column of it."""
        return self.prefix + ("." if key and not key.startswith("[") else "") + key

    def item(self, key):
        """A Gathering for one row of the list ``key``; the caller stores its ``facts``."""
        path = self.path(key)
        return Gathering(path + "[]", self.section, {})

    def missing(self, key, reason, errno_name="", needs=""):
        """Record why ``key`` stays out, once however many rows it is missing from."""
        path = self.path(key)
        if not any(
            entry["path"] == path and entry["reason"] == reason for entry in self._unknowns()
        ):
            self.section.missing(path, reason, errno_name, needs)

    def failed(self, key, failure, needs=""):
        """Record a ``ReadFailed`` as the reason why ``key`` stays out, once."""
        path = self.path(key)
        if not any(entry["path"] == path for entry in self._unknowns()):
            self.section.failed(path, failure, needs)

    def _unknowns(self):
        return self.section.unknowns


def text_or(host, path, default=""):
    """The folded content of a small file, ``default`` when absent; other failures are raised."""
    try:
        return host.line(path)
    except Absent:
        return default


def names_or_none(host, path):
    """Entry names of a folder, ``[]`` when the folder is absent; other failures are raised."""
    try:
        return host.names(path)
    except Absent:
        return []


def number_list(text):
    """The numbers of a kernel list such as ``0-3,8`` (Documentation/core-api/cpu_hotplug)."""
    numbers = []
    for part in text.replace(",", " ").split():
        first, dash, last = part.partition("-")
        numbers.extend(range(int(first), int(last if dash else first) + 1))
    return numbers


def capped(gathering, key, rows, limit):
    """At most ``limit`` rows; a cut list leaves the reason ``truncated`` behind."""
    if len(rows) > limit:
        gathering.missing(key, "truncated", needs="")
    return rows[:limit]
