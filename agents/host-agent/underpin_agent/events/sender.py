"""Bringing events to the server: in order, a batch at a time, until it says it has them."""

import random
import time
from collections import deque

from ..client import Unreachable
from .event import mono_ms

MAX_EVENTS, MAX_RAW_BYTES = 1_000, 1_040_000  # the server takes 1 MiB; the frame needs some
REQUESTS, WINDOW_SECONDS = 4, 60.0
TOO_MUCH = (400, 413, 415, 422)
BUSY_SECONDS = 60.0


class Sender:
    """Empties a ``Storage``. At most four requests a minute, so that an outage has no echo."""

    def __init__(self, storage, *, boot, say, clock=time.monotonic, pick=random.uniform):
        self.storage, self.boot = storage, boot
        self._say, self._clock, self._pick = say, clock, pick
        self._rows = MAX_EVENTS
        self._times = deque(maxlen=REQUESTS)
        self._skip = set()  # (epoch, number) of events the server refused alone
        self._held_until = 0.0
        self._rewound = False

    def deliver(self, client, token):
        """Send what waits, as far as the rate allows. Never raises for what the server does."""
        for store in self.storage.stores():
            self._rewound = False
            while self._may_ask():
                batch = self._batch(store)
                if batch is None:
                    break
                reply = self._ask(client, token, store, batch)
                if reply is None or not self._after(store, batch, reply):
                    return

    def _batch(self, store):
        """What to send next; None when there is nothing, or the disk gives nothing."""
        skip = {number for epoch, number in self._skip if epoch == store.epoch}
        try:
            return store.batch(rows=self._rows, size=MAX_RAW_BYTES, skip=skip)
        except OSError:
            return None

    def _may_ask(self):
        now = self._clock()
        if now < self._held_until:
            return False
        return len(self._times) < REQUESTS or now - self._times[0] >= WINDOW_SECONDS

    def _ask(self, client, token, store, batch):
        self._times.append(self._clock())
        if batch.rows:
            _quietly(store.sending, batch.last)
        try:
            return client.post("/events", body(batch, boot=self.boot), token=token)
        except Unreachable:
            return None  # the heartbeat says so, and waits

    def _rewind(self, store, batch, reply):
        """The server was restored to an older state: go back to what it has."""
        held = reply.body.get("ack")
        if self._rewound or not _is_number(held) or held >= batch.first - 1:
            return False
        self._rewound = True
        self._say("the server has events up to %d only; sending again what is here" % held)
        _quietly(store.rewind, held)
        return True

    def _after(self, store, batch, reply):
        """True when the next batch may follow."""
        if reply.status == 200:
            held = reply.body.get("ack")
            if not _is_number(held) or held < batch.first:
                return False
            _quietly(store.acknowledge, held)
            self._rows = min(MAX_EVENTS, self._rows * 2)
            return True
        if reply.status == 409:
            return self._rewind(store, batch, reply)
        if reply.status in TOO_MUCH and batch.rows:
            if len(batch.rows) == 1:
                self._skip.add((batch.epoch, batch.rows[0][0]))
            self._rows = max(1, len(batch.rows) // 2)
            return True
        if reply.status in (408, 429) or reply.status >= 500:
            wait = max(reply.retry_after, BUSY_SECONDS) * self._pick(1.0, 1.5)
            self._held_until = self._clock() + wait
        return False


def body(batch, *, boot):
    """The bytes of one request. Events are put in as they were kept, with their number in front."""
    head = '{"v":1,"epoch":"%016x","from":%d,"acked":%d,"boot":"%s","mono_ms":%d,"sent_ms":%d' % (
        batch.epoch,
        batch.first,
        batch.first - 1,
        boot,
        mono_ms(),
        int(time.time() * 1000),
    )
    drops = ",".join(
        '{"from":%d,"to":%d,"n":%d,"why":"%s"}' % (first, last, last - first + 1, why)
        for first, last, why in batch.drops
    )
    events = b",".join(b'{"seq":%d,' % number + raw[1:] for number, raw in batch.rows)
    return b'%s,"drop":[%s],"ev":[%s]}' % (head.encode(), drops.encode(), events)


def _is_number(value):
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _quietly(work, number):
    """A disk that takes no mark costs a repetition after a restart, and nothing else."""
    try:
        work(number)
    except OSError:
        return
