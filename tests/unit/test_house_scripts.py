"""The house's own tools say exactly what is missing, and fail then."""

import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import run as benchmarks_run
from scripts import check_sizes
from tests.support import tools
from tests.support.session import ROOT, Database, chosen_database, is_pure


def test_missing_test_tools_are_listed_with_the_command_that_brings_them() -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "scripts" / "install_test_tools.py"],
        env={"PATH": "/nonexistent"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "redis-server     The throw-away Redis" in done.stderr
    command = done.stderr.strip().splitlines()[-1].split()
    assert command[:3] == ["sudo", "apt-get", "install"]
    assert {"redis-server", "chromium", "busybox-static", "poppler-utils"} <= set(command)


def test_a_missing_program_is_an_error_that_names_its_package() -> None:
    tool = tools.Tool("Counting stars", ("no-such-program",), ("star-counter",))
    with pytest.raises(tools.MissingProgramError, match="apt-get install star-counter"):
        tool.require()


def test_a_machine_without_a_fitting_python_is_told_what_to_install(tmp_path: Path) -> None:
    old = tmp_path / "python3"
    old.write_text("#!/bin/sh\nexit 1\n")
    old.chmod(0o755)
    done = subprocess.run(
        ["/bin/sh", ROOT / "scripts" / "make_venv.sh", tmp_path / "venv"],
        env={"PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "needs Python 3.11 or newer" in done.stderr
    assert not (tmp_path / "venv").exists()


def test_the_database_of_a_run_is_chosen_on_the_command_line() -> None:
    assert chosen_database([]) is Database.POSTGRESQL
    assert chosen_database(["-x", "--database", "sqlite", "tests"]) is Database.SQLITE
    assert chosen_database(["--database=sqlite"]) is Database.SQLITE


def test_only_a_run_of_pure_folders_goes_without_django(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    assert is_pure(["-q", "tests/unit", "tests/unit/test_house_scripts.py::test_x"])
    assert not is_pure([])
    assert not is_pure(["tests/unit", "tests"])
    assert not is_pure(["tests/unit/../conftest.py"])


def test_a_size_over_its_limit_is_found_and_a_docstring_does_not_count() -> None:
    source = 'def long():\n    """Says.\n\n    More.\n    """\n' + "    x = 1\n" * 46
    sizes = {size.place: size for size in check_sizes.sizes_of_source("workbench/a.py", source)}
    function = sizes["workbench/a.py::long"]
    assert function.value == 47
    assert function.value > function.limit.limit


def test_a_benchmark_row_is_read_from_its_json_line() -> None:
    line = '{"name": "size", "value": 3, "unit": "KB", "budget": 2, "ok": false}'
    rows = list(benchmarks_run.rows_of(f"warming up\n{line}\n"))
    assert [(row.name, row.value, row.budget, row.ok) for row in rows] == [("size", 3, 2, False)]
    assert rows[0].line().endswith("MISSED")
