"""Run every benchmark here and hold its numbers against their budgets.

A benchmark is a module in this folder. It prints one JSON object per number:
``{"name": …, "value": …, "unit": …, "budget": … or null, "ok": true or false}``. The rest
goes to stderr. Run it with ``make bench``, or some with ``python benchmarks/run.py NAME …``.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
LIMIT_SECONDS = 1_200


@dataclass(frozen=True, slots=True)
class Row:
    """One number of one benchmark; ``budget`` is None where there is only a record."""

    name: str
    value: float
    unit: str
    budget: float | None
    ok: bool

    def line(self) -> str:
        """The row as it stands in the table."""
        budget = "" if self.budget is None else f"{self.budget:g}"
        verdict = "ok" if self.ok else "MISSED"
        return f"{self.name:<58}{self.value:>12.4g} {self.unit:<10}{budget:>10}  {verdict}"


def modules(chosen: list[str]) -> list[str]:
    """The benchmarks to run, all when none is named."""
    found = sorted(p.stem for p in FOLDER.glob("*.py") if p.stem not in {"run", "__init__"})
    unknown = set(chosen) - set(found)
    if unknown:
        message = f"no such benchmark: {', '.join(sorted(unknown))}; there are {', '.join(found)}"
        raise SystemExit(message)
    return chosen or found


def rows_of(output: str) -> Iterator[Row]:
    """The JSON lines of a benchmark's output."""
    for line in output.splitlines():
        if line.startswith("{"):
            found = json.loads(line)
            budget = found["budget"]
            yield Row(
                name=str(found["name"]),
                value=float(found["value"]),
                unit=str(found["unit"]),
                budget=None if budget is None else float(budget),
                ok=bool(found["ok"]),
            )


def measure(module: str) -> list[Row]:
    """Run one benchmark in a process of its own.

    A benchmark that fails, or prints no number, is itself a missed row.
    """
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", f"benchmarks.{module}"],
        cwd=FOLDER.parent,
        env=os.environ | {"PYTHONPATH": f"{FOLDER.parent}:{FOLDER.parent}/agents/host-agent"},
        stdout=subprocess.PIPE,
        text=True,
        timeout=LIMIT_SECONDS,
        check=False,
    )
    rows = list(rows_of(done.stdout))
    if done.returncode != 0 or not rows:
        rows.append(Row(f"{module}: ended with {done.returncode}", 0, "numbers", 1, ok=False))
    print(f"{module}: {time.monotonic() - began:.1f} s", file=sys.stderr, flush=True)
    return rows


def main(chosen: list[str]) -> int:
    """0 when every budget is kept."""
    rows = [row for module in modules(chosen) for row in measure(module)]
    print(f"{'measured':<58}{'value':>12} {'unit':<10}{'budget':>10}")
    for row in rows:
        print(row.line())
    missed = sum(not row.ok for row in rows)
    print(f"{len(rows)} numbers, {missed} over budget")
    return 1 if missed or not rows else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
