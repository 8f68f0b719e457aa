"""Cases of a check: the smallest facts that decide, each with the status they must give."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from assessments.catalogue.loader import CASES_SUFFIX
from assessments.catalogue.yaml_file import YamlFile
from assessments.engine.check import Status

NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", re.ASCII)
KEYS = frozenset({"name", "expect", "without", "facts", "policy"})


@dataclass(frozen=True)
class Case:
    """One case. `facts` holds bindings with only the fields that the check reads.

    `without` is the path that was taken away, for a case that must be unknown.
    """

    name: str
    expect: Status
    facts: Mapping[str, object]
    policy: Mapping[str, object] = field(default_factory=dict)
    without: str = ""


def cases_path(check_file: Path) -> Path:
    """Return the file beside a check file that holds its cases."""
    return check_file.with_name(check_file.stem + CASES_SUFFIX)


def read_cases(file: YamlFile, *, check_id: str) -> tuple[Case, ...]:
    """Return the cases of a file. Raises CatalogueError with the place of what is wrong."""
    if file.data.keys() != {"check", "cases"} or file.data["check"] != check_id:
        file.refuse(f"the file holds the cases of {check_id!r} and nothing else", "check")
    rows = file.data["cases"]
    if not isinstance(rows, list):
        file.refuse("'cases' is a list", "cases")
    cases = tuple(_case(file, position, row) for position, row in enumerate(rows))
    names: set[str] = set()
    for position, case in enumerate(cases):
        if case.name in names:
            file.refuse(f"name {case.name!r} is given twice", "cases", position, "name")
        names.add(case.name)
    return cases


def _case(file: YamlFile, position: int, row: object) -> Case:
    place = ("cases", position)
    if not isinstance(row, dict) or row.keys() - KEYS:
        file.refuse(f"a case has the fields {', '.join(sorted(KEYS))}", *place)
    name, expect = row.get("name"), row.get("expect")
    if not isinstance(name, str) or not NAME.fullmatch(name):
        file.refuse("a case is named for its reason, in snake_case", *place, "name")
    if expect not in tuple(Status):
        file.refuse(f"'expect' is one of: {', '.join(Status)}", *place, "expect")
    facts, policy = row.get("facts"), row.get("policy", {})
    if not isinstance(facts, dict) or not isinstance(policy, dict):
        file.refuse("'facts' and 'policy' are mappings", *place)
    without = row.get("without", "")
    if not isinstance(without, str):
        file.refuse("'without' is a path", *place, "without")
    return Case(name, Status(expect), facts, policy, without)
