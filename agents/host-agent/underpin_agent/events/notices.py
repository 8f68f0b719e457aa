"""Events from differences: what one round shows that the round before did not.

``event(kind, stream, …)`` makes an event of this boot; the round is given as plain values.
"""

import os

from . import changes
from .event import mono_ms, wall_text

MAX_SAID = 100  # of one kind and round; the rest is one event with a number
MAX_KEYS = 40
TICKS = os.sysconf("SC_CLK_TCK")


def degraded(event, fresh):
    """One event when sections fail that did not before."""
    if not fresh:
        return []
    what = {"reason": "facts cannot be read", "attributes": {"sections": fresh}}
    return [event("agent.degraded", what=what)]


def losses(event, rows):
    """One event for each reason for which the spool dropped something."""
    counts = {}
    for number, why in rows:
        counts[why] = counts.get(why, 0) + number
    return [
        event("agent.spool_drop", key=(mono_ms(), why), what={"reason": why, "amount": number})
        for why, number in sorted(counts.items())
    ]


def containers(event, before, after, *, round_ms):
    """Starts and deaths. ``round_ms`` is when the round before was, 0 when that was another run."""
    new, gone = changes.started_and_gone(before, after)
    found = [_gone(event, row, round_ms) for row in gone] + [_started(event, row) for row in new]
    if len(found) <= MAX_SAID:
        return found
    what = {"amount": len(found) - MAX_SAID, "attributes": {"stream": "cgroup"}}
    return [*found[:MAX_SAID], event("agent.overrun", what=what)]


def _started(event, row):
    """The kernel knows to the hundredth of a second since boot when its first process began."""
    now = mono_ms()
    mono = row["ticks"] * 1000 // TICKS or now
    return event(
        "container.start",
        "cgroup",
        mono=min(mono, now),
        key=(row["key"], row["ticks"]),
        at=row["started_at"],
        where=_where(row),
    )


def _gone(event, row, round_ms):
    what = {"attributes": {"last_seen_ms": round_ms}} if round_ms else {}
    key = (row["key"], row["ticks"])
    return event("container.die", "cgroup", key=key, where=_where(row), what=what)


def facts(event, before, sections, after):
    """One event for each section and container whose facts changed; never a value."""
    found = []
    for name, keys in changes.changed_sections(before.sections, sections):
        what = {"attributes": {"section": name, "keys": keys[:MAX_KEYS]}}
        found.append(event("facts.changed", key=(name, sections[name][0]), what=what))
    new, _ = changes.started_and_gone(before.containers, after)
    leave_out = {row["key"] for row in new}
    for row, parts in changes.changed_containers(before.containers, after, leave_out):
        what = {"attributes": {"section": "container", "keys": parts}}
        key = (row["key"], row["identity"], row["posture"])
        found.append(event("facts.changed", key=key, where=_where(row), what=what))
    if len(found) <= MAX_SAID:
        return found
    what = {"amount": len(found) - MAX_SAID, "attributes": {"section": "container"}}
    return [*found[:MAX_SAID], event("facts.changed", what=what)]


def logins(event, found, *, wall):
    """The events of ``logins.read``."""
    return [one for path in sorted(found) for one in _file(event, path, found[path], wall)]


def _file(event, path, one, wall):
    name = os.path.basename(path)
    if one.get("cut"):
        what = {"attributes": {"file": name}}
        yield event("log.truncated", "login", key=(mono_ms(), name), what=what)
    if one.get("more"):
        what = {"amount": one["more"], "attributes": {"stream": "login", "file": name}}
        yield event("agent.overrun", key=(mono_ms(), name), what=what)
    for row in one["rows"]:
        yield _login(event, name, row, wall)


def _login(event, name, row, wall):
    now = mono_ms()
    ago = int((wall - row["seconds"]) * 1000)
    return event(
        row["kind"],
        "login",
        mono=now - ago if 0 <= ago <= now else now,
        key=(name, row["pid"], row["seconds"], row["micro"], row["terminal"]),
        at=wall_text(row["seconds"]),
        outcome="failure" if row["kind"] == "login.fail" else "success",
        who={part: row[part] for part in ("user", "terminal", "remote_address")},
        what={"pid": row["pid"]},
    )


def _where(row):
    names = row["names"]
    where = {"container": row["key"], "container_name": names.get("name", "")}
    for name in ("runtime", "image_id", "image_reference", "cgroup_path"):
        where[name] = names.get(name, "")
    return where
