"""What a report of 1,000 findings costs beside the typesetter alone on the same data.

The whole rendering is process start, figures, printable text, typesetting and packing; the
typesetter alone is its one call in a fresh process that has everything prepared. The runs
alternate and the best counts: another process on the machine can only add.
"""

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from assessments.reports.child import typeset
from assessments.reports.render import render_pdf
from assessments.reports.sample import sample_dataset
from assessments.reports.view import view_of

FINDINGS = 1_000
HOSTS = 40
RUNS = 7
BUDGET_RATIO = 1.5
ROOT = Path(__file__).resolve().parents[1]


def typesetter_alone(prepared: Path) -> tuple[float, float]:
    """Wall and CPU seconds of one compilation, in a process of its own."""
    with tempfile.TemporaryDirectory() as empty:
        told = subprocess.run(
            [sys.executable, __file__, str(prepared)],
            cwd=empty,
            env={"PYTHONPATH": str(ROOT), "PATH": os.environ["PATH"]},
            capture_output=True,
            check=True,
        ).stdout
    wall, cpu = json.loads(told)
    return wall, cpu


def compile_once(prepared: Path) -> None:
    """The child's part of `typesetter_alone`; prints wall and CPU seconds of the call."""
    given = json.loads(prepared.read_bytes())
    canonical = given["canonical"].encode()
    wall, cpu = time.perf_counter(), time.process_time()
    typeset(given["view"], canonical, generated_at=given["generated_at"])
    print(json.dumps([time.perf_counter() - wall, time.process_time() - cpu]))


def whole_rendering() -> tuple[float, float, int]:
    """Wall seconds, CPU seconds of this process and its child, and the size of the PDF."""
    dataset = sample_dataset(findings=FINDINGS, hosts=HOSTS)
    wall, cpu = time.perf_counter(), _cpu_seconds()
    document = render_pdf(dataset)
    return time.perf_counter() - wall, _cpu_seconds() - cpu, len(document)


def _cpu_seconds() -> float:
    used = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in used)


def report(name: str, value: float, *, unit: str, budget: float | None = None) -> None:
    """One line for `run.py`."""
    ok = budget is None or value <= budget
    row = {"name": name, "value": round(value, 3), "unit": unit, "budget": budget, "ok": ok}
    print(json.dumps(row))


def main() -> None:
    """Measures and prints."""
    dataset = sample_dataset(findings=FINDINGS, hosts=HOSTS)
    canonical = dataset.canonical_bytes()
    given = {
        "view": view_of(json.loads(canonical), digest=dataset.digest()),
        "canonical": canonical.decode(),
        "generated_at": dataset.control.generated_at,
    }
    alone, whole = [], []
    with tempfile.TemporaryDirectory() as folder:
        prepared = Path(folder) / "prepared.json"
        prepared.write_text(json.dumps(given))
        for _ in range(RUNS):
            alone.append(typesetter_alone(prepared))
            whole.append(whole_rendering())
    alone_wall, alone_cpu = (min(values) for values in zip(*alone, strict=True))
    wall, cpu, size = (min(values) for values in zip(*whole, strict=True))
    name = f"report of {FINDINGS:,} findings"
    report(f"{name}: typesetter alone, CPU", alone_cpu, unit="s")
    report(f"{name}: whole, CPU", cpu, unit="s")
    report(f"{name}: whole, wall", wall, unit="s")
    report(f"{name}: size", size / 1e6, unit="MB")
    report(f"{name}: CPU to typesetter alone", cpu / alone_cpu, unit="x", budget=BUDGET_RATIO)
    report(f"{name}: wall to typesetter alone", wall / alone_wall, unit="x", budget=BUDGET_RATIO)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        compile_once(Path(sys.argv[1]))
    else:
        main()
