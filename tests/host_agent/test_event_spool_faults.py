"""The event spool where the disk refuses and where the process is killed."""

import contextlib
import errno
import json
import os
import random
import resource
import signal
import subprocess
import time

from underpin_agent.events import mark, pieces, segment, spool
from underpin_agent.events.ring import Ring
from underpin_agent.events.spool import Spool
from underpin_agent.events.storage import Storage

from tests.host_agent.spools import covered, everything, filled, payload, reopened

# ---- a disk that refuses (fault 2) ------------------------------------------------------------


def in_child(work):
    """The JSON value of ``work()`` in a child, for what must not touch this process."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            os.write(writer, json.dumps(work()).encode())
            status = 0
        finally:
            os._exit(status)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        raw = pipe.read()
    assert os.waitpid(pid, 0)[1] == 0
    return json.loads(raw)


def without_disk(folder, fill, relieve):
    """Append while the disk works, while it refuses, and again; deliver all of it."""
    said = []
    clock = [1_000.0]
    one = Storage(folder, say=said.append, clock=lambda: clock[0])
    one.open()
    for number in range(10):
        one.append(payload(number))
    fill()
    for number in range(10, 30):
        one.append(payload(number))
    one.sync()
    in_memory = one.in_memory
    found = [row for store in one.stores() for row in everything(store)[0]]
    relieve()
    clock[0] += 61
    one.append(payload(30))
    after = one.in_memory
    found += everything(one.spool)[0]
    one.close()
    numbers = [json.loads(raw)["n"] for _number, raw in found]
    return [in_memory, after, numbers, said]


def check_without_disk(result):
    in_memory, after, numbers, said = result
    assert in_memory
    assert not after
    assert numbers == list(range(31))
    assert len(said) == 2, "one line when it begins, one when it ends"


def test_events_stay_in_memory_while_files_may_not_grow(tmp_path):
    def work():
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        return without_disk(
            str(tmp_path / "s"),
            lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard)),
            lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard)),
        )

    check_without_disk(in_child(work))


def test_events_stay_in_memory_on_a_full_disk(tmp_path):
    """A tmpfs where mounting is allowed; else every write answers that the disk is full."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", str(disk)]
    is_mounted = subprocess.run(mount, capture_output=True, check=False).returncode == 0
    try:
        if is_mounted:
            check_without_disk(
                without_disk(str(disk / "s"), lambda: filled_up(disk), (disk / "filler").unlink)
            )
        else:
            check_without_disk(in_child(lambda: refusing(str(disk / "s"))))
    finally:
        if is_mounted:
            subprocess.run(["umount", "--lazy", str(disk)], check=True)


def filled_up(disk):
    with contextlib.suppress(OSError), (disk / "filler").open("wb", buffering=0) as file:
        while True:
            file.write(b"x" * 65_536)
    assert os.statvfs(disk).f_bavail == 0


def refusing(folder):
    real = os.write

    def full(_fd, _raw):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    return without_disk(
        folder, lambda: setattr(os, "write", full), lambda: setattr(os, "write", real)
    )


def test_a_folder_that_cannot_be_made_costs_no_event(tmp_path):
    (tmp_path / "file").write_text("")
    one = Storage(str(tmp_path / "file" / "spool"), say=lambda _text: None)
    one.open()
    one.append(payload(1))
    assert one.in_memory
    assert [everything(store)[0] for store in one.stores()] == [[(1, payload(1))]]


def test_the_ring_is_small_and_drops_lesser_events_first():
    one = Ring(max_bytes=20_000)
    for number in range(1, 401):
        one.append(payload(number, "AB"[number % 2]))
    rows, drops = everything(one)
    assert covered(rows, drops) == list(range(1, 401))
    assert sum(len(raw) for _number, raw in rows) <= 20_000
    assert {json.loads(raw)["class"] for _number, raw in rows} == {"A"}


def test_memory_numbers_its_events_in_an_epoch_of_its_own():
    assert Ring().epoch != Ring().epoch


# ---- kill -9 (faults 1 and row 15 of the targets) ---------------------------------------------


def worker(folder, writer, seed):
    """Append, send and acknowledge until killed, and say each thing after it was done."""
    choose = random.Random(seed)
    one = Spool(folder, segment_bytes=4_096)
    one.open()

    def tell(word, number):
        os.write(writer, b"%s %d\n" % (word, number))

    while True:
        for _ in range(choose.randrange(1, 20)):
            number = one.append(payload(one.last + 1, size=choose.randrange(200)))
            tell(b"kept", number)
        batch = one.batch(rows=choose.randrange(1, 30), size=100_000)
        if batch is not None and choose.random() < 0.7:
            one.sending(batch.last)
            tell(b"sent", batch.last)
            one.acknowledge(batch.last)
            tell(b"acked", batch.last)


def killed_once(folder, seed):
    """What the worker said until it was killed."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reader)
        try:
            worker(folder, writer, seed)
        finally:
            os._exit(1)
    os.close(writer)
    time.sleep(random.Random(seed).uniform(0.005, 0.08))
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    said = {"kept": 0, "sent": 0, "acked": 0}
    with os.fdopen(reader, "rb") as pipe:
        for line in pipe.read().split(b"\n"):
            if line.count(b" ") == 1:
                word, number = line.decode().split()
                said[word] = max(said[word], int(number))
    return said


def test_killed_at_any_moment_nothing_kept_is_lost_and_no_number_is_given_twice(tmp_path):
    kept = acked = 0
    for seed in range(60):
        said = killed_once(str(tmp_path), seed)
        kept, acked = max(kept, said["kept"]), max(acked, said["acked"])
        one = reopened(tmp_path, segment_bytes=4_096)
        assert one.acked >= acked
        assert one.last >= max(kept, said["sent"])
        batch = one.batch(rows=100_000, size=10**9)
        rows, drops = (batch.rows, batch.drops) if batch else ([], [])
        assert drops == []
        assert [number for number, _raw in rows] == list(range(one.acked + 1, one.last + 1))
        assert all(json.loads(raw)["n"] == number for number, raw in rows)
    assert acked > 50, "the workers did too little to prove anything"


def test_what_is_sent_was_synced_before(tmp_path, monkeypatch):
    one = filled(tmp_path, 0)
    done = []
    real = os.fsync
    monkeypatch.setattr(os, "fsync", lambda fd: (done.append("sync"), real(fd))[1])
    one.append(payload(1))
    done.clear()
    one.sending(1)
    assert done
    assert mark.read(str(tmp_path)).sent == 1


def test_appended_events_are_synced_every_five_seconds(tmp_path, monkeypatch):
    one = filled(tmp_path, 1)
    clock = [time.monotonic()]
    monkeypatch.setattr(spool.time, "monotonic", lambda: clock[0])
    one.sync()
    syncs = []
    monkeypatch.setattr(os, "fsync", syncs.append)
    one.append(payload(2))
    begun = len(syncs)  # a new segment syncs its folder
    one.append(payload(3))
    assert len(syncs) == begun
    clock[0] += 5.1
    one.append(payload(4))
    assert len(syncs) == begun + 1


def test_a_record_knows_its_number(tmp_path):
    raw = segment.head_bytes(7, 1) + segment.record_bytes(1, b"{}") + segment.record_bytes(2, b"{}")
    moved = raw[: segment.HEAD.size] + segment.record_bytes(2, b"{}")
    assert [number for number, _raw in segment.parse(raw).rows] == [1, 2]
    assert segment.record_at(moved, segment.HEAD.size) == (2, b"{}")
    assert pieces.NAME.match("%020d.seg" % 1)
