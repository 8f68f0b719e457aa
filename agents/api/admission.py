"""Who gets in when there is more than we can take: the door's own budget, per process.

Bodies wait in memory, so their bytes and number are bounded. The least urgent kinds are shed
first, because each kind may fill only a share of the room: heartbeats all of it, enrolments the
least. A full room is 503, a single noisy host 429; neither costs a look-up anywhere.
"""

import math
import secrets
import time
from collections.abc import Callable, Hashable
from enum import StrEnum
from functools import wraps
from threading import Lock
from typing import Final

from django.conf import settings
from django.http import HttpRequest, HttpResponseBase

from agents.services import agent_tokens
from agents.services.agent_tokens import AgentToken
from workbench.core.door.body import keep_body, stated_length
from workbench.core.door.limits import Limits
from workbench.core.errors import TooMany, Unavailable

ROOM_BYTES: Final = 128 * 1024 * 1024
ROOM_BODIES: Final = 64
GZIP_RATIO: Final = 100  # what the door inflates at most, see ``inflate``
RETRY_SECONDS: Final = (5, 60)
BURST_SECONDS: Final = 5
ENROLMENTS_PER_SECOND: Final = 50

Answer = HttpResponseBase | None
View = Callable[[HttpRequest], Answer]


class Kind(StrEnum):
    """What a request is for, most urgent first."""

    HEARTBEAT = "heartbeat"
    EVENTS = "events"
    INDEX = "index"
    BLOBS = "blobs"
    ENROL = "enrol"


# The share of the room that a kind may find taken and still be let in.
SHARES: Final = {
    Kind.HEARTBEAT: 1.0,
    Kind.EVENTS: 0.9,
    Kind.INDEX: 0.8,
    Kind.BLOBS: 0.7,
    Kind.ENROL: 0.6,
}


class Rate:
    """How often each sender may come: ``per_second`` in the long run, ``burst`` at once.

    Per sender one number is kept: when its allowance would be whole again (the generic cell rate
    algorithm of ATM). Who has been quiet for that long is forgotten, so memory follows traffic.
    """

    def __init__(self, *, per_second: float, burst: int) -> None:
        self._step = 1 / per_second
        self._room = burst * self._step
        self._lock = Lock()
        self._whole_at: dict[Hashable, float] = {}
        self._before: dict[Hashable, float] = {}
        self._turn_at = 0.0

    def wait_seconds(self, sender: Hashable, *, now: float) -> float:
        """0 for a sender that may come in, which is counted; else how long it should wait."""
        with self._lock:
            if now >= self._turn_at:
                self._before, self._whole_at = self._whole_at, {}
                self._turn_at = now + self._room
            known = self._whole_at.get(sender) or self._before.get(sender, 0.0)
            whole_at = (known if known > now else now) + self._step
            over = whole_at - now - self._room
            if over > 1e-9:  # the sum of many steps is rounded
                return over
            self._whole_at[sender] = whole_at
            return 0.0


class Room:
    """The bodies that are in this process now."""

    def __init__(self, *, max_bytes: int = ROOM_BYTES, max_bodies: int = ROOM_BODIES) -> None:
        self._lock = Lock()
        self._max_bytes, self._max_bodies = max_bytes, max_bodies
        self.taken_bytes = self.taken_bodies = 0

    def enter(self, kind: Kind, size: int) -> None:
        """Take a place for a body of ``size`` bytes; ``leave`` must follow.

        Raises:
            Unavailable: when the share of its kind is taken; nothing is to be given back then.
        """
        share = SHARES[kind]
        with self._lock:
            is_full = (
                self.taken_bodies >= share * self._max_bodies
                or self.taken_bytes + size > share * self._max_bytes
            )
            if not is_full:
                self.taken_bytes += size
                self.taken_bodies += 1
        if is_full:
            message = "the server is full, come again later"
            raise Unavailable(message, retry_after_seconds=random_wait())

    def leave(self, size: int) -> None:
        """Give the place back."""
        with self._lock:
            self.taken_bytes -= size
            self.taken_bodies -= 1


def random_wait() -> int:
    """Seconds for Retry-After: one constant would bring everybody back at the same time."""
    low, high = RETRY_SECONDS
    return low + secrets.randbelow(high - low + 1)


room = Room()
hosts = Rate(
    per_second=settings.AGENT_REQUESTS_PER_SECOND,
    burst=BURST_SECONDS * settings.AGENT_REQUESTS_PER_SECOND,
)
enrolments = Rate(per_second=ENROLMENTS_PER_SECOND, burst=ENROLMENTS_PER_SECOND)


def admitted(kind: Kind, limits: Limits) -> Callable[[View], Callable[..., HttpResponseBase]]:
    """Let a view run only for a token of ours, at a bearable rate, while there is room.

    Raises:
        Unauthenticated, TooMany, Unavailable: in this order, before a byte of the body is read.
    """

    def wrap(view: View) -> Callable[..., HttpResponseBase]:
        @wraps(view)
        def guarded(request: HttpRequest) -> Answer:
            if kind is not Kind.ENROL:
                _check_sender(request)
            length = stated_length(request)
            size = size_of(request, length=length, limits=limits)
            room.enter(kind, size)
            try:
                # All of it now: nothing that the view asks the database for waits on the sender.
                keep_body(request, length=length, max_bytes=limits.max_wire_bytes)
                return view(request)
            finally:
                room.leave(size)

        return guarded  # type: ignore[return-value] # None is 204, see ``AgentEntry``

    return wrap


def token_of(request: HttpRequest) -> AgentToken:
    """The token that was checked on the way in.

    Raises:
        Unauthenticated: for anything that we did not issue.
    """
    known = getattr(request, "agent_token", None)
    if isinstance(known, AgentToken):
        return known
    return agent_tokens.read(request.META.get("HTTP_AUTHORIZATION", ""))


def check_enrolment(secret: str) -> None:
    """Raises TooMany when one enrolment token is used more often than 50 times a second."""
    _check(enrolments, secret, "this enrolment token is used too fast")


def size_of(request: HttpRequest, *, length: int, limits: Limits) -> int:
    """The memory that a body may come to: what it inflates to at most, when it is compressed."""
    if "HTTP_CONTENT_ENCODING" in request.META:
        return min(GZIP_RATIO * length, limits.max_raw_bytes)
    return min(length, limits.max_wire_bytes)


def _check_sender(request: HttpRequest) -> None:
    token = agent_tokens.read(request.META.get("HTTP_AUTHORIZATION", ""))
    # The number, not the UUID: that one's hash is Python code.
    _check(hosts, token.host_id.int, "this host asks too often")
    request.agent_token = token  # type: ignore[attr-defined]


def _check(rate: Rate, sender: Hashable, message: str) -> None:
    wait = rate.wait_seconds(sender, now=time.monotonic())
    if wait:
        raise TooMany(message, retry_after_seconds=math.ceil(wait))
