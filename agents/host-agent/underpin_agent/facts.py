"""Bringing an index to the server: what changed, then the bodies that the server asks for."""

import collections
import time

from .delta import Base, delta_of, nothing_changed, with_more
from .heartbeat import Standing, standing_of
from .index import blob_requests, index_body
from .ticks import FullIndex

MAX_ROUNDS = 4
STATE_FILE = "index.json"
REFUSED_SECONDS = 3600.0  # a refused index is not sent again for so long

# What one delivery came to. ``path`` is the request that decided it: hb, index or blobs.
Outcome = collections.namedtuple(
    "Outcome",
    "standing path retry_after config_etag rotate detail",
    defaults=("hb", 0.0, "", False, ""),
)
# How an index is sent: as a whole or what changed, and with the small bodies in it or without.
Way = collections.namedtuple("Way", "whole inline")


class Facts:
    """What the server holds of this host: generation and root, remembered over restarts.

    ``counts`` says how often something was given up since the last report.
    """

    def __init__(self, client, state, host_id, *, clock=time.monotonic, wall=time.time):
        self.client, self.state, self._clock = client, state, clock
        saved = state.read(STATE_FILE)
        self.generation = _number(saved, "gen")
        self.accepted = saved["root"] if isinstance(saved.get("root"), str) else ""
        self.full = FullIndex(host_id, _number(saved, "full_at"), clock=clock, wall=wall)
        self.counts = {}
        self._base = None
        self._numbered = ""  # root that the present generation was given to
        self._refused = ("", 0.0)  # root that the server does not take, and until when

    def is_due(self, index, *, wanted):
        """Whether an index is to be sent; ``wanted``: the server asks for it.

        A server that does not ask has this root, or takes no facts yet: it will ask then.
        """
        if not wanted and not self.full.is_due():
            if self._base is None or index.root != self.accepted:
                self._note(index)
            return False
        root, until = self._refused
        return index.root != root or self._clock() >= until

    def send(self, index, token, *, wanted):
        """The index until the server needs nothing more. Raises Unreachable."""
        is_lost = wanted and index.root == self.accepted  # the server had it once
        way = Way(whole=is_lost or self.full.is_due() or self._base is None, inline=True)
        if index.root == self.accepted:
            self._numbered = ""  # to be taken once more it needs a number of its own
        for _round in range(MAX_ROUNDS):
            reply = self._post(index, token, way)
            other = self._other_way(reply, way)
            if other is not None:
                way = other
                continue
            if standing_of(reply) is not Standing.FINE:
                return self._failed(reply, "index", index)
            needed = [name for name in reply.body.get("need") or () if isinstance(name, str)]
            stopped = self._send_blobs(index, token, needed)
            if stopped is not None:
                return stopped
            if not needed:
                return self._accept(index, way)
            way = way._replace(inline=False)  # those that went along are stored already
        self._give_up("indexes_incomplete", index)
        return Outcome(Standing.BROKEN, "index", detail="the server never had enough")

    def send_remarks(self, token, remarks):
        """Send ``remarks`` in an index that changes nothing. The reply; raises Unreachable."""
        part, more = nothing_changed(self.accepted)
        raw = index_body(part, generation=self.generation, previous=self.accepted)
        reply = self.client.post("/index", with_more(raw, {**more, **remarks}), token=token)
        if reply.status == 409 and standing_of(reply) is Standing.BROKEN:
            self._base, self.accepted = None, ""  # the next round sends the whole
        return reply

    def _other_way(self, reply, way):
        """How to send the index again after ``reply``; None when it was taken or refused."""
        held = reply.body.get("gen")
        held = held if isinstance(held, int) else None
        if reply.status == 409 and held is not None:
            self.generation, self._numbered = held, ""
            return way._replace(whole=True)
        if reply.status == 400 and not way.whole:  # a server that knows whole indexes only
            return way._replace(whole=True)
        if reply.status == 413 and way.inline:
            return way._replace(inline=False)
        if reply.status == 200 and held is not None and held > self.generation:
            self.generation, self._numbered = held, ""  # it was ignored: go above
            return way
        return None

    def _post(self, index, token, way):
        if self._numbered != index.root:
            self.generation += 1
            self._numbered = index.root
            # Before the request: a number that the server may have seen is never given twice.
            self._save()
        part, more = (index, {}) if way.whole else delta_of(index, self._base)
        known = self._base.digests if self._base is not None else frozenset()
        known = known if way.inline else frozenset(index.bodies)
        raw = index_body(part, generation=self.generation, previous=self.accepted, known=known)
        return self.client.post("/index", with_more(raw, more), token=token)

    def _send_blobs(self, index, token, needed):
        """None when all were stored, else the Outcome that stops this delivery."""
        for names, raw in blob_requests(index, needed):
            reply = self.client.post("/blobs", raw, token=token)
            if reply.status == 413 and len(names) > 1:
                middle = len(names) // 2
                stopped = self._send_blobs(index, token, names[:middle])
                stopped = stopped or self._send_blobs(index, token, names[middle:])
            elif standing_of(reply) is not Standing.FINE:
                stopped = self._failed(reply, "blobs", index)
            else:
                stopped = self._unless_bad(reply, names, index)
            if stopped is not None:
                return stopped
        return None

    def _unless_bad(self, reply, names, index):
        bad = reply.body.get("bad") or ()
        if not bad:
            return None
        self._give_up("bodies_refused", index)
        detail = "the server refused %d of %d bodies" % (len(bad), len(names))
        return Outcome(Standing.BROKEN, "blobs", detail=detail)

    def _accept(self, index, way):
        if way.whole:
            self.full.done()
        self._note(index)
        return Outcome(Standing.FINE, "index")

    def _note(self, index):
        """The server has these facts."""
        self.accepted, self._base = index.root, Base(index)
        self._refused = ("", 0.0)
        self._save()

    def _failed(self, reply, path, index):
        standing = standing_of(reply)
        if standing is Standing.BROKEN:
            self._give_up("requests_refused", index)
        detail = "the server answered %d to the %s" % (reply.status, path)
        return Outcome(standing, path, reply.retry_after, detail=detail)

    def _give_up(self, what, index):
        """Count what the server does not take, and leave it alone for a while."""
        self.counts[what] = self.counts.get(what, 0) + 1
        self._refused = (index.root, self._clock() + REFUSED_SECONDS)

    def _save(self):
        saved = {"gen": self.generation, "root": self.accepted, "full_at": self.full.saved_at}
        self.state.write(STATE_FILE, saved)


def _number(saved, name):
    value = saved.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) else 0
