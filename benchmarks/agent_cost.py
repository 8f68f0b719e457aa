"""What the agent costs, on a throw-away docker engine with real containers.

    .venv/bin/python -m benchmarks.agent_cost [--containers 10 50] [--minutes 45] [--growth 10000]

It needs root. The built program runs in a process of its own; only its clock is told: a cycle is
60 s, so that the 15-minute turn and the CPU budget work as in real time. CPU is user and system
time of the agent and all its children, by getrusage(2). A steady cycle is the mean of the minutes
after the first one, in which everything is read. Memory is what the kernel shows after each cycle
(smaps_rollup), the peak what parent and children hold while they work, seen every few milliseconds.
Containers of other engines are collected too; the rows say how many there were in all.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

from tests.support import docker

ROOT = Path(__file__).resolve().parent.parent
# Goals of the design; beside them what others need for a part of the work, by their own figures.
CPU_GOAL_MS = 90  # 0.15 % of a core; node_exporter 0.09 %, New Relic 0.1-0.3 %, Netdata 1-5 %
RESIDENT_GOAL_MIB = 24  # node_exporter 20.9, Zabbix agent 2 18.7, Wazuh modulesd 61.8
PROPORTIONAL_GOAL_MIB = 16  # node_exporter 19.5, Zabbix agent 2 13.5, Datadog's gate 179
PEAK_GOAL_MIB = 45.8  # 48 MB
GROWTH_GOAL_KIB = 488  # 0.5 MB
PROGRAM_BUDGET_KB = 200  # node_exporter's binary 13.7 MB
PEAK_CYCLES, SAMPLE_SECONDS = 6, 0.004

# Runs inside the built program: the parent of the daemon with everything it imports, a TLS context
# with the system's authorities among it, and the collector, its clock told.
PROBE = """
import array, json, resource, ssl, sys, time
sys.path.insert(0, sys.argv[1])
import underpin_agent.__main__
from underpin_agent.isolation import Isolated
from underpin_agent.memory import settle
def cpu():
    both = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return sum(one.ru_utime + one.ru_stime for one in both)
def memory():
    with open("/proc/self/smaps_rollup") as file:
        found = {line.split()[0]: int(line.split()[1]) for line in file if "kB" in line}
    return found["Rss:"], found["Pss:"]
tls, now, cycles = ssl.create_default_context(), [0.0], int(sys.argv[2])
rows = array.array("d", bytes(32 * cycles))  # written in place: the probe must not grow itself
agent = Isolated(sys.argv[3], clock=lambda: now[0])
settle()
oldest = 0.0
for cycle in range(cycles):
    before, start = cpu(), time.monotonic()
    found = agent.index()
    row = array.array("d", [cpu() - before, time.monotonic() - start, *memory()])
    rows[4 * cycle : 4 * cycle + 4] = row
    now[0] += 60.0
    ages = [now[0] - (one.read_at or now[0]) for one in agent.schedule.items.values()]
    oldest = max(oldest, *ages)
failed = [name for name, entry in found.sections.items() if not isinstance(entry, str)]
print(json.dumps({
    "rows": [list(rows[4 * n : 4 * n + 4]) for n in range(cycles)], "failed": failed,
    "containers": len(found.containers), "oldest": oldest,
}))
"""


def command_of(program: Path, *, cycles: int, root: str = "/") -> list[str]:
    """The probe, isolated from the environment of whoever starts it."""
    return [sys.executable, "-I", "-c", PROBE, str(program), str(cycles), root]


def measured(program: Path, *, cycles: int, root: str = "/") -> dict[str, Any]:
    """The probe's answer."""
    command = command_of(program, cycles=cycles, root=root)
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    found: dict[str, Any] = json.loads(done.stdout)
    if found["failed"]:
        message = f"these sections failed: {' '.join(found['failed'])}"
        raise SystemExit(message)
    return found


def peak_kib(program: Path) -> int:
    """The most KiB that the agent and its children held in the first cycles, in a run of its own:
    looking slows the agent down."""
    command, peak = command_of(program, cycles=PEAK_CYCLES), 0
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as agent:
        while agent.poll() is None:
            peak = max(peak, held_kib(agent.pid))
            time.sleep(SAMPLE_SECONDS)
    return peak


