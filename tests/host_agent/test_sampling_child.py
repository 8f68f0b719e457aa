"""The sampler's process: rows arrive, it ends with its parent, and a dead one is started again."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from underpin_agent.sampling import child
from underpin_agent.sampling.child import Samples, Writer

PROGRAM = Path(__file__).parents[2] / "agents" / "host-agent"


def wait_until(true, seconds=15.0):
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.05)


@pytest.fixture
def samples():
    one = Samples("/")
    yield one
    one.stop()


def test_the_child_works_in_its_own_group_and_holds_no_file_of_the_parent(samples, tmp_path):
    with (tmp_path / "lock").open("w"):
        assert samples.waiting() == []
        wait_until(lambda: os.getpgid(samples.pid) == samples.pid)
        opened = lambda: [os.readlink(one) for one in Path(f"/proc/{samples.pid}/fd").iterdir()]  # noqa: E731
        wait_until(lambda: str(tmp_path / "lock") not in opened())


def test_a_dead_child_is_started_again_but_not_at_once(samples, monkeypatch):
    samples.waiting()
    first = samples.pid
    os.kill(first, signal.SIGKILL)
    os.waitpid(first, 0)
    samples.waiting()
    assert samples.pid == 0
    monkeypatch.setattr(child, "RESTART_SECONDS", 0.0)
    samples.waiting()
    assert samples.pid not in (0, first)


def test_the_child_ends_when_the_parent_is_killed():
    code = (
        "import sys, time; sys.path.insert(0, %r);"
        "from underpin_agent.sampling.child import Samples;"
        "s = Samples('/'); s.waiting(); print(s.pid, flush=True); time.sleep(60)"
    ) % str(PROGRAM)
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as parent:
        number = int(parent.stdout.readline())
        time.sleep(0.5)
        parent.kill()
    wait_until(lambda: not Path(f"/proc/{number}").exists() or is_zombie(number))


def is_zombie(number):
    return Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0] == "Z"


def test_rows_wait_until_they_were_sent(samples):
    samples._rows = [b'{"k":"%d"}' % number for number in range(210)]
    samples._held = sum(map(len, samples._rows))
    first = samples.waiting()
    assert [row["k"] for row in first] == [str(number) for number in range(200)]
    assert all(row["n"] > 0 for row in first)
    samples.sent(first)
    assert [row["k"] for row in samples.waiting()] == [str(number) for number in range(200, 210)]


def test_one_request_takes_no_more_than_its_bytes(samples, monkeypatch):
    monkeypatch.setattr(child, "MAX_BATCH_BYTES", 30)
    samples._rows = [b'{"k":"%d"}' % number for number in range(9)]
    assert [row["k"] for row in samples.waiting()] == ["0", "1", "2"]


def test_a_parent_that_never_sends_keeps_the_newest_rows_only(samples, monkeypatch):
    monkeypatch.setattr(child, "MAX_HELD_BYTES", 50)
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    samples.pid, samples.reader = os.getpid(), reader
    os.write(writer, b"".join(b'{"k":"%02d"}\n' % number for number in range(20)))
    try:
        samples._drain()
        assert [json.loads(raw)["k"] for raw in samples._rows] == ["15", "16", "17", "18", "19"]
        assert samples.dropped == 15
    finally:
        samples.pid = 0
        os.close(reader)
        os.close(writer)


def test_a_full_pipe_never_blocks_nor_tears_a_row(monkeypatch):
    monkeypatch.setattr(child, "PIPE_BYTES", 4_096)
    monkeypatch.setattr(child, "MAX_OWN_BYTES", 2_000)
    reader, writer = os.pipe()
    sink = Writer(writer)
    for number in range(400):
        sink.emit({"k": "x" * 90, "number": number})
    os.set_blocking(reader, False)
    raw = b""
    while sink._lines:
        raw += os.read(reader, 65_536)
        sink.flush()
    raw += os.read(reader, 65_536)
    numbers = [json.loads(line)["number"] for line in raw.split(b"\n") if line]
    assert numbers == sorted(numbers)
    assert numbers[-1] == 399
    assert len(numbers) < 400
    os.close(reader)
    os.close(writer)
