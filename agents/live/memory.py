"""The live store of one process (embedded mode and tests on SQLite)."""

import threading
import uuid
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from agents.live.base import Beat, Known, Seen, Verdict

ROOT_PREFIX = 32


class MemoryLive:
    """Keeps hosts in a dictionary under a lock."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: dict[uuid.UUID, Known] = {}
        self._seen: dict[uuid.UUID, Seen] = {}

    def beat(self, beat: Beat, *, now: datetime) -> Verdict:
        """See ``LiveStore``."""
        with self._lock:
            known = self._known.get(beat.host_id)
            if known is None:
                return Verdict.MISS
            if known.secret_hash != beat.secret_hash:
                return Verdict.REFUSED
            if known.state == "retired":
                return Verdict.GONE
            if known.state == "forked":
                return Verdict.CLONE
            self._known[beat.host_id] = replace(known, boot=beat.boot, counter=beat.counter)
            self._seen[beat.host_id] = Seen(beat.host_id, now, beat.boot, beat.counter)
            if known.root[:ROOT_PREFIX] != beat.root[:ROOT_PREFIX]:
                return Verdict.INDEX_WANTED
            return Verdict.FINE

    def put(self, host_id: uuid.UUID, known: Known) -> None:
        """See ``LiveStore``."""
        with self._lock:
            self._known[host_id] = known

    def forget(self, host_id: uuid.UUID) -> None:
        """See ``LiveStore``."""
        with self._lock:
            self._known.pop(host_id, None)

    def take_seen(self, *, limit: int) -> Sequence[Seen]:
        """See ``LiveStore``."""
        with self._lock:
            taken = list(self._seen.values())[:limit]
            for seen in taken:
                del self._seen[seen.host_id]
            return taken
