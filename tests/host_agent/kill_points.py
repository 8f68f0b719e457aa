"""Agents that are killed at chosen steps, one after the other on one state folder.

Reads lines ``{"server", "state", "root", "points"}``; each point is the step at which one agent is
killed (0: never). Answers each with ``{"codes", "steps"}``, the steps being those of the last one.
A step is anything that another process can see: a file written, synced, renamed or removed, a
request sent, a reply received. The agent is the real one, in a forked child; ``kill -9`` comes from
itself, so that it hits between two chosen instructions.
"""

import functools
import json
import os
import signal
import sys

sys.path.insert(0, sys.argv[1])

from underpin_agent import client as door
from underpin_agent import loop, state
from underpin_agent.index import build_index
from underpin_agent.reading import Host

WATCHED = ("open", "fsync", "rename", "unlink")


class Steps:
    """Counts steps and ends the process at the chosen one."""

    def __init__(self, point):
        self.point, self.taken = point, []

    def take(self, name):
        """One more step; the last one when it is the chosen one."""
        self.taken.append(name)
        if len(self.taken) == self.point:
            os.kill(os.getpid(), signal.SIGKILL)

    def around(self, function, name):
        """``function`` with a step before it and one after it."""

        @functools.wraps(function)
        def wrapped(*arguments, **more):
            self.take("before " + name)
            try:
                return function(*arguments, **more)
            finally:
                self.take("after " + name)

        return wrapped


class Watched:
    """The module ``os`` with steps around what changes files; for ``state`` only."""

    def __init__(self, steps):
        self.steps = steps

    def __getattr__(self, name):
        found = getattr(os, name)
        return self.steps.around(found, name) if name in WATCHED else found


class Small:
    """Facts that differ with the state of a file."""

    def __init__(self, root):
        self.root = root

    def index(self, *, everything=False):
        """One section, one container."""
        with open(os.path.join(self.root, "fact")) as file:
            facts = {"facts": {"name": file.read(), "all": everything}, "unknowns": []}
        whole = {"facts": {"a": "p" * 3000}, "unknowns": []}
        return build_index(
            {
                "sections": {"host": facts},
                "containers": [{"key": "k", "identity": facts, "posture": whole}],
            }
        )

    def use_salt(self, _salt):
        """Nothing to key."""


def work(job, steps):
    """Enrol, deliver, and do what the server asks for; two rounds, then a restart would follow."""
    folder = state.State(job["state"])
    folder.open()
    one = loop.Loop(
        loop.Settings(job["server"], token="good", name="web-1"),
        client=door.Client(job["server"]),
        state=folder,
        host=Host(job["root"]),
        collector=Small(job["root"]),
        pick=lambda low, _high: low,
    )
    exchange = door.Client._exchange
    door.Client._exchange = steps.around(exchange, "request")
    state.os = Watched(steps)
    for _ in range(2):
        one.cycle()


def child(job, point):
    """``(exit code or -signal, names of the steps)`` of one agent."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        code, steps = 1, Steps(point)
        try:
            work(job, steps)
            code = 0
        finally:
            os.write(writer, json.dumps(steps.taken).encode())
            os._exit(code)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        raw = pipe.read()
    _pid, status = os.waitpid(pid, 0)
    return os.waitstatus_to_exitcode(status), json.loads(raw or b"[]")


for line in sys.stdin:
    job = json.loads(line)
    codes, steps = [], []
    for point in job["points"]:
        code, steps = child(job, point)
        codes.append(code)
    sys.stdout.write(json.dumps({"codes": codes, "steps": steps}) + "\n")
    sys.stdout.flush()
