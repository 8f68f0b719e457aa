"""A state folder in trouble: the agent works on in memory, says so, and keeps its key to itself."""

import errno
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from underpin_agent import loop
from underpin_agent import state as folder
from underpin_agent.state import Busy, State, StateError, reserved_counter

from tests.host_agent.at_work import HOUR, Clock, collection, make_loop, run_for
from tests.support.session import ROOT

TROUBLE = [errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.EACCES]


class Failing:
    """The module ``os`` whose writes fail with one error while ``error`` is set."""

    def __init__(self):
        self.error = 0

    def __getattr__(self, name):
        found = getattr(os, name)
        if name not in ("open", "fsync", "rename", "unlink"):
            return found

        def guarded(*arguments, **more):
            reads = name == "open" and not arguments[1] & (os.O_WRONLY | os.O_CREAT)
            if self.error and not reads:
                raise OSError(self.error, os.strerror(self.error))
            return found(*arguments, **more)

        return guarded


@pytest.fixture
def disk(monkeypatch):
    one = Failing()
    monkeypatch.setattr(folder, "os", one)
    return one


def beats(server):
    return [sent for path, _headers, sent in server.requests if path == "/hb"]


@pytest.mark.parametrize("error", TROUBLE, ids=errno.errorcode.get)
def test_a_disk_that_takes_nothing_does_not_stop_the_agent(server, state, host, disk, error):
    clock = Clock()
    one = make_loop(server, state, host, clock=clock)
    run_for(one, clock, 300)
    disk.error = error
    for number in range(30):  # more than one block of the counter
        one.collector.value = collection("change %d" % number)
        run_for(one, clock, 120)
    for _ in range(1_000):
        next(one.counter)
    one.cycle()
    assert server.root == one.collector.index().root
    assert beats(server)[-1]["s"] == "memory"
    assert server.counters == sorted(set(server.counters))
    assert min(clock.slept) >= 25  # no busy loop


def test_when_the_disk_works_again_everything_is_on_it(server, state, host, disk, capsys):
    clock = Clock()
    one = make_loop(server, state, host, clock=clock)
    disk.error = errno.ENOSPC
    run_for(one, clock, 300)
    disk.error = 0
    one.collector.value = collection("changed")
    run_for(one, clock, 300)
    assert "s" not in beats(server)[-1]
    saved = {path: json.loads(Path(state.folder, path).read_text()) for path in FILES}
    assert saved["identity.json"]["host_id"] == "h-1"
    assert saved["index.json"]["root"] == server.root
    assert saved["counter.json"]["reserved"] >= server.counters[-1]
    said = capsys.readouterr().err
    assert said.count("state folder: No space left on device") == 1
    assert said.count("state folder: writable again") == 1


FILES = ("identity.json", "index.json", "counter.json")


def test_a_folder_that_is_gone_is_made_again(server, state, host):
    clock = Clock()
    one = make_loop(server, state, host, clock=clock)
    run_for(one, clock, 300)
    shutil.rmtree(state.folder)
    one.collector.value = collection("changed")
    run_for(one, clock, 300)
    assert server.root == one.collector.index().root
    assert len(server.enrolments) == 1
    assert os.stat(state.folder).st_mode & 0o777 == 0o700
    kept = {path for path in os.listdir(state.folder) if path.endswith(".json")}
    assert set(FILES) <= kept
    with pytest.raises(Busy):
        State(state.folder).open()


def test_without_a_disk_the_counter_goes_on_above_a_restart(state, disk):
    first = [next(reserved_counter(state)) for _ in range(3)]
    disk.error = errno.ENOSPC
    state.close()
    again = State(state.folder)
    again.open()
    second = next(reserved_counter(again))
    again.close()
    assert max(first) < second
    assert abs(second - time.time()) < 60  # the clock stands in for the block


def test_a_new_key_is_not_asked_for_without_a_disk(server, state, host, disk, capsys):
    clock = Clock()
    one = make_loop(server, state, host, clock=clock)
    run_for(one, clock, 300)
    disk.error = errno.ENOSPC
    server.rotate = True
    run_for(one, clock, HOUR)
    assert "/rotate" not in server.paths()
    assert "not renewed" in capsys.readouterr().err
    disk.error = 0
    run_for(one, clock, HOUR)
    assert server.paths().count("/rotate") == 1


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o666])
@pytest.mark.parametrize("name", ["identity.json", "enrolling.json", "next.json"])
def test_a_key_that_others_may_read_is_refused(server, state, host, mode, name):
    make_loop(server, state, host).cycle()
    kept = state.read("identity.json")
    state.write(name, kept)
    os.chmod(os.path.join(state.folder, name), mode)
    again = State(state.folder)
    state.close()
    again.open()
    with pytest.raises(StateError, match="read by others"):
        make_loop(server, again, host).cycle()
    again.close()