def held_kib(pid: int) -> int:
    """Resident KiB of the agent, and what its children do not share with it."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        own = rollup(pid)["Rss"]
    except OSError:
        return 0
    for child in children:
        try:
            found = rollup(int(child))
        except OSError:  # It ended between the two reads.
            continue
        own += found["Private_Clean"] + found["Private_Dirty"]
    return own


def rollup(pid: int) -> dict[str, int]:
    """Sums of proc_pid_smaps(5) in KiB; zeros for a process that ended."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
    found = {"Rss": 0, "Private_Clean": 0, "Private_Dirty": 0}
    return found | {line.split(":")[0]: int(line.split()[1]) for line in lines}


def rows_of(found: dict[str, Any], *, wanted: int, peak: int) -> Iterator[dict[str, Any]]:
    """The numbers of one measurement on the real host."""
    first, steady = found["rows"][0], found["rows"][1:]
    at = f"{wanted} of {found['containers']} containers"
    mean = sum(row[0] for row in steady) / len(steady) * 1000
    worst = max(row[0] for row in steady) * 1000
    wall = sum(row[1] for row in steady) / len(steady) * 1000
    yield number(f"agent CPU a steady cycle, {at}", mean, "ms", CPU_GOAL_MS)
    yield number(f"agent CPU the dearest steady cycle, {at}", worst, "ms", None)
    yield number(f"agent CPU the first cycle, {at}", first[0] * 1000, "ms", None)
    yield number(f"agent wall time a steady cycle, {at}", wall, "ms", None)
    yield number(f"agent oldest fact, {at}", found["oldest"], "s", 900)
    resident, proportional = (max(row[place] for row in steady) / 1024 for place in (2, 3))
    yield number(f"agent RSS, most, {at}", resident, "MiB", RESIDENT_GOAL_MIB)
    yield number(f"agent PSS, most, {at}", proportional, "MiB", PROPORTIONAL_GOAL_MIB)
    yield number(f"agent peak with children, {at}", peak / 1024, "MiB", PEAK_GOAL_MIB)


def growth(program: Path, *, cycles: int) -> Iterator[dict[str, Any]]:
    """How much the parent grows over many cycles, on a made-up host: the real one takes longer."""
    with tempfile.TemporaryDirectory(prefix="up-") as name:
        # Written for the agent's tests, which have no types.
        tree = import_module("tests.host_agent.tree").Tree(Path(name) / "host")
        for place in range(3):
            tree.container(100 + place, container_id=f"{place:064x}")
        rows = measured(program, cycles=cycles, root=str(tree.folder))["rows"]
    settled = rows[min(100, cycles // 2)][2]
    text = f"agent RSS growth from cycle 100 to {cycles}"
    yield number(text, rows[-1][2] - settled, "KiB", GROWTH_GOAL_KIB)


def number(name: str, value: float, unit: str, budget: float | None) -> dict[str, Any]:
    """One row for ``run.py``."""
    ok = budget is None or value <= budget
    return {"name": name, "value": round(value, 1), "unit": unit, "budget": budget, "ok": ok}


def main() -> None:
    """Print one JSON line per number, for few and for many containers."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--containers", type=int, nargs="+", default=[10, 50])
    parser.add_argument("--minutes", type=int, default=45)
    parser.add_argument("--growth", type=int, default=10_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="up-") as name:
        program = Path(name) / "agent.pyz"
        builder = ROOT / "agents/host-agent/build.py"
        command = [sys.executable, str(builder), "--output", str(program)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        size = program.stat().st_size / 1000
        show(number("agent program, one file", size, "kB", PROGRAM_BUDGET_KB))
        for row in growth(program, cycles=options.growth):
            show(row)
        with docker.running(Path(name) / "dk") as engine:
            running = 0
            for wanted in sorted(options.containers):
                for place in range(running, wanted):
                    engine.run(f"c{place}")
                running = wanted
                found = measured(program, cycles=options.minutes)
                for row in rows_of(found, wanted=wanted, peak=peak_kib(program)):
                    show(row)
            engine.remove_all()


def show(row: dict[str, Any]) -> None:
    """One line."""
    print(json.dumps(row), flush=True)


if __name__ == "__main__":
    main()
