"""The program on each host: standard library only, Python 3.9, runs nothing but itself."""

import ast
import sys
from collections.abc import Iterator

import pytest

from tests.support.session import ROOT

PROGRAM = ROOT / "agents" / "host-agent" / "underpin_agent"
OLDEST_PYTHON = (3, 9)
ALLOWED = sys.stdlib_module_names | {"underpin_agent"}
STARTS_PROGRAMS = {"subprocess", "pty", "multiprocessing", "ctypes", "code", "runpy"}
# System calls that Python has no name for: adjtimex(2) asked without changing anything,
# lsm_list_modules(2), and setns(2) before 3.12.
CALLS_THE_KERNEL = {
    "collectors/clock.py": {"ctypes"},
    "collectors/kernel_state.py": {"ctypes"},
    "containers/network_namespaces.py": {"ctypes"},
}
RUNS_TEXT = {"eval", "exec", "compile", "__import__"}
OS_STARTERS = ("exec", "spawn", "system", "popen", "posix_spawn", "startfile")

MODULES = sorted(PROGRAM.rglob("*.py"))


def tree_of(name: str) -> ast.Module:
    """The syntax tree of one module, read as the oldest supported Python reads it."""
    return ast.parse(
        (PROGRAM / name).read_text(encoding="utf-8"), name, feature_version=OLDEST_PYTHON
    )


def imported(tree: ast.Module) -> Iterator[str]:
    """Top-level names of what a module imports; relative imports are its own."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        if isinstance(node, ast.ImportFrom) and node.level == 0:
            yield (node.module or "").split(".")[0]


each_module = pytest.mark.parametrize("name", [str(path.relative_to(PROGRAM)) for path in MODULES])


def test_the_program_is_there() -> None:
    assert len(MODULES) > 1


@each_module
def test_a_module_imports_the_standard_library_only(name: str) -> None:
    assert set(imported(tree_of(name))) - ALLOWED == set()


@each_module
def test_a_module_starts_no_program_and_runs_no_text(name: str) -> None:
    tree = tree_of(name)
    assert set(imported(tree)) & STARTS_PROGRAMS == CALLS_THE_KERNEL.get(name, set())
    calls = [node.func for node in ast.walk(tree) if isinstance(node, ast.Call)]
    assert [call.id for call in calls if isinstance(call, ast.Name) and call.id in RUNS_TEXT] == []
    of_os = [
        call.attr
        for call in calls
        if isinstance(call, ast.Attribute)
        and isinstance(call.value, ast.Name)
        and call.value.id == "os"
        and call.attr.startswith(OS_STARTERS)
    ]
    assert of_os == []
