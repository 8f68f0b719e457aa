"""Collecting with a small parent: the parent keeps what is known, children read what is due.

A child looks at the process table, then reads one item after the other and sends each when it is
ready. When it breaks, the item it was reading is at fault: that one becomes an error, and another
child reads the rest. Bodies arrive compressed and stay so: they take a tenth of the memory.
"""

import sys
import time

from .child import ChildFailed, Children, Stuck
from .collection import Reader
from .collectors import COLLECTORS
from .containers import failed_container
from .index import make_index, packed, problem
from .memory import stuck_before
from .schedule import MAX_AGE_SECONDS, Schedule

ROUND_SECONDS = 45.0  # how long a cycle starts children; what is left waits for the next one
CHILD_CPU_SECONDS, CHILD_SECONDS = 3.5, 10.0  # then a child stops, and another one goes on
NOT_READ, SWITCHED_OFF = "not read yet", "switched off by the configuration"


class Isolated:
    """The collector of the daemon. ``clock`` varies in tests; ``cpu`` is the CPU time in seconds
    that collecting took so far; ``trouble`` says why facts may be old, or ``""``."""

    def __init__(self, root="/", org_salt=b"", options=None, *, clock=time.monotonic):
        self._arguments = (root, org_salt, options)
        self._clock = clock
        self._children = Children(stuck_before())
        self._hanging = {}  # pid of a stuck child: the item it hangs in
        self._blind_since, self._blindness = None, ""  # no process table: since when, and why
        self._kept = {}  # digest: compressed body
        self._index = None
        self.schedule = Schedule(COLLECTORS, clock())
        self.cpu = 0.0
        self.trouble = ""

    def use_salt(self, org_salt):
        """Key every later HMAC with the workspace's salt."""
        root, old, options = self._arguments
        if org_salt != old:
            self._arguments = (root, org_salt, options)
            self.refresh()

    def use_configuration(self, configuration):
        """Work by a ``configuration.Configuration``: its collectors and options."""
        self.schedule.rules = configuration.collectors
        root, salt, options = self._arguments
        if configuration.options != (options or {}):
            self._arguments = (root, salt, dict(configuration.options))
            self.refresh()

    def refresh(self, names=None):
        """Read everything again as soon as the budget allows, or the sections in ``names``."""
        self.schedule.refresh(names)

    @property
    def stuck(self):
        """Numbers of the children that hang in the kernel."""
        return tuple(self._children.stuck)

    def index(self, *, everything=False):
        """The ``Index`` of what is known now; what is due is read first. With ``everything`` all
        items are due. Never raises."""
        if everything:
            self.schedule.refresh()
        now = self._clock()
        if self._index is None or self.schedule.may_start(now):
            own, children = time.process_time(), self._children.cpu
            first = self.schedule.first
            self._round(now)
            self.schedule.ended(now)
            self._index = self._made(now)
            spent = time.process_time() - own + self._children.cpu - children
            self.cpu += spent
            if not first or self._blindness:
                self.schedule.budget.charge(spent)
        self._tell(self._blindness or self.schedule.trouble(now))
        return self._index

    def _round(self, now):
        """Start children until all that is due was tried, or the time is over."""
        end, tried = time.monotonic() + ROUND_SECONDS, set()
        while time.monotonic() < end:
            alive = self._children.recheck()
            self._hanging = {pid: self._hanging.get(pid) for pid in alive}
            if not self._one_child(now, tried):
                return

    def _one_child(self, now, tried):
        """Run one child. True when it left something that is due."""
        skip = tried | set(self._hanging.values())
        known, item, more = frozenset(self._kept), None, False
        try:
            for value, blob in self._children.run(lambda send: self._read(send, skip, known, now)):
                if "marks" in value:
                    self.schedule.observe(value["marks"])
                    self._blind_since, self._blindness = None, ""
                elif "item" in value:
                    item = tuple(value["item"])
                    tried.add(item)
                elif "cost" in value:
                    self._keep(item, value, blob, now)
                more = "more" in value
        except ChildFailed as failure:
            return self._broken(item, failure, now)
        return more

    def _read(self, send, skip, known, now):
        """The work of a child."""
        end, some = time.monotonic() + CHILD_SECONDS, False
        reader = Reader(*self._arguments)
        marks = reader.marks()
        send({"marks": marks})
        self.schedule.observe(marks)
        for key, most in self.schedule.plan(now, time.process_time()):
            used = time.process_time()
            if key in skip or (most is not None and used >= most):
                continue
            if some and (used > CHILD_CPU_SECONDS or time.monotonic() > end):
                send({"more": True})
                return
            send({"item": key})
            value, blob = _sendable(reader.read(*key), known)
            value["cost"] = time.process_time() - used
            send(value, blob)
            some = True

    def _keep(self, key, value, blob, now):
        """Take the result of one item: compressed bodies, or why there are none."""
        result, place = [], 0
        for name, size in value.get("parts", ()):
            raw = blob[place : place + size] if size else self._kept.get(name, b"")
            place += size
            result.append((name, self._kept.setdefault(name, raw)))
        self.schedule.done(
            key, now=now, cost=value["cost"], result=value.get("problem") or tuple(result)
        )

    def _broken(self, item, failure, now):
        """The child failed. True when another one may read the rest."""
        if item is None:
            if self._blind_since is None:
                self._blind_since = now
            self._blindness = str(failure)
            return False
        if isinstance(failure, Stuck):
            self._hanging[self._children.stuck[-1]] = item
        self.schedule.failed(item, now=now, reason=str(failure))
        return True

    def _made(self, now):
        """The index of all items. Facts that nobody could confirm for too long are unknown."""
        blind = ""
        if self._blind_since is not None and now - self._blind_since >= MAX_AGE_SECONDS:
            blind = self._blindness
        sections, containers, kept = {}, [], {}
        for (kind, name), item in sorted(self.schedule.items.items()):
            why = blind or item.error or ("" if item.result else self._blindness or NOT_READ)
            why = why if self.schedule.is_on((kind, name)) else SWITCHED_OFF
            if kind == "section":
                sections[name] = _section(item, why, kept)
            else:
                containers.append([name, *_container(name, item, why, kept)])
        self._kept = kept
        return make_index(sections, containers, kept)

    def _tell(self, trouble):
        if trouble and not self.trouble:
            sys.stderr.write("underpin-agent: %s\n" % trouble)
        self.trouble = trouble


def _section(item, why, kept):
    """The entry of a section in the index: its digest, or the problem."""
    if why:
        return problem(why, "")
    if isinstance(item.result, dict):
        return item.result
    kept.update(item.result)
    return item.result[0][0]


def _container(name, item, why, kept):
    """Digests of identity and posture."""
    pair = item.result
    if why or len(pair) != 2:
        row = failed_container(name, why)
        pair = (packed(row["identity"]), packed(row["posture"]))
    kept.update(pair)
    return [digest for digest, _raw in pair]


def _sendable(found, known):
    """``(value, blob)`` of what a reading gave; bodies the parent has are named only."""
    if "error" in found:
        return {"problem": problem(found["error"], found.get("needs", ""))}, b""
    bodies = [found["identity"], found["posture"]] if "posture" in found else [found]
    parts, blob = [], b""
    for body in bodies:
        name, raw = packed(body)
        if name in known:
            raw = b""
        parts.append([name, len(raw)])
        blob += raw
    return {"parts": parts}, blob
