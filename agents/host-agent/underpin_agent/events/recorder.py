"""The record of what happens on this host: notices events, keeps them, delivers them."""

import contextlib
import os
import time

from .. import __version__
from ..child import ChildFailed, Children
from . import changes, logins, notices
from .event import make, mono_ms, payload, wall_text
from .folding import WINDOW_SECONDS, Folding
from .seen import Seen
from .sender import Sender
from .spool import MAX_BYTES
from .storage import Storage

FOLDER = "spool"


class Events:
    """What the loop uses: ``start``, ``observe`` after each collection, ``deliver`` after each
    heartbeat that was answered, ``stop``."""

    def __init__(self, state_folder, host, *, boot, say, wall=time.time, **bounds):
        folder = os.path.join(state_folder, FOLDER)
        self.boot, self.host, self.wall = boot, host, wall
        self.children = Children()
        self.storage = Storage(folder, say=say, **bounds)
        self.sender = Sender(self.storage, boot=boot, say=say)
        self.seen, self.folding = Seen(folder), Folding()
        self.failing, self.told, self.waiting = set(), set(), set()
        self.off, self.round_ms = frozenset(), 0

    @property
    def acked_through(self):
        """The last number of the spool that the server has."""
        return self.storage.spool.mark.acked

    @property
    def in_memory(self):
        """True while the disk takes no events."""
        return self.storage.in_memory

    def start(self):
        """Take up what an earlier run left, and say that the agent is there."""
        self.storage.open()
        self.seen.load()
        for raw in self.seen.unfinished(self.storage.spool):
            self.storage.append(raw)
        what = {"reason": self._reason(), "attributes": {"version": __version__}}
        found = [self._event("agent.start", what=what)]
        if self.seen.is_there:
            times = {"from": wall_text(self.seen.when), "to": wall_text(self.wall())}
            what = {"reason": "the agent did not run", "attributes": {"stream": "cgroup", **times}}
            found.append(self._event("agent.gap", what=what))
        self.seen.boot, self.seen.stopped = self.boot, False
        self._keep(found)

    def use_configuration(self, configuration):
        """Kinds switched off, the window of folding, the size of the spool. What the agent says of
        itself cannot be switched off."""
        off = {kind for kind, on in configuration.events.items() if not on}
        self.off = frozenset(kind for kind in off if not kind.startswith("agent."))
        self.folding.window_ms = int((configuration.fold_seconds or WINDOW_SECONDS) * 1000)
        self.storage.spool.max_bytes = configuration.spool_bytes or MAX_BYTES

    def observe(self, index):
        """Note the difference between this collection and the last one."""
        seen, now = self.seen, mono_ms()
        failing = changes.failing(index)
        # Twice in a row: in the first rounds sections are only waiting for their turn.
        fresh = sorted(failing & self.failing - self.told)
        self.failing, self.told = failing, (self.told | set(fresh)) & failing
        found = notices.degraded(self._event, fresh)
        found += notices.losses(self._event, self.storage.losses())
        found += self._logins()
        is_changed = False
        if changes.trusted(index):
            is_changed = self._compare(index, found)
        self.round_ms = now
        if found or is_changed or self.folding.is_due(now):
            self._keep(found)
        else:
            seen.touch()

    def deliver(self, client, token):
        """Bring to the server what waits. What was kept for another enrolment is not sent."""
        host_id = token.split(".")[1]
        if self.seen.host_id != host_id:
            if self.seen.host_id:
                self.storage.reset()
            self.seen.host_id = host_id
            self._keep([])
        self.sender.deliver(client, token)

    def stop(self):
        """Say that the agent ends, and let go of the files."""
        self.seen.stopped = True
        found = [*self.folding.all(), self._event("agent.stop", what={"reason": "asked to stop"})]
        self._keep(found)
        self.storage.close()

    def _event(self, kind, stream="agent", *, mono=None, key=(), **parts):
        mono = mono_ms() if mono is None else mono
        return make(kind, stream, boot=self.boot, mono=mono, key=key, **parts)

    def _reason(self):
        if not self.seen.is_there:
            return "first start"
        if self.seen.boot != self.boot:
            return "the host was started"
        return "started again" if self.seen.stopped else "the last run ended without notice"

    def _compare(self, index, found):
        """Add to ``found`` what differs from the last round; True when the state to keep did."""
        seen = self.seen
        sections = changes.sections_of(index, seen.sections)
        after = changes.containers_of(index, seen.containers, self.waiting)
        is_same = seen.is_known and (sections, after) == (seen.sections, seen.containers)
        if seen.is_known and not is_same:
            found += notices.containers(self._event, seen.containers, after, round_ms=self.round_ms)
            found += notices.facts(self._event, seen, sections, after)
        seen.sections, seen.containers, seen.is_known = sections, after, True
        return not is_same

    def _logins(self):
        """Logins since the last round; after a child that failed, the next one looks again."""
        found = {}
        with contextlib.suppress(ChildFailed):
            if not self.children.recheck():
                for value, _blob in self.children.run(self._read_logins):
                    found = value.get("logins", found)
        known = {path: one["at"] for path, one in found.items()}
        self.seen.logins = {**self.seen.logins, **known}
        return notices.logins(self._event, found, wall=self.wall())

    def _read_logins(self, send):
        send({"logins": logins.read(self.host, self.seen.logins)})

    def _keep(self, events):
        """Write the state and the events that follow from it in one step; then the events."""
        now = mono_ms()
        wanted = [event for event in events if event["kind"] not in self.off]
        rows = [payload(one) for event in wanted for one in self.folding.offer(event, now)]
        rows += [payload(one) for one in self.folding.due(now)]
        spool = self.storage.spool
        self.seen.pending = [raw.decode() for raw in rows]
        self.seen.base, self.seen.epoch = spool.last + 1, spool.epoch
        self._save()
        for raw in rows:
            self.storage.append(raw)
        self.storage.sync()
        if rows and self.storage.in_memory:
            self.seen.pending = []
            self._save()

    def _save(self):
        try:
            self.seen.save()
        except OSError:
            return  # the storage says that the disk refuses
