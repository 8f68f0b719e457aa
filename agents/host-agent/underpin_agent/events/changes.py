"""What changed between two collections: containers new and gone, sections and their first keys."""

import json
import zlib

from ..canonical import canonical

MAX_PARSED = 65_536  # longer sections are named, without the keys that changed
MAX_SAID = 100  # changed containers and sections of one round; more become one event
NAMED = ("id", "name", "runtime", "image_reference", "image_id", "cgroup_path")


def trusted(index):
    """True when the list of containers is what the kernel showed: a failed look shows none."""
    return any(isinstance(entry, str) for entry in index.sections.values())


def container_row(facts, key, identity):
    """What is kept of a container: its digest, start in ticks since boot, and its names."""
    names = {name: facts[name] for name in NAMED if isinstance(facts.get(name), str)}
    ticks = facts.get("leader_start_ticks")
    return {
        "key": key,
        "identity": identity,
        "ticks": ticks if isinstance(ticks, int) else 0,
        "started_at": str(facts.get("started_at", "")),
        "names": names,
    }


def containers_of(index, before, waiting):
    """``{key: row}`` of the containers now. A new one that is not read yet goes to ``waiting`` for
    one round, so that its start has a name; one that cannot be read any more keeps what it had."""
    found, unread = {}, set()
    for key, identity, posture in index.containers:
        row = before.get(key)
        if row is None or row["identity"] != identity:
            facts = _facts(index, identity)
            if not facts:
                unread.add(key)
            if facts or row is None:
                row = container_row(facts, key, identity)
        if key in before or key not in unread or key in waiting:
            found[key] = {**row, "posture": row.get("posture", "") if key in unread else posture}
    waiting.clear()
    waiting.update(unread)
    return found


def started_and_gone(before, after):
    """``(new rows, gone rows)``; a container whose first process is another one is both."""
    again = [
        key
        for key, row in after.items()
        if key in before and row["ticks"] and before[key]["ticks"] not in (0, row["ticks"])
    ]
    gone = [before[key] for key in before if key not in after or key in again]
    new = [after[key] for key in after if key not in before or key in again]
    return new, gone


def failing(index):
    """Names of the sections that could not be read, or were not yet."""
    return {name for name, value in index.sections.items() if not isinstance(value, str)}


def sections_of(index, before):
    """``{section: [digest, {first key: checksum}]}``; one that failed keeps what it last was."""
    found = {}
    for name, digest in index.sections.items():
        old = before.get(name)
        if not isinstance(digest, str):
            found.update({name: old} if old else {})
        else:
            same = old is not None and old[0] == digest
            found[name] = old if same else [digest, _sums(index, digest)]
    return found


def changed_sections(before, after):
    """``[(section, [first keys that changed])]``; no keys when they are not known."""
    found = []
    for name, (digest, sums) in sorted(after.items()):
        old = before.get(name)
        if old is None or old[0] == digest:
            continue
        keys = set(sums) ^ set(old[1]) | {key for key in sums if old[1].get(key) != sums[key]}
        found.append((name, sorted(keys) if sums and old[1] else []))
    return found


def changed_containers(before, after, leave_out):
    """Rows whose identity or posture changed, without those in ``leave_out``."""
    return [
        (row, [part for part in ("identity", "posture") if row[part] != before[key][part]])
        for key, row in after.items()
        if key in before and key not in leave_out and _differs(row, before[key])
    ]


def _differs(row, old):
    return row["identity"] != old["identity"] or row["posture"] != old["posture"]


def _sums(index, digest):
    text = index.bodies.get(digest, "")
    if not text or len(text) > MAX_PARSED:
        return {}
    facts = json.loads(text).get("facts", {})
    return {key: zlib.crc32(canonical(value)) for key, value in facts.items()}


def _facts(index, digest):
    text = index.bodies.get(digest, "")
    return json.loads(text).get("facts", {}) if text else {}
