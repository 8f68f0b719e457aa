"""One round with the server: heartbeat, then events, changed facts, and samples that wait."""

import time

from .client import Unreachable
from .facts import Facts, Outcome
from .heartbeat import Standing, heartbeat_body, send_heartbeat, standing_of
from .rotation import Keys

REPORT_SECONDS = 300.0
MAX_ROWS = 1_000


class Delivery:
    """Sends collections of one enrolled agent.

    ``samples`` gives rows with ``waiting()`` and hears ``sent(rows)``; ``events`` gives
    ``acked_through`` and ``in_memory``, and sends its own in ``deliver(client, token)``.
    ``refusal`` says why a pushed configuration was refused; it is told to the server once.
    """

    def __init__(
        self, client, state, identity, boot, counter, *, samples=None, events=None,
        clock=time.monotonic, wall=time.time,
    ):  # fmt: skip
        self.client, self.state, self.boot, self.counter = client, state, boot, counter
        self.keys = Keys(state, identity)
        self.facts = Facts(client, state, identity.host_id, clock=clock, wall=wall)
        self.samples, self.events, self._clock = samples, events, clock
        self.refusal = self._told = ""
        self._report_at = 0.0
        self._most_rows = MAX_ROWS

    def beat(self, root, *, etag=""):
        """One heartbeat, with the next secret first. Raises Unreachable."""
        answers = []

        def send(token):
            answers.append(send_heartbeat(self.client, token, self._heartbeat(root, etag)))
            return answers[-1].standing is not Standing.UNKNOWN

        self.keys.try_all(send)
        return answers[-1]

    def _heartbeat(self, root, etag):
        number = next(self.counter)
        event, memory = 0, bool(self.state.trouble)
        if self.events is not None:
            event, memory = self.events.acked_through, memory or self.events.in_memory
        word = "memory" if memory else ""
        return heartbeat_body(self.boot, number, root, event=event, etag=etag, memory=word)

    def deliver(self, index, *, hold_index=False, etag=""):
        """Heartbeat, events and, when the facts changed or the server asks, the index.

        ``hold_index`` holds facts back: after an outage all agents come back at once. Raises
        Unreachable when the heartbeat got no answer; what comes after it only ends as busy.
        """
        answer = self.beat(index.root, etag=etag)
        if answer.standing is not Standing.FINE:
            return Outcome(answer.standing, "hb", answer.retry_after)
        try:
            if self.events is not None:
                self.events.deliver(self.client, self.keys.token)
            sent = Outcome(Standing.FINE)
            if not hold_index:
                sent = self._after_heartbeat(index, wanted=answer.wants_index)
        except Unreachable as failure:
            sent = Outcome(Standing.BUSY, "index", detail="the server broke off: %s" % failure)
        return sent._replace(config_etag=answer.config_etag, rotate=answer.rotate)

    def _after_heartbeat(self, index, *, wanted):
        if self.facts.is_due(index, wanted=wanted):
            return self.facts.send(index, self.keys.token, wanted=wanted)
        is_known = self.facts.generation > 0 and index.root == self.facts.accepted
        if not is_known or self._clock() < self._report_at:
            return Outcome(Standing.FINE)
        return self._report()

    def _report(self):
        """Samples and remarks that wait, in an index without facts; the Outcome."""
        rows = self._rows()
        remarks = {"samples": rows, "counts": self.facts.counts}
        remarks = {name: value for name, value in remarks.items() if value}
        if self.refusal != self._told:
            remarks["refused"] = self.refusal
        if not remarks:
            return Outcome(Standing.FINE)
        reply = self.facts.send_remarks(self.keys.token, remarks)
        standing = standing_of(reply)
        if reply.status == 413 and len(rows) > 1:
            self._most_rows = len(rows) // 2
        elif standing is Standing.FINE or (standing is Standing.BROKEN and reply.status != 409):
            self._told_all(rows, remarks, standing)
        elif standing is not Standing.BROKEN:
            detail = "the server answered %d to the report" % reply.status
            return Outcome(standing, "index", reply.retry_after, detail=detail)
        return Outcome(Standing.FINE, "index")

    def _rows(self):
        return list(self.samples.waiting())[: self._most_rows] if self.samples else []

    def _told_all(self, rows, remarks, standing):
        """The remarks were taken, or will never be: then only that is counted."""
        self._report_at = self._clock() + REPORT_SECONDS
        self._told = remarks.get("refused", self._told)
        self.facts.counts = {} if standing is Standing.FINE else {"reports_refused": 1}
        if rows:
            self.samples.sent(rows)
        if self._rows():
            self._report_at = 0.0  # more than one request takes: go on with the next heartbeat
