"""The configuration that the server pushes: data with bounds that stand here, never anything to
run, to read or to call. One value out of bounds refuses all of it; unknown keys say nothing."""

import re

INTERVAL = (30, 3600)
COLLECTOR_INTERVAL = (60, 86_400)
FOLD_SECONDS = (1, 3600)
SPOOL_BYTES = (262_144, 268_435_456)
OPTIONS = ("set_id_scan", "content_scan", "tls_probe", "log_secret_scan")
MAX_LABELS, MAX_SYSCTLS, MAX_NAMES = 64, 64, 64
NAME = re.compile(r"[a-z][a-z0-9_.]{0,39}")
LABEL = re.compile(r"[^\x00-\x1f\x7f]{1,255}")
SYSCTL = re.compile(r"[a-z0-9_.-]{1,128}")


class ConfigurationRefused(Exception):
    """A value is out of bounds; the text names it."""


class Configuration:
    """Accepted settings. None, or an empty mapping, where nothing was set.

    ``collectors`` maps a name to ``(on, interval seconds or None)``, ``events`` a kind to a bool,
    ``options`` an option of ``agent.options`` to a bool; ``sysctls`` are further names to read.
    """

    __slots__ = (
        *("collectors", "events", "fold_seconds", "interval", "labels", "options"),
        *("spool_bytes", "sysctls"),
    )

    def __init__(self, **values):
        for name in ("collectors", "events", "labels", "options"):
            setattr(self, name, values.get(name) or {})
        for name in ("interval", "fold_seconds", "spool_bytes"):
            setattr(self, name, values.get(name))
        self.sysctls = values.get("sysctls") or ()


def parse(pushed):
    """The ``Configuration`` in a JSON object. Raises ConfigurationRefused."""
    if not isinstance(pushed, dict):
        text = "the configuration is no object"
        raise ConfigurationRefused(text)
    # null is as good as not there
    return Configuration(
        **{
            name: read(pushed[name])
            for name, read in READERS.items()
            if pushed.get(name) is not None
        }
    )


def number_within(name, bounds):
    """A reader of whole numbers in ``bounds``."""

    def read(value):
        low, high = bounds
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            text = "%s must be a number from %d to %d" % (name, low, high)
            raise ConfigurationRefused(text)
        return value

    return read


def _pairs(name, value, pattern, limit):
    """The items of an object whose keys fit ``pattern``."""
    if not isinstance(value, dict) or len(value) > limit:
        text = "%s must be an object of at most %d keys" % (name, limit)
        raise ConfigurationRefused(text)
    for key in value:
        if not pattern.fullmatch(key):
            text = "%s holds a key that is no name" % name
            raise ConfigurationRefused(text)
    return value.items()


def _switch(name, value):
    if not isinstance(value, bool):
        text = "%s must be true or false" % name
        raise ConfigurationRefused(text)
    return value


def _collectors(value):
    found = {}
    for name, row in _pairs("collectors", value, NAME, MAX_NAMES):
        if not isinstance(row, dict):
            text = "collectors.%s must be an object" % name
            raise ConfigurationRefused(text)
        interval = row.get("interval")
        if interval is not None:
            interval = number_within("collectors.%s.interval" % name, COLLECTOR_INTERVAL)(interval)
        found[name] = (_switch("collectors.%s.on" % name, row.get("on", True)), interval)
    return found


def _events(value):
    rows = _pairs("events", value, NAME, MAX_NAMES)
    return {kind: _switch("events.%s" % kind, on) for kind, on in rows}


def _options(value):
    rows = _pairs("options", value, NAME, MAX_NAMES)
    return {name: _switch("options.%s" % name, on) for name, on in rows if name in OPTIONS}


def _labels(value):
    found = dict(_pairs("labels", value, LABEL, MAX_LABELS))
    if not all(
        isinstance(one, str) and (not one or LABEL.fullmatch(one)) for one in found.values()
    ):
        text = "labels must be short texts without control characters"
        raise ConfigurationRefused(text)
    return found


def _sysctls(value):
    good = isinstance(value, list) and len(value) <= MAX_SYSCTLS
    # A name becomes a path below /proc/sys: no empty part, so none that leads upwards.
    if not good or not all(
        isinstance(one, str) and SYSCTL.fullmatch(one) and "" not in one.split(".") for one in value
    ):
        text = "sysctls must be a list of at most %d names" % MAX_SYSCTLS
        raise ConfigurationRefused(text)
    return tuple(sorted(set(value)))


READERS = {
    "interval": number_within("interval", INTERVAL),
    "collectors": _collectors,
    "events": _events,
    "fold_seconds": number_within("fold_seconds", FOLD_SECONDS),
    "spool_bytes": number_within("spool_bytes", SPOOL_BYTES),
    "labels": _labels,
    "options": _options,
    "sysctls": _sysctls,
}
