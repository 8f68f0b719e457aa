"""Who is alive: the store that answers heartbeats without the database."""

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final, Protocol, TypedDict, Unpack

# The root digest's and the key digest's share that is compared: 128 bits.
PREFIX: Final = 32
REVOKED: Final = "revoked"  # stands beside the states of ``HostState``


class Verdict(StrEnum):
    """What a heartbeat comes to."""

    FINE = "fine"  # nothing to do
    INDEX_WANTED = "index_wanted"  # the server has other facts than the host
    MISS = "miss"  # the store does not know the host: look it up and put it in
    REFUSED = "refused"  # the key does not hold any more
    REVOKED = "revoked"  # a person took the key back
    CLONE = "clone"  # two machines use one identity
    FORKED = "forked"  # as CLONE, and this beat is the first proof of it
    ROLLED_BACK = "rolled_back"  # one machine after all, which went back to a snapshot
    GONE = "gone"  # the host was retired
    AWAY = "away"  # the store itself cannot be reached


@dataclass(frozen=True, slots=True)
class Beat:
    """One heartbeat: ``root`` is the first half of the digest of the facts the host has.

    ``config_etag`` names the configuration it holds; None from agents that know of none.
    """

    host_id: uuid.UUID
    secret_hash: str
    boot: str
    counter: int
    root: str
    config_etag: str | None = None
    spool: str = ""


@dataclass(frozen=True, slots=True)
class Pulse:
    """The store's answer: the verdict, and what the agent should hear besides.

    ``config_etag`` is the new configuration's name or empty. ``is_promoted``: this was the first
    use of a new key. ``is_stale``: look the host up again; one caller in 30 s is told so.
    """

    verdict: Verdict
    config_etag: str = ""
    wants_rotation: bool = False
    is_promoted: bool = False
    is_stale: bool = False


@dataclass(frozen=True, slots=True)
class Known:
    """What the database says of a host; ``state`` is that of ``HostState``, or ``REVOKED``.

    ``next_hash`` is the key that follows; the present one dies at ``next_until``. ``rotate_at`` is
    when a new key is due. Times are seconds since 1970; 0 means never.
    """

    secret_hash: str
    state: str
    root: str
    boot: str = ""
    counter: int = 0
    previous_boot: str = ""
    previous_counter: int = 0
    rival_boot: str = ""
    next_hash: str = ""
    next_until: int = 0
    rotate_at: int = 0
    config_etag: str = ""


class Change(TypedDict, total=False):
    """The parts of a known host that may change by themselves; see ``Known``."""

    root: str
    next_hash: str
    next_until: int
    rotate_at: int
    config_etag: str


@dataclass(frozen=True, slots=True)
class Seen:
    """A host's newest sign of life, to be written to the database."""

    host_id: uuid.UUID
    at: datetime
    boot: str
    counter: int
    previous_boot: str = ""
    previous_counter: int = 0
    spool: str = ""


class LiveStore(Protocol):
    """One step per heartbeat; the database has everything too, so nothing is lost with it."""

    def beat(self, beat: Beat, *, now: datetime) -> Pulse:
        """Compare, note the time, and say what to do."""

    def put(self, host_id: uuid.UUID, known: Known, *, now: datetime) -> None:
        """Keep what the database says of a host; boots heard meanwhile are newer and stay."""

    def put_unknown(self, host_id: uuid.UUID, *, now: datetime) -> None:
        """Keep for 5 s that the database does not know the host."""

    def patch(
        self, host_ids: Iterable[uuid.UUID], *, now: datetime, **change: Unpack[Change]
    ) -> None:
        """Change these parts of the hosts that the store knows; the others are left out."""

    def forget(self, host_id: uuid.UUID) -> None:
        """Let the next heartbeat look the host up; boots and times heard stay."""

    def drop(self, host_id: uuid.UUID) -> None:
        """Drop everything of a host, its boots too: another key or machine begins."""

    def take_seen(self, *, limit: int) -> Sequence[Seen]:
        """Signs of life not yet written, at most ``limit``; each is handed out once."""
