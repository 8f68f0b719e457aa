"""What one collection of the agent costs, on a throw-away docker engine with real containers.

    .venv/bin/python -m benchmarks.agent_cost [--containers 10 50] [--cycles 5]

It needs root. CPU is that of the child that collects (user and system time), memory that of the
parent that stays: resident set and proportional set (smaps_rollup).
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from tests.support import docker

ROOT = Path(__file__).resolve().parent.parent
CPU_GOAL_SECONDS, RESIDENT_GOAL_KIB, PROPORTIONAL_GOAL_KIB = 0.090, 24 * 1024, 16 * 1024

# Runs inside the built program: the parent of the daemon, with everything it ever imports.
PROBE = """
import json, resource, sys, time
sys.path.insert(0, sys.argv[1])
import underpin_agent.__main__
from underpin_agent.isolation import Isolated
agent, rows = Isolated("/"), []
for _ in range(int(sys.argv[2])):
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    found = agent.index()
    wall, after = time.monotonic() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    rows.append({"cpu": cpu, "wall": wall, "containers": len(found.containers)})
    failed = [name for name, digest in found.sections.items() if not isinstance(digest, str)]
    del found
with open("/proc/self/smaps_rollup") as file:
    memory = {line.split()[0]: int(line.split()[1]) for line in file if "kB" in line}
print(json.dumps({"rows": rows, "rss": memory["Rss:"], "pss": memory["Pss:"], "failed": failed,
                  "child": resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss}))
"""


def measured(program: Path, *, cycles: int) -> dict[str, Any]:
    """The probe's answer."""
    command = [sys.executable, "-I", "-c", PROBE, str(program), str(cycles)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def line_of(found: dict[str, Any]) -> str:
    """One line of the table: the median cycle and the memory."""
    rows = sorted(found["rows"], key=lambda row: row["cpu"])
    middle = rows[len(rows) // 2]
    return (
        f"{middle['containers']:>10} {middle['cpu'] * 1000:>8.0f} {middle['wall'] * 1000:>8.0f} "
        f"{found['rss'] / 1024:>8.1f} {found['pss'] / 1024:>8.1f} {found['child'] / 1024:>8.1f}"
        f"   {' '.join(found['failed'])}"
    )


def main() -> int:
    """Print one line per number of containers; 1 when the smallest misses a goal."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--containers", type=int, nargs="+", default=[10, 50])
    parser.add_argument("--cycles", type=int, default=5)
    options = parser.parse_args()
    missed = False
    with tempfile.TemporaryDirectory(prefix="up-") as name:
        program = Path(name) / "agent.pyz"
        builder = ROOT / "agents/host-agent/build.py"
        subprocess.run([sys.executable, str(builder), "--output", str(program)], check=True)
        print("containers   cpu ms  wall ms  rss MiB  pss MiB    child   failed sections")
        with docker.running(Path(name) / "dk") as engine:
            running = 0
            for wanted in sorted(options.containers):
                for number in range(running, wanted):
                    engine.run(f"c{number}")
                running = wanted
                found = measured(program, cycles=options.cycles)
                print(line_of(found), flush=True)
                missed = missed or (wanted == min(options.containers) and misses(found))
            engine.remove_all()
    return 1 if missed else 0


def misses(found: dict[str, Any]) -> bool:
    """Whether the median cycle or the memory lies above its goal."""
    cpu = sorted(row["cpu"] for row in found["rows"])[len(found["rows"]) // 2]
    over = (
        cpu > CPU_GOAL_SECONDS,
        found["rss"] > RESIDENT_GOAL_KIB,
        found["pss"] > PROPORTIONAL_GOAL_KIB,
    )
    return any(over)


if __name__ == "__main__":
    sys.exit(main())
