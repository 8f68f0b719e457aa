"""``kill -9`` at every step of an agent's life: it starts again clean, as the same host."""

import json
import signal
import subprocess
import sys

import pytest
from underpin_agent.enrolment import secret_hash

from tests.host_agent.server import running, tag_of
from tests.support.session import ROOT

SOURCE = ROOT / "agents/host-agent"
MAX_POINTS = 400


class Agents:
    """The process that runs and kills agents."""

    def __init__(self, folder):
        script = ROOT / "tests/host_agent/kill_points.py"
        self.folder = folder
        self.process = subprocess.Popen(
            [sys.executable, "-I", str(script), str(SOURCE)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        )  # fmt: skip

    def run(self, server, *points, name):
        """One agent after the other on one state folder, each killed at its point (0: never)."""
        job = {"server": server.url, "root": str(self.folder), "points": points}
        job["state"] = str(self.folder / name)
        self.process.stdin.write(json.dumps(job) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def stop(self):
        """End it."""
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait(10)


@pytest.fixture
def agents(tmp_path):
    (tmp_path / "fact").write_text("one")
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/machine-id").write_text("0123456789abcdef0123456789abcdef\n")
    one = Agents(tmp_path)
    yield one
    one.stop()


def state_of(agents, name):
    return json.loads((agents.folder / name / "identity.json").read_text())


def token_works(server, kept):
    """The key on the agent's disk is one that the server takes."""
    known = secret_hash(kept["secret"])
    return known in (server.secret_hash, server.next_hash) and kept["tag"] == tag_of(known)


def check(agents, server, name):
    """The promises after the restart."""
    kept = state_of(agents, name)
    assert len(server.enrolments) == 1, "a second host came into being"
    assert kept["host_id"] == "h-1"
    assert token_works(server, kept)
    assert server.counters == sorted(set(server.counters)), "a counter went back"
    numbers = [number for number, _root in server.accepted]
    assert numbers == sorted(set(numbers)), "a generation was given twice"
    assert server.accepted, "the facts never arrived"
    saved = json.loads((agents.folder / name / "index.json").read_text())
    assert (saved["root"], saved["gen"]) == (server.root, server.number)
    left = {path.name for path in (agents.folder / name).iterdir()}
    assert not left & {"enrolling.json", "next.json"}
    for path in (agents.folder / name).iterdir():
        assert path.stat().st_mode & 0o777 == 0o600


def test_killed_at_any_step_it_goes_on_as_the_same_host(agents):
    """Enrolment before and after the write and the reply, counter block, index, key renewal."""
    point = 0
    while point < MAX_POINTS:
        point += 1
        name = "state-%d" % point
        with running() as server:
            server.rotate = True
            # The second one finishes what the first one began, the third a half renewed key.
            found = agents.run(server, point, 0, 0, name=name)
            if found["codes"][0] == 0:
                break
            assert found["codes"] == [-signal.SIGKILL, 0, 0]
            assert not server.rotate
            assert server.next_hash == "", "the new key was never used"
            check(agents, server, name)
    # A run without a kill was reached, and it went through steps of every kind.
    with running() as server:
        server.rotate = True
        steps = agents.run(server, 0, name="whole")["steps"]
    assert set(steps) == {
        "%s %s" % (when, what)
        for when in ("before", "after")
        for what in ("open", "fsync", "rename", "unlink", "request")
    }
    assert 80 < point < MAX_POINTS
