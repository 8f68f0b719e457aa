"""Clocks that jump, machines that sleep: one round afterwards, never a burst, never a silence."""

import itertools
import os
import signal
import subprocess
import sys
import time

import pytest
from underpin_agent.ticks import phase_of, seconds_until_tick, wait_after_boot

from tests.host_agent.at_work import DAY, HOUR, Clock, highest, make_loop, run_for
from tests.support.session import ROOT

YEAR = 365 * DAY


@pytest.mark.parametrize("jump", [HOUR, -HOUR, 10 * YEAR, -DAY, -2_000_000_000.0])
def test_a_jump_of_the_wall_clock_changes_nothing(server, state, host, jump):
    clock, wall = Clock(), Clock(now=1_800_000_000.0)
    one = make_loop(server, state, host, clock=clock, wall=wall)
    run_for(one, clock, 2 * HOUR)
    server.requests.clear()
    wall.now += jump
    run_for(one, clock, 2 * HOUR)
    assert 118 <= server.paths().count("/hb") <= 122
    assert server.paths().count("/index") <= 1


@pytest.mark.parametrize("jump", [10 * YEAR, -10 * YEAR])
def test_a_jump_over_a_restart_costs_one_whole_index_at_most(server, state, host, jump):
    clock, wall = Clock(), Clock(now=1_800_000_000.0)
    run_for(make_loop(server, state, host, clock=clock, wall=wall), clock, HOUR)
    server.requests.clear()
    wall.now += jump
    run_for(make_loop(server, state, host, clock=clock, wall=wall), clock, HOUR)
    assert server.paths().count("/index") <= 1
    assert 58 <= server.paths().count("/hb") <= 62


def test_a_machine_that_slept_calls_once(server, state, host):
    clock = Clock()
    one = make_loop(server, state, host, clock=clock)
    run_for(one, clock, HOUR)
    clock.now += 10 * HOUR
    server.requests.clear()
    run_for(one, clock, 120)
    assert len(server.paths()) <= 4


@pytest.mark.parametrize("host_id", ["a", "b", "c"])
def test_ticks_keep_to_the_grid_of_the_host(host_id):
    phase, now, ticks = phase_of(host_id), 12_345.6, []
    turns = itertools.cycle((0, 1))
    for number in range(2_000):
        now += seconds_until_tick(now, 60.0, phase, lambda *bounds: bounds[next(turns)])
        ticks.append(now)
        now += 7.0 * (number % 3)  # a round takes its time
    assert 59.9 <= (ticks[-1] - ticks[0]) / 1999 <= 60.1
    gaps = [after - before for before, after in itertools.pairwise(ticks)]
    assert min(gaps) > 53
    assert max(gaps) < 67
    offsets = {round((tick - phase * 60.0) % 60.0, 6) for tick in ticks}
    assert offsets <= {3.0, 57.0}


def test_a_fleet_started_at_once_calls_spread_over_the_interval():
    waits = [
        seconds_until_tick(0.0, 60.0, phase_of("host-%d" % number), lambda *_: 0.0)
        for number in range(600)
    ]
    assert all(30 <= one < 90.001 for one in waits)
    seconds = [sum(1 for one in waits if int(one) == second) for second in range(30, 90)]
    assert max(seconds) <= 30  # 10 on average


@pytest.mark.parametrize(("uptime", "expected"), [("12.5", 60.0), ("179.9", 60.0), ("181", 0.0)])
def test_after_a_boot_the_first_contact_waits(tree, host, uptime, expected):
    tree.write("/proc/uptime", uptime + " 1.00\n")
    assert wait_after_boot(host, highest) == expected


def test_a_stopped_agent_goes_on_without_a_burst(server, tmp_path):
    """SIGSTOP and SIGCONT on the real program: one heartbeat more, not one for each missed tick."""
    script = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from underpin_agent import client, loop, state\n"
        "from underpin_agent.reading import Host\n"
        "from underpin_agent.index import build_index\n"
        "class Nothing:\n"
        "    def index(self, everything=False):\n"
        "        return build_index({'sections': {}, 'containers': []})\n"
        "    def use_salt(self, salt): pass\n"
        "folder = state.State(sys.argv[3]); folder.open()\n"
        "one = loop.Loop(loop.Settings(sys.argv[2], token='good'), state=folder,\n"
        "    client=client.Client(sys.argv[2]), host=Host('/'), collector=Nothing(),\n"
        "    sleep=lambda s: __import__('time').sleep(s / 300))\n"
        "sys.exit(one.run())\n"
    )
    source = str(ROOT / "agents/host-agent")
    command = [sys.executable, "-I", "-c", script, source, server.url, str(tmp_path / "s")]
    agent = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    try:
        until(lambda: len(server.counters) >= 3)
        os.kill(agent.pid, signal.SIGSTOP)
        time.sleep(0.2)
        before = len(server.counters)
        time.sleep(2.0)  # ten ticks
        assert len(server.counters) <= before + 1
        before = len(server.counters)
        os.kill(agent.pid, signal.SIGCONT)
        time.sleep(0.3)
        assert len(server.counters) <= before + 4
        until(lambda: len(server.counters) >= before + 3)
    finally:
        agent.terminate()
        assert agent.wait(10) == 0


def until(done):
    """Wait for it, 20 seconds at most."""
    deadline = time.monotonic() + 20
    while not done():
        assert time.monotonic() < deadline
        time.sleep(0.02)
