"""The event spool: what was kept is delivered once and whole, and what was lost is declared."""

import contextlib
import errno
import json
import os
import random
import resource
import signal
import subprocess
import time

import pytest
from underpin_agent.events import mark, pieces, segment, spool
from underpin_agent.events.ring import Ring
from underpin_agent.events.spool import Spool
from underpin_agent.events.storage import Storage

SEEDS = range(40)


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


# ---- keeping and delivering -------------------------------------------------------------------


def test_events_come_back_in_order_once_and_leave_the_disk(tmp_path):
    filled(tmp_path, 500, segment_bytes=8_192)
    assert len(segments(tmp_path)) > 3
    rows, drops = everything(reopened(tmp_path))
    assert rows == [(number, payload(number)) for number in range(1, 501)]
    assert drops == []
    assert segments(tmp_path) == []


def test_numbers_go_on_after_a_restart_with_an_empty_spool(tmp_path):
    filled(tmp_path, 5)
    everything(reopened(tmp_path))
    one = reopened(tmp_path)
    assert one.append(payload(6)) == 6


def test_the_acknowledged_position_is_one_file_of_32_bytes(tmp_path):
    filled(tmp_path, 5)
    assert (tmp_path / mark.NAME).stat().st_size == 32


def test_without_its_mark_the_spool_sends_everything_again_in_the_same_epoch(tmp_path):
    epoch = filled(tmp_path, 50).epoch
    one = reopened(tmp_path)
    one.acknowledge(20)
    (tmp_path / mark.NAME).unlink()
    again = reopened(tmp_path)
    assert again.epoch == epoch
    rows, _drops = everything(again)
    assert [number for number, _raw in rows] == list(range(1, 51))


def test_a_damaged_mark_counts_as_none(tmp_path):
    filled(tmp_path, 50)
    raw = bytearray((tmp_path / mark.NAME).read_bytes())
    raw[9] ^= 1
    (tmp_path / mark.NAME).write_bytes(raw)
    assert covered(*everything(reopened(tmp_path))) == list(range(1, 51))


def test_the_server_may_go_back_and_gets_what_is_left(tmp_path):
    filled(tmp_path, 400, segment_bytes=8_192)
    one = reopened(tmp_path, segment_bytes=8_192)
    one.acknowledge(300)
    one.rewind(10)
    rows, drops = everything(one)
    assert covered(rows, drops) == list(range(11, 401))
    assert {why for _first, _last, why in drops} == {"restored"}
    assert [number for number, _raw in rows][-100:] == list(range(301, 401))


# ---- damage (fault 3) -------------------------------------------------------------------------


@pytest.mark.parametrize("seed", SEEDS)
def test_flipped_bits_lose_no_more_than_they_hit_and_it_is_declared(tmp_path, seed):
    choose = random.Random(seed)
    filled(tmp_path, 300, segment_bytes=8_192)
    sent = reopened(tmp_path)
    sent.sending(choose.choice([0, 150, 300]))
    for path in choose.sample(segments(tmp_path), 2):
        raw = bytearray(path.read_bytes())
        raw[choose.randrange(len(raw))] ^= 1 << choose.randrange(8)
        path.write_bytes(raw)
    one = reopened(tmp_path)
    following = one.append(payload(0))
    assert following > sent.mark.sent
    rows, drops = everything(one)
    assert covered(rows, drops) == list(range(1, following + 1))
    assert all(raw == payload(number) for number, raw in rows if number != following)
    assert len(rows) >= 300 - 2 * 110


@pytest.mark.parametrize("seed", SEEDS)
def test_a_cut_file_is_read_up_to_the_cut(tmp_path, seed):
    choose = random.Random(seed)
    filled(tmp_path, 300, segment_bytes=8_192)
    path = choose.choice(segments(tmp_path))
    keep = choose.randrange(path.stat().st_size)
    os.truncate(path, keep)
    one = reopened(tmp_path)
    following = one.append(payload(0))
    rows, drops = everything(one)
    assert covered(rows, drops) == list(range(1, following + 1))
    assert all(raw == payload(number) for number, raw in rows if number != following)


def test_a_record_that_a_crash_cut_off_was_never_kept_and_its_number_is_used_again(tmp_path):
    filled(tmp_path, 3)
    (path,) = segments(tmp_path)
    os.truncate(path, path.stat().st_size - 5)
    one = reopened(tmp_path)
    assert one.append(payload(7)) == 3
    rows, drops = everything(one)
    assert [number for number, _raw in rows] == [1, 2, 3]
    assert drops == []


