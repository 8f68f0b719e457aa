"""Filling, reopening and emptying event spools, for their tests."""

import contextlib
import json

from underpin_agent.client import Reply
from underpin_agent.events.spool import Spool

TOKEN = "k1.11111111-1111-1111-1111-111111111111.secret.tag"


def payload(number, grade="A", size=40):
    return json.dumps(
        {"class": grade, "n": number, "x": "x" * size}, separators=(",", ":")
    ).encode()


def filled(folder, count, *, grades="A", size=40, **bounds):
    one = Spool(str(folder), **bounds)
    one.open()
    for number in range(1, count + 1):
        one.append(payload(number, grades[number % len(grades)], size))
    one.close()
    return one


def reopened(folder, **bounds):
    one = Spool(str(folder), **bounds)
    one.open()
    return one


def everything(one, rows=100):
    """``(rows, drops)`` of the spool to its end, each batch acknowledged."""
    found, drops = [], []
    while True:
        batch = one.batch(rows=rows, size=1_000_000)
        if batch is None:
            return found, drops
        found += batch.rows
        drops += batch.drops
        for work in (one.sending, one.acknowledge):
            with contextlib.suppress(OSError):  # a full disk takes no mark
                work(batch.last)


def covered(rows, drops):
    numbers = [number for number, _raw in rows]
    for first, last, _why in drops:
        numbers += range(first, last + 1)
    return sorted(numbers)


def segments(folder):
    return sorted(path for path in folder.iterdir() if path.suffix == ".seg")


class Scripted:
    """A server that answers as told: a status, a function of the request, or nothing."""

    def __init__(self, *answers):
        self.answers, self.sent = list(answers), []

    def post(self, path, raw, token=""):
        assert (path, token[:3]) == ("/events", "k1.")
        self.sent.append(raw)
        answer = self.answers.pop(0) if self.answers else None
        request = json.loads(raw)
        if isinstance(answer, int):
            return Reply(answer, {})
        if answer is not None:
            return answer(request)
        last = [one["seq"] for one in request["ev"]] + [one["to"] for one in request["drop"]]
        return Reply(200, {"ack": max(last)})

    def events(self):
        return [event for raw in self.sent for event in json.loads(raw)["ev"]]
