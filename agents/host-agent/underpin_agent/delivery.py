"""Bringing one index to the server: heartbeat, then the index and the bodies it lacks."""

from dataclasses import dataclass

from .heartbeat import Standing, heartbeat_body, send_heartbeat, standing_of
from .index import blob_requests, index_body

MAX_ROUNDS = 4
STATE_FILE = "index.json"


@dataclass(frozen=True)
class Outcome:
    """What one delivery came to. ``path`` is the request that decided it: hb, index or blobs."""

    standing: Standing
    path: str = "hb"
    retry_after: float = 0.0
    config: tuple = ()
    detail: str = ""


class Delivery:
    """Sends collections of one enrolled agent; remembers generation and root over restarts."""

    def __init__(self, client, state, identity, boot, counter):
        self.client = client
        self.state = state
        self.identity = identity
        self.boot = boot
        self.counter = counter
        saved = state.read(STATE_FILE)
        self.generation = saved.get("gen", 0) if isinstance(saved.get("gen"), int) else 0
        self.accepted = saved.get("root", "") if isinstance(saved.get("root"), str) else ""
        self._known = frozenset()
        self._numbered = ""  # root that the present generation was given to

    def beat(self, root):
        """One heartbeat. Raises Unreachable."""
        body = heartbeat_body(self.boot, next(self.counter), root)
        return send_heartbeat(self.client, self.identity.token, body)

    def deliver(self, index, *, hold_index=False):
        """Heartbeat and, when the facts changed or the server asks, the index. Raises Unreachable.

        ``hold_index`` sends the heartbeat alone: after an outage all agents come back at once.
        """
        answer = self.beat(index.root)
        outcome = Outcome(answer.standing, "hb", answer.retry_after, answer.config)
        due = answer.wants_index or index.root != self.accepted
        if answer.standing is not Standing.FINE or not due or hold_index:
            return outcome
        if index.root == self.accepted:
            self._known = frozenset()  # the server lost what it once had
        sent = self.send_index(index)
        return Outcome(sent.standing, sent.path, sent.retry_after, answer.config, sent.detail)

    def send_index(self, index):
        """The index until the server needs nothing more. Raises Unreachable."""
        for _round in range(MAX_ROUNDS):
            reply = self._post_index(index)
            if reply.status == 409 and isinstance(reply.body.get("gen"), int):
                self.generation, self._numbered, self.accepted = reply.body["gen"], "", ""
                continue
            if reply.status != 200:
                return _failed(reply, "index")
            needed = reply.body.get("need") or []
            if self._ignored(reply):
                continue
            if not needed:
                self._accept(index)
                return Outcome(Standing.FINE, "index")
            stored = self._send_blobs(index, [name for name in needed if isinstance(name, str)])
            if stored is not None:
                return stored
        return Outcome(Standing.BROKEN, "index", detail="the server never had enough")

    def _post_index(self, index):
        if self._numbered != index.root:
            self.generation += 1
            self._numbered = index.root
            # Before the request: a number that the server may have seen is never given twice.
            self._save()
        body = index_body(
            index, generation=self.generation, previous=self.accepted, known=self._known
        )
        return self.client.post("/index", body, token=self.identity.token)

    def _send_blobs(self, index, needed):
        """None when all were stored, else the Outcome that stops this delivery."""
        for names, raw in blob_requests(index, needed):
            reply = self.client.post("/blobs", raw, token=self.identity.token)
            if reply.status != 200:
                return _failed(reply, "blobs")
            bad = reply.body.get("bad") or []
            if bad:
                detail = "the server refused %d of %d bodies" % (len(bad), len(names))
                return Outcome(Standing.BROKEN, "blobs", detail=detail)
        return None

    def _ignored(self, reply):
        """True when the server holds a higher number already; the next one goes above it."""
        held = reply.body.get("gen")
        if not isinstance(held, int) or held <= self.generation:
            return False
        self.generation, self._numbered = held, ""
        return True

    def _accept(self, index):
        self.accepted = index.root
        self._known = frozenset(index.bodies)
        self._save()

    def _save(self):
        self.state.write(STATE_FILE, {"gen": self.generation, "root": self.accepted})


def _failed(reply, path):
    detail = "the server answered %d to the %s" % (reply.status, path)
    return Outcome(standing_of(reply), path, reply.retry_after, detail=detail)