def test_a_number_that_was_sent_is_never_given_again(tmp_path):
    filled(tmp_path, 3)
    reopened(tmp_path).sending(3)
    (path,) = segments(tmp_path)
    os.truncate(path, path.stat().st_size - 5)
    assert reopened(tmp_path).append(payload(4)) == 4


@pytest.mark.parametrize("content", [b"", b"\0" * 5_000, b"garbage" * 100])
def test_a_file_of_zeros_or_garbage_is_skipped_and_declared(tmp_path, content):
    filled(tmp_path, 300, segment_bytes=8_192)
    segments(tmp_path)[1].write_bytes(content)
    rows, drops = everything(reopened(tmp_path))
    assert covered(rows, drops) == list(range(1, 301))
    assert len(drops) == 1


def test_foreign_things_in_the_folder_are_left_alone_and_read_as_nothing(tmp_path):
    filled(tmp_path, 10)
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / ("%020d.seg" % 77)).mkdir()
    os.mkfifo(tmp_path / ("%020d.seg" % 88))
    (tmp_path / ("%020d.seg" % 99)).symlink_to("/etc/passwd")
    rows, drops = everything(reopened(tmp_path))
    assert (len(rows), drops) == (10, [])
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_segments_of_another_spool_are_not_sent(tmp_path):
    filled(tmp_path / "a", 10)
    filled(tmp_path / "b", 400, segment_bytes=8_192)
    foreign = segments(tmp_path / "b")[2]
    foreign.rename(tmp_path / "a" / foreign.name)
    rows, drops = everything(reopened(tmp_path / "a"))
    assert [number for number, _raw in rows] == list(range(1, 11))
    assert drops == []


# ---- bounds -----------------------------------------------------------------------------------


def test_a_full_spool_drops_lesser_events_first_and_class_a_last(tmp_path):
    bounds = {"max_bytes": 100_000, "segment_bytes": 8_192}
    one = filled(tmp_path, 1_200, grades="AB", **bounds)
    assert one.size() <= 100_000
    rows, drops = everything(reopened(tmp_path, **bounds))
    assert covered(rows, drops) == list(range(1, 1_201))
    grades = [json.loads(raw)["class"] for _number, raw in rows]
    assert grades.count("A") == 600
    assert 0 < grades.count("B") < 600
    assert {why for _first, _last, why in drops} == {"full"}
    assert sum(count for count, _why in one.losses) == 600 - grades.count("B")


def test_when_only_class_a_is_left_its_oldest_go(tmp_path):
    bounds = {"max_bytes": 60_000, "segment_bytes": 8_192}
    one = filled(tmp_path, 2_000, **bounds)
    rows, drops = everything(one)
    numbers = [number for number, _raw in rows]
    assert numbers == list(range(numbers[0], 2_001))
    assert covered(rows, drops) == list(range(1, 2_001))
    assert [why for _first, _last, why in drops] == ["full"]


def test_events_older_than_seven_days_go_and_are_declared(tmp_path, monkeypatch):
    filled(tmp_path, 300, segment_bytes=8_192)
    old = segments(tmp_path)[:2]
    for path in old:
        os.utime(path, (time.time() - 8 * 86_400,) * 2)
    rows, drops = everything(reopened(tmp_path))
    assert covered(rows, drops) == list(range(1, 301))
    assert [(first, why) for first, _last, why in drops] == [(1, "old")]


def test_a_clock_that_jumps_by_years_drops_nothing(tmp_path, monkeypatch):
    filled(tmp_path, 50)
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 10 * 365 * 86_400)
    rows, drops = everything(reopened(tmp_path))
    assert (len(rows), drops) == (50, [])


def test_the_spool_never_takes_more_than_a_hundredth_of_the_free_space(tmp_path, monkeypatch):
    free = os.statvfs(tmp_path)
    share = os.statvfs_result((4096, 4096, 10_000, 1_000, 500, *tuple(free)[5:]))
    monkeypatch.setattr(os, "statvfs", lambda _path: share)  # 2 MB free: 20 KB for events
    one = filled(tmp_path, 1_000)
    assert one.size() <= 500 * 4096 // 100 + one.size() // 100 + 1


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
