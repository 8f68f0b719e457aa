"""What the sampler costs, on a throw-away docker engine with real containers.

    .venv/bin/python -m benchmarks.sampling [--containers 10 50] [--seconds 180]

It needs root. The built program's sampler runs as its own child process in real time; after a
minute, in which everything is new, its processor time is taken over the given seconds from
/proc/<pid>/stat and its memory at the end from smaps_rollup. Containers of other engines are
sampled too; the rows say how many there were in all. The cost of one look is the mean of many.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.support import docker

ROOT = Path(__file__).resolve().parent.parent
CPU_BUDGET_PERCENT = 0.5  # policy.agent_cpu_budget; node_exporter 0.09 %, Netdata 1-5 %
OWN_GOAL_MIB = 8  # the peak of 48 MB less a parent of 24 MiB and a collector's 14
LOOK_GOAL_US = 110
WARM_UP_SECONDS = 60

PROBE = """
import json, sys, time
sys.path.insert(0, sys.argv[1])
import underpin_agent.__main__
from underpin_agent.sampling.child import Samples
samples, rows = Samples("/"), []
samples.waiting()
print(samples.pid, flush=True)
while True:
    time.sleep(5)
    found = samples.waiting()
    samples.sent(found)
    print(json.dumps([json.dumps(found)]), flush=True)
"""
LOOKS = """
import json, sys, time
sys.path.insert(0, sys.argv[1])
from underpin_agent.reading import Host
from underpin_agent.sampling import counters, groups, machine
from underpin_agent.sampling.files import Files
from underpin_agent.sampling.glance import Glance
files, trees = Files("/"), groups.find_trees(Host("/"))
glance = Glance(files, trees)
def cost(look, times=200):
    begin = time.thread_time()
    for _ in range(times):
        look()
    return (time.thread_time() - begin) / times * 1e6
at_a_glance = cost(lambda: glance.look(time.monotonic()))
one = list(glance.containers.values())
print(json.dumps({
    "containers": len(one), "glance": at_a_glance,
    "container": cost(lambda: [counters.read_container(files, each) for each in one]) / len(one),
    "host": cost(lambda: machine.read_machine(files, counters.Reading())),
}))
"""


def ticks(pid: int) -> float:
    """Seconds of processor time of a process."""
    words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


def own_mib(pid: int) -> tuple[float, float]:
    """MiB that the process shares with nobody, and its proportional part."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
    found = {line.split(":")[0]: int(line.split()[1]) for line in lines}
    return (found["Private_Clean"] + found["Private_Dirty"]) / 1024, found["Pss"] / 1024


def running(program: Path, *, seconds: int) -> dict[str, Any]:
    """One run of the sampler in real time."""
    command = [sys.executable, "-I", "-c", PROBE, str(program)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        time.sleep(WARM_UP_SECONDS)
        before = ticks(pid)
        time.sleep(seconds)
        share = (ticks(pid) - before) / seconds
        own, proportional = own_mib(pid)
        parent.kill()
    return {"share": share, "own": own, "proportional": proportional}


def looks(program: Path) -> dict[str, Any]:
    """What single looks cost."""
    command = [sys.executable, "-I", "-c", LOOKS, str(program)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def rows_of(program: Path, *, wanted: int, seconds: int) -> Iterator[dict[str, Any]]:
    """The numbers for so many containers."""
    one = looks(program)
    at = f"{wanted} of {one['containers']} containers"
    yield number(f"sampler look at a container, {at}", one["container"], "us", LOOK_GOAL_US)
    yield number(f"sampler glance, {at}", one["glance"], "us", None)
    yield number(f"sampler look at the host, {at}", one["host"], "us", None)
    found = running(program, seconds=seconds)
    yield number(f"sampler CPU, {at}", found["share"] * 100, "% core", CPU_BUDGET_PERCENT)
    yield number(f"sampler memory of its own, {at}", found["own"], "MiB", OWN_GOAL_MIB)
    yield number(f"sampler PSS, {at}", found["proportional"], "MiB", None)


def number(name: str, value: float, unit: str, budget: float | None) -> dict[str, Any]:
    """One row for ``run.py``."""
    ok = budget is None or value <= budget
    return {"name": name, "value": round(value, 3), "unit": unit, "budget": budget, "ok": ok}


def main() -> None:
    """Print one JSON line per number, for few and for many containers."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--containers", type=int, nargs="+", default=[10, 50])
    parser.add_argument("--seconds", type=int, default=180)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="up-") as name:
        program = Path(name) / "agent.pyz"
        builder = ROOT / "agents/host-agent/build.py"
        command = [sys.executable, str(builder), "--output", str(program)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        with docker.running(Path(name) / "dk") as engine:
            started = 0
            for wanted in sorted(options.containers):
                for place in range(started, wanted):
                    engine.run(f"s{place}", "--memory=64m", "--cpus=0.5")
                started = wanted
                for row in rows_of(program, wanted=wanted, seconds=options.seconds):
                    print(json.dumps(row), flush=True)
            engine.remove_all()


if __name__ == "__main__":
    main()
