"""Size report and gate: how long modules, functions, classes, templates and data files are.

A size over its limit fails, unless ``scripts/size_exceptions.txt`` names it with a reason and a
number of its own. Sizes over the aim are only counted. ``--all`` lists them.
"""

import ast
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median, quantiles

ROOT = Path(__file__).resolve().parent.parent
EXCEPTIONS = ROOT / "scripts" / "size_exceptions.txt"
PROGRAM = "agents/host-agent/underpin_agent/"
Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True)
class Limit:
    """How long one kind of thing should be, and may be."""

    kind: str
    aim: int
    limit: int


MODULE = Limit("app module", 150, 300)
FUNCTION = Limit("function", 15, 45)
VIEW = Limit("view", 12, 25)
TASK = Limit("task body", 8, 15)
CLASS = Limit("class", 80, 200)
FUNCTIONS = Limit("functions per module", 8, 20)
TEST_MODULE = Limit("test module", 150, 400)
TEST = Limit("test", 20, 40)
TEMPLATE = Limit("template", 60, 150)
DATA = Limit("check or case file", 40, 60)
WHOLE_PROGRAM = Limit("host program, whole", 1_500, 2_500)
LIMITS = (MODULE, FUNCTIONS, FUNCTION, VIEW, TASK, CLASS, TEST_MODULE, TEST, TEMPLATE, DATA)


@dataclass(frozen=True, slots=True)
class Size:
    """One measured thing: ``place`` is ``path`` or ``path::name``."""

    limit: Limit
    place: str
    value: int


def tracked_files() -> list[str]:
    """Files that git knows or would add; nothing generated."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return sorted({name for name in done.stdout.splitlines() if (ROOT / name).is_file()})


def lines_of(path: str) -> int:
    """Number of lines of a file."""
    return len((ROOT / path).read_text(encoding="utf-8").splitlines())


def length_of(node: Function | ast.ClassDef) -> int:
    """Lines from ``def`` or ``class`` to the end, without the docstring."""
    docstring = node.body[0]
    own = (node.end_lineno or node.lineno) - node.lineno + 1
    if ast.get_docstring(node, clean=False) is None:
        return own
    return own - ((docstring.end_lineno or docstring.lineno) - docstring.lineno + 1)


def is_view(path: str, node: Function) -> bool:
    """Whether a function answers a request: in a web or api package, with a request first."""
    names = [argument.arg for argument in node.args.args if argument.arg != "self"]
    return ("/web/" in path or "/api/" in path) and names[:1] == ["request"]


def function_limit(path: str, node: Function) -> Limit:
    """Which limit holds for a function."""
    if path.startswith("tests/"):
        return TEST if node.name.startswith("test_") else FUNCTION
    if path.endswith("/tasks.py"):
        return TASK
    return VIEW if is_view(path, node) else FUNCTION


def sizes_of_source(path: str, source: str) -> Iterator[Size]:
    """Sizes of one Python module and what is in it."""
    tree = ast.parse(source, path)
    functions = [node for node in ast.walk(tree) if isinstance(node, Function)]
    in_tests = path.startswith("tests/")
    yield Size(TEST_MODULE if in_tests else MODULE, path, len(source.splitlines()))
    if not in_tests:
        top = [node for node in tree.body if isinstance(node, Function)]
        yield Size(FUNCTIONS, f"{path}::functions", len(top))
    for function in functions:
        yield Size(function_limit(path, function), f"{path}::{function.name}", length_of(function))
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            yield Size(CLASS, f"{path}::{node.name}", length_of(node))


def sizes_of(paths: Iterable[str]) -> Iterator[Size]:
    """Sizes of everything that has a limit."""
    for path in paths:
        if path.endswith(".py") and "/migrations/" not in path:
            yield from sizes_of_source(path, (ROOT / path).read_text(encoding="utf-8"))
        elif path.startswith("templates/"):
            yield Size(TEMPLATE, path, lines_of(path))
        elif path.startswith("assessments/catalogue/checks/") and path.endswith(".yaml"):
            yield Size(DATA, path, lines_of(path))


def exceptions() -> dict[str, int]:
    """Places that may be longer, with the number agreed for each.

    Raises:
        SystemExit: for a line without a reason.
    """
    allowed: dict[str, int] = {}
    for line in EXCEPTIONS.read_text(encoding="utf-8").splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        entry, _, reason = line.partition("#")
        if not reason.strip():
            message = f"{EXCEPTIONS.name}: no reason given: {line}"
            raise SystemExit(message)
        place, number = entry.split()
        allowed[place] = int(number)
    return allowed


def table(sizes: list[Size]) -> list[str]:
    """One line per kind: count, median, 90th percentile, largest, how many over the aim."""
    lines = [
        f"{'kind':<22}{'n':>6}{'med':>6}{'p90':>6}{'max':>6}{'aim':>6}{'limit':>7}{'over aim':>10}"
    ]
    for limit in LIMITS:
        values = [size.value for size in sizes if size.limit is limit]
        if len(values) > 1:
            p90 = quantiles(values, n=10)[-1]
            over = sum(value > limit.aim for value in values)
            lines.append(
                f"{limit.kind:<22}{len(values):>6}{median(values):>6.0f}{p90:>6.0f}{max(values):>6}"
                f"{limit.aim:>6}{limit.limit:>7}{over:>10}"
            )
    return lines


def whole_program(sizes: list[Size]) -> Size:
    """How long the host program is, all modules together."""
    modules = [s for s in sizes if s.limit is MODULE and s.place.startswith(PROGRAM)]
    return Size(WHOLE_PROGRAM, PROGRAM.rstrip("/"), sum(s.value for s in modules))


def main(arguments: list[str]) -> int:
    """0 when nothing is over its limit."""
    sizes = list(sizes_of(tracked_files()))
    sizes.append(whole_program(sizes))
    allowed = exceptions()
    print("\n".join(table(sizes)))
    print(f"{WHOLE_PROGRAM.kind}: {sizes[-1].value} lines (aim {WHOLE_PROGRAM.aim})")
    if "--all" in arguments:
        for size in sorted(sizes, key=lambda s: s.value - s.limit.aim, reverse=True):
            if size.value > size.limit.aim:
                print(f"  {size.place}: {size.limit.kind} of {size.value}, aim {size.limit.aim}")
    too_long = [s for s in sizes if s.value > allowed.get(s.place, s.limit.limit)]
    unused = allowed.keys() - {s.place for s in sizes if s.value > s.limit.limit}
    for size in too_long:
        print(f"TOO LONG {size.place}: {size.limit.kind} of {size.value}, limit {size.limit.limit}")
    for place in sorted(unused):
        print(f"NOT NEEDED in {EXCEPTIONS.name}: {place}")
    return 1 if too_long or unused else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
