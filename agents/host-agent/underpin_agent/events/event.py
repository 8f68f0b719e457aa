"""One event: kinds, classes, and the bytes that are kept and sent."""

import hashlib
import time

from ..canonical import canonical

MAX_TEXT = 256
CLASSES = {
    "container.start": "A",
    "container.die": "A",
    "login.open": "A",
    "login.close": "A",
    "login.fail": "A",
    "log.truncated": "A",
    "facts.changed": "B",
    "agent.start": "A",
    "agent.stop": "A",
    "agent.gap": "A",
    "agent.degraded": "A",
    "agent.overrun": "A",
    "agent.spool_drop": "A",
}


def mono_ms():
    """Milliseconds since boot, time asleep included."""
    return int(time.clock_gettime(time.CLOCK_BOOTTIME) * 1000)


def wall_text(seconds):
    """A wall time as RFC 3339; ``""`` for one that no calendar has."""
    try:
        return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))
    except (ValueError, OverflowError, OSError):
        return ""


def make(kind, stream, *, boot, mono, key=(), **parts):
    """The event as a dict. ``key`` identifies it among those of its stream; ``parts`` are the
    optional fields of the schema, empty ones are left out."""
    named = "\n".join(str(part) for part in (stream, kind, boot, *(key or (mono,))))
    event = {
        "id": hashlib.sha256(named.encode("utf-8", "surrogatepass")).hexdigest()[:32],
        "kind": kind,
        "class": CLASSES[kind],
        "stream": stream,
        "mono_ms": mono,
        "boot_id": boot,
    }
    for name, value in parts.items():
        if value not in ("", None, {}, []):
            event[name] = bounded(value)
    return event


def bounded(value):
    """Texts cut and free of NUL, which no database takes; everything else as it is."""
    if isinstance(value, str):
        return value[:MAX_TEXT].replace("\x00", "")
    if isinstance(value, dict):
        return {name: bounded(one) for name, one in value.items() if one not in ("", None)}
    if isinstance(value, (list, tuple)):
        return [bounded(one) for one in value]
    return value


def payload(event):
    """The bytes that the spool keeps; the sequence is put in front when they are sent."""
    return canonical(event)