def test_a_folder_of_somebody_else_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 12_345)
    with pytest.raises(StateError, match="another user"):
        State(str(tmp_path / "s")).open()


def test_a_folder_that_is_a_link_is_refused(tmp_path):
    (tmp_path / "there").mkdir()
    (tmp_path / "s").symlink_to(tmp_path / "there")
    with pytest.raises(StateError):
        State(str(tmp_path / "s")).open()


@pytest.mark.parametrize("content", [b"", b"{", b"\x00" * 500, b"[]", b'{"host_id": 5}'])
def test_a_damaged_file_costs_no_more_than_what_it_held(server, state, host, content):
    make_loop(server, state, host).cycle()
    for name in ("index.json", "counter.json", "config.json", "pushed.json", "next.json"):
        path = os.path.join(state.folder, name)
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(content)
    state.close()
    again = State(state.folder)
    again.open()
    clock = Clock()
    run_for(make_loop(server, again, host, collection("changed"), clock=clock), clock, 300)
    assert (
        server.root == make_loop(server, again, host, collection("changed")).collector.index().root
    )
    assert len(server.enrolments) == 1
    again.close()


# ---- the program itself -----------------------------------------------------------------------


def agent(*arguments):
    """The real program."""
    command = [sys.executable, "-I", "-c", START, str(ROOT / "agents/host-agent"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


START = "import sys; sys.path.insert(0, sys.argv.pop(1)); from underpin_agent.__main__ import main"
START += "; sys.exit(main(sys.argv[1:]))"


def test_a_second_agent_on_one_state_folder_ends_with_3(server, state):
    done = agent("run", "--server", server.url, "--token", "t", "--state", state.folder, "--once")
    assert done.returncode == loop.EXIT_REFUSED == 3
    assert "another agent runs" in done.stderr
    assert server.paths() == []


def test_a_child_that_outlives_its_parent_does_not_keep_the_next_agent_out(tmp_path):
    script = (
        "import os, sys, time; sys.path.insert(0, sys.argv[1])\n"
        "from underpin_agent.state import State\n"
        "State(sys.argv[2]).open()\n"
        "if os.fork() == 0:\n"
        "    sys.stdout.close(); time.sleep(30); os._exit(0)\n"
        "print('forked', flush=True); os.kill(os.getpid(), 9)\n"
    )
    source, where = str(ROOT / "agents/host-agent"), str(tmp_path / "s")
    command = [sys.executable, "-I", "-c", script, source, where]
    with subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=True) as parent:
        assert parent.stdout.readline() == b"forked\n"
        parent.wait(10)
        try:
            again = State(where)
            again.open()
            again.close()
        finally:
            os.killpg(parent.pid, signal.SIGKILL)


MOUNTED = """
import ctypes, os, subprocess, sys
library = ctypes.CDLL(None, use_errno=True)
def check(result):
    if result:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
folder, flags, options = sys.argv[1], int(sys.argv[2]), sys.argv[3].encode()
check(library.unshare(0x20000))  # CLONE_NEWNS
check(library.mount(b"none", b"/", None, (1 << 18) | (1 << 14), None))  # MS_PRIVATE, MS_REC
check(library.mount(b"tmpfs", folder.encode(), b"tmpfs", 0, options))
os.chmod(folder, 0o700)
if flags:
    check(library.mount(b"none", folder.encode(), None, flags, None))
else:
    with open(folder + "/ballast", "wb", buffering=0) as file:
        try:
            while file.write(b"x" * 4096):
                pass
        except OSError:
            pass
sys.exit(subprocess.run(sys.argv[4:]).returncode)
"""
READ_ONLY = 32 | 1  # MS_REMOUNT, MS_RDONLY


@pytest.mark.parametrize("flags", [0, READ_ONLY], ids=["full", "read-only"])
def test_a_real_disk_that_is_full_or_read_only(server, tmp_path, flags):
    """A tmpfs of its own, in a mount namespace of its own."""
    where = tmp_path / "mounted"
    where.mkdir()
    real = [sys.executable, "-I", "-c", START, str(ROOT / "agents/host-agent"), "run", "--once"]
    real += ["--server", server.url, "--token", "t", "--state", str(where)]
    command = [sys.executable, "-I", "-c", MOUNTED, str(where), str(flags), "size=64k", *real]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert beats(server)[-1]["s"] == "memory"
    assert server.root
