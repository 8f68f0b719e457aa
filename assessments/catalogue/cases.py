"""Runs cases: each through the compiled path and through the reference."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from agents.facts.schema import schema
from assessments.catalogue.case_files import Case, cases_path, read_cases
from assessments.catalogue.loader import DEFAULT, Catalogue, check_files, load_catalogue
from assessments.catalogue.yaml_file import YamlFile
from assessments.engine.check import Check, Status, TargetKind
from assessments.engine.evaluate import Engine
from assessments.engine.expression.typetree import TypeTree
from assessments.engine.targets import LISTS


@dataclass(frozen=True)
class CaseRun:
    """How many cases were run, and what is wrong, one sentence for each."""

    total: int = 0
    problems: tuple[str, ...] = field(default=())


def run_cases(folder: Path = DEFAULT) -> CaseRun:
    """Run every case of a catalogue. Raises CatalogueError if it cannot be loaded."""
    catalogue = load_catalogue(folder)
    runs = [run_check_cases(catalogue, path) for path in check_files(folder)]
    problems = tuple(problem for run in runs for problem in run.problems)
    return CaseRun(sum(run.total for run in runs), problems)


def run_check_cases(catalogue: Catalogue, check_file: Path) -> CaseRun:
    """Run the cases of one check. Raises CatalogueError if they cannot be read."""
    check = catalogue.checks[check_file.stem]
    path = cases_path(check_file)
    cases = read_cases(YamlFile.read(path), check_id=check.id)
    engine = Engine([check], TypeTree.from_schema(schema(), policy=catalogue.policy))
    problems = []
    for case in cases:
        document = case_document(check, case, policy=catalogue.policy)
        answers = {
            "compiled": compiled_answer(engine, document),
            "reference": engine.examine(check.id, {**case.facts, **document}).status,
        }
        problems += [
            f"{path}: {case.name} expects {case.expect}, the {way} path says {answer}"
            for way, answer in answers.items()
            if answer is not case.expect
        ]
    return CaseRun(len(cases), tuple(problems))


def case_document(check: Check, case: Case, *, policy: Mapping[str, object]) -> dict[str, Any]:
    """Return the document that a case means: its target stands first in its list."""
    document: dict[str, Any] = dict(case.facts)
    document["policy"] = {**policy, **case.policy}
    if check.target is not TargetKind.HOST:
        target = document.pop(check.target.value)
        name = LISTS[check.target]
        document[name] = [target, *document.get(name, ())]
    return document


def compiled_answer(engine: Engine, document: Mapping[str, object]) -> Status:
    """Return the status that an evaluation of the whole document gives the first target."""
    (row,) = engine.evaluate(document).rows
    return row.statuses[0]
