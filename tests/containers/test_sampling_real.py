"""The real sampler on real containers: its child process, its pipe, the kernel's own counters."""

import subprocess
import time
from collections.abc import Iterator
from typing import Any

import pytest
from underpin_agent.sampling import sampler, schedule, window
from underpin_agent.sampling.child import Samples

from tests.support.docker import DockerEngine

pytestmark = [pytest.mark.docker, pytest.mark.slow, pytest.mark.timeout(120)]
SPIN = "while :; do :; done"
FILL = "busybox head -c 33554432 /dev/zero > /dev/shm/full; sleep 1000000"
# The first process of a container ignores signals from inside: the one that spins is its child.
SPIN_ONCE = f"busybox timeout 1 sh -c '{SPIN}'; true"
SECONDS = 8  # of a window: instead of the five minutes


@pytest.fixture
def samples(monkeypatch: pytest.MonkeyPatch) -> Iterator[Samples]:
    monkeypatch.setattr(window, "LONG", SECONDS)
    monkeypatch.setattr(sampler, "LONG", SECONDS)
    monkeypatch.setitem(schedule.INTERVALS, schedule.HOST, (3, 2, 3))
    one = Samples("/")
    yield one
    one.stop()


def collected(samples: Samples, *, until: float) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    while time.monotonic() < until:
        rows = samples.waiting()
        samples.sent(rows)
        found += rows
        time.sleep(0.5)
    return found


def growth(row: dict[str, Any], name: str) -> int:
    return int(row["c"][name][-1] - row["c"][name][0])


def test_real_containers_are_sampled(docker_engine: DockerEngine, samples: Samples) -> None:
    """One spins at its limit, one fills half its memory, five live for a second each."""
    limits = ("--memory=64m", "--pids-limit=20")
    spin = docker_engine.run("sample-spin", *limits, "--cpus=0.05", command=("sh", "-c", SPIN))
    full = docker_engine.run("sample-full", *limits, "--shm-size=48m", command=("sh", "-c", FILL))
    try:
        assert samples.waiting() == []
        rows = []
        for number in range(5):
            docker_engine.run(f"sample-brief-{number}", command=("sh", "-c", SPIN_ONCE))
            rows += collected(samples, until=time.monotonic() + 5)
    finally:
        docker_engine.remove_all()
    long = [row for row in rows if row["w"] == SECONDS]
    spun = [row for row in long if row["k"] == spin[:12]]
    assert spun
    for row in spun:  # 0.05 cores at most; less on a busy machine
        assert 0 < growth(row, "cpu_usage_us") / 1e6 / row["d"] < 0.1
        assert growth(row, "cpu_throttled_periods") > 0
    filled = [row for row in long if row["k"] == full[:12]][-1]
    assert 0.5 <= filled["g"]["memory_ratio"][-1] < 0.75
    assert filled["g"]["memory_current_bytes"][-1] >= 32 * 2**20
    hot = [row for row in rows if row["w"] == 10 and row["k"] == spin[:12]]
    assert hot, "a container that is throttled from its start is conspicuous"
    unseen = [
        growth(row, "containers_cpu_us") - growth(row, "containers_cpu_seen_us")
        for row in long
        if row["k"] == ""
    ]
    assert sum(unseen) > 100_000  # of five seconds, what nobody saw
    assert subprocess.run(["kill", "-0", str(samples.pid)], check=False).returncode == 0
