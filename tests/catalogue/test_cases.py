"""Every case of every check, through the compiled path and through the reference."""

import shutil
from pathlib import Path

import pytest

from assessments.catalogue.__main__ import main
from assessments.catalogue.case_files import cases_path
from assessments.catalogue.cases import run_cases, run_check_cases
from assessments.catalogue.loader import DEFAULT, check_files, load_catalogue

FILES = {path.stem: path for path in check_files(DEFAULT)}


@pytest.mark.parametrize("check_id", FILES)
def test_the_cases_of_a_check_come_out_as_written(check_id: str) -> None:
    run = run_check_cases(load_catalogue(), FILES[check_id])
    assert run.total >= 3
    assert run.problems == ()


@pytest.mark.parametrize("status", ["pass", "fail", "unknown"])
def test_a_wrong_expectation_is_reported_by_both_paths(tmp_path: Path, status: str) -> None:
    shutil.copy(DEFAULT / "policy.yaml", tmp_path)
    topic = tmp_path / "checks" / "network"
    topic.mkdir(parents=True)
    source = FILES["SEG-NET-10"]
    for path in (source, cases_path(source)):
        shutil.copy(path, topic)
    path = topic / cases_path(source).name
    text = path.read_text("utf-8").replace(f"expect: {status}", "expect: not_applicable")
    path.write_text(text, "utf-8")
    run = run_cases(tmp_path)
    assert run.total == 3
    assert len(run.problems) == 2
    assert all(path.name in problem and f"says {status}" in problem for problem in run.problems)


def test_the_command_prints_counts_and_succeeds(capsys: pytest.CaptureFixture[str]) -> None:
    assert main() == 0
    printed = capsys.readouterr().out
    assert f"{len(FILES)} checks" in printed
    assert printed.endswith("0 problems\n")
