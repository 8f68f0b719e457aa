"""Starts agents from the built program, for the test that kills them.

    python -I agent_nursery.py PROGRAM SERVER STATE ROOT JOURNAL

Each line read starts an agent in a forked child and answers with its process id. The agent is the
program's own loop, key, spool and delivery; only its time runs ``SPEED`` times as fast, and its
facts are one number that grows. After each round it appends to the journal what was acknowledged.
"""

import json
import os
import sys
import time
import traceback

sys.path.insert(0, sys.argv[1])

from underpin_agent import client, loop, state
from underpin_agent.events.recorder import Events
from underpin_agent.fingerprint import boot_id
from underpin_agent.index import build_index
from underpin_agent.reading import Host

SPEED = 240.0


def now():
    """Monotonic time, fast."""
    return time.monotonic() * SPEED


class Growing:
    """Facts that differ with two rounds of three."""

    def __init__(self):
        self.serials = {}  # root: number
        self.round = 0
        self.index_now = None

    def index(self, *, everything=False):
        """One section, one container."""
        self.round += 1
        if self.round % 3 or self.index_now is None:
            self.index_now = self._fresh()
        return self.index_now

    def _fresh(self):
        serial = time.monotonic_ns()
        kernel = {"facts": {"release": "6.1.%d" % serial}, "unknowns": []}
        identity = {"facts": {"id": "c", "name": "c", "state": "running"}, "unknowns": []}
        posture = {"facts": {"cpus": [serial]}, "unknowns": []}
        found = build_index(
            {
                "sections": {"kernel": kernel},
                "containers": [{"key": "c", "identity": identity, "posture": posture}],
            }
        )
        self.serials[found.root] = serial
        return found

    def use_salt(self, _salt):
        """Nothing to key."""


class Journal:
    """Lines that are whole on disk before the next request."""

    def __init__(self, path):
        self.file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    def write(self, **row):
        """One line in one write."""
        os.write(self.file, json.dumps(row).encode() + b"\n")


def work(server, folder, root, journal):
    """The agent until it is killed."""
    kept = state.State(folder)
    kept.open()
    host, facts = Host(root), Growing()
    events = Events(folder, host, boot=boot_id(host), say=loop.say)
    events.sender._clock = now  # four requests a minute of the fast time
    one = loop.Loop(
        loop.Settings(server, token=os.environ["UNDERPIN_ENROL_TOKEN"], name="killed"),
        client=client.Client(server),
        state=kept,
        host=host,
        collector=facts,
        events=events,
        sleep=lambda seconds: time.sleep(seconds / SPEED),
        clock=now,
    )
    with loop.working(events, None):
        while True:
            wait = one.cycle()
            serial = facts.serials.get(one.delivery.facts.accepted) if one.delivery else None
            spool = events.storage.spool
            journal.write(
                host=one.delivery.keys.host_id if one.delivery else None,
                serial=serial,
                epoch="%016x" % spool.epoch,
                acked=events.acked_through,
                last=spool.last,
            )
            one.sleep(wait)


for _line in sys.stdin:
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            work(sys.argv[2], sys.argv[3], sys.argv[4], Journal(sys.argv[5]))
        except BaseException:  # noqa: BLE001 told in the log of the test
            traceback.print_exc()
        finally:
            os._exit(status)
    sys.stdout.write("%d\n" % pid)
    sys.stdout.flush()
    sys.stdin.readline()  # it was killed
    sys.stdout.write("%d\n" % os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
    sys.stdout.flush()
