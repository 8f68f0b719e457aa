"""Who is alive: the store that answers heartbeats without the database."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol


class Verdict(StrEnum):
    """What a heartbeat comes to."""

    FINE = "fine"  # nothing to do
    INDEX_WANTED = "index_wanted"  # the server has other facts than the host
    MISS = "miss"  # the store does not know the host: look it up and put it in
    REFUSED = "refused"  # the key does not hold any more
    CLONE = "clone"  # two machines use one identity
    GONE = "gone"  # the host was retired


@dataclass(frozen=True, slots=True)
class Beat:
    """One heartbeat: ``root`` is the first half of the digest of the facts the host has."""

    host_id: uuid.UUID
    secret_hash: str
    boot: str
    counter: int
    root: str


@dataclass(frozen=True, slots=True)
class Known:
    """What the store keeps of a host; ``state`` is that of ``HostState``."""

    secret_hash: str
    state: str
    root: str
    boot: str = ""
    counter: int = 0


@dataclass(frozen=True, slots=True)
class Seen:
    """A host's newest sign of life, to be written to the database."""

    host_id: uuid.UUID
    at: datetime
    boot: str
    counter: int


class LiveStore(Protocol):
    """One step per heartbeat; the database has everything too, so nothing is lost with it."""

    def beat(self, beat: Beat, *, now: datetime) -> Verdict:
        """Compare, note the time, and say what to do."""

    def put(self, host_id: uuid.UUID, known: Known) -> None:
        """Keep what the database says of a host."""

    def forget(self, host_id: uuid.UUID) -> None:
        """Drop a host whose row changed; the next heartbeat looks it up."""

    def take_seen(self, *, limit: int) -> Sequence[Seen]:
        """Signs of life not yet written, at most ``limit``; each is handed out once."""
