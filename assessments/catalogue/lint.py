"""Lints a catalogue: everything that is wrong, each with file, line and column."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from agents.facts.schema import schema
from assessments.catalogue.case_files import cases_path, read_cases
from assessments.catalogue.expressions import check_expressions
from assessments.catalogue.lint_cases import lint_cases
from assessments.catalogue.lint_texts import lint_references, lint_texts
from assessments.catalogue.loader import CASES_SUFFIX, DEFAULT, check_files, read_policy
from assessments.catalogue.reading import read_check
from assessments.catalogue.yaml_file import CatalogueError, YamlFile, refuse_file
from assessments.engine.check import Check
from assessments.engine.expression.typetree import TypeTree


@dataclass(frozen=True)
class Rules:
    """What every file is held against."""

    policy: dict[str, object]
    types: TypeTree


def lint(folder: Path = DEFAULT) -> list[str]:
    """Return what is wrong with the catalogue of a folder, in the order of its files.

    Unlike the loader it goes on after an error, so that all of them are seen at once.
    """
    try:
        policy, _ = read_policy(YamlFile.read(folder / "policy.yaml"))
    except CatalogueError as error:
        return [str(error)]
    rules = Rules(policy, TypeTree.from_schema(schema(), policy=policy))
    problems: list[str] = []
    seen: dict[str, Path] = {}
    for path in check_files(folder):
        problems += _lint_check(path, rules, seen)
    return problems + _strays(folder)


def _lint_check(path: Path, rules: Rules, seen: dict[str, Path]) -> list[str]:
    try:
        file = YamlFile.read(path)
        check = read_check(file)
    except CatalogueError as error:
        return [str(error)]
    steps: list[Callable[[], None]] = [
        lambda: _lint_id(file, check, seen),
        lambda: check_expressions(file, check, types=rules.types, policy=rules.policy),
        lambda: lint_texts(file, check),
        lambda: lint_references(file, check),
        lambda: _lint_case_file(check, cases_path(path), rules),
    ]
    return [problem for step in steps for problem in _problem_of(step)]


def _problem_of(step: Callable[[], None]) -> list[str]:
    try:
        step()
    except CatalogueError as error:
        return [str(error)]
    return []


def _lint_id(file: YamlFile, check: Check, seen: dict[str, Path]) -> None:
    if check.id != file.path.stem:
        file.refuse(f"id {check.id!r} is not the name of the file", "id")
    if check.id in seen:
        file.refuse(f"id {check.id!r} is taken by {seen[check.id]}", "id")
    seen[check.id] = file.path


def _lint_case_file(check: Check, path: Path, rules: Rules) -> None:
    file = YamlFile.read(path)
    cases = read_cases(file, check_id=check.id)
    lint_cases(file, check, cases, types=rules.types, policy=rules.policy)


def _strays(folder: Path) -> list[str]:
    """Return what lies in the folder of checks and belongs to none."""
    checks = set(check_files(folder))
    known = checks | {cases_path(path) for path in checks}
    found = sorted(path for path in (folder / "checks").rglob("*") if path.is_file())
    strays = [path for path in found if path not in known]
    steps = [partial(refuse_file, path, _stray_reason(path)) for path in strays]
    return [problem for step in steps for problem in _problem_of(step)]


def _stray_reason(path: Path) -> str:
    is_cases = path.name.endswith(CASES_SUFFIX)
    return "cases without their check" if is_cases else "no check lies here"
