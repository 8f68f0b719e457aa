"""The event spool: what was kept is delivered once and whole, and what was lost is declared."""

import json
import os
import random
import time

import pytest
from underpin_agent.events import mark

from tests.host_agent.spools import covered, everything, filled, payload, reopened, segments

SEEDS = range(40)


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
    assert sum(count for count, _why in one.drops.losses) == 600 - grades.count("B")


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
