"""What the cases of a check must fulfil: every status it can give, and facts that can exist."""

from collections.abc import Mapping
from typing import Any

from assessments.catalogue.case_files import Case
from assessments.catalogue.yaml_file import YamlFile
from assessments.engine.check import Check, Status, TargetKind
from assessments.engine.expression.typetree import Kind, Type, TypeTree

_CLASSES: dict[Kind, tuple[type, ...]] = {
    Kind.BOOL: (bool,),
    Kind.INT: (int,),
    Kind.NUMBER: (int, float),
    Kind.STRING: (str,),
    Kind.LIST: (list,),
    Kind.MAP: (dict,),
    Kind.OBJECT: (dict,),
}


def lint_cases(
    file: YamlFile,
    check: Check,
    cases: tuple[Case, ...],
    *,
    types: TypeTree,
    policy: Mapping[str, object],
) -> None:
    """Refuse a set of cases that shows too little, or facts that no host can have.

    Raises CatalogueError with the place of the first thing that is wrong.
    """
    _lint_coverage(file, check, {case.expect for case in cases})
    scope = types.scope() if check.target is TargetKind.HOST else types.scope(check.target)
    for position, case in enumerate(cases):
        place = ("cases", position)
        _lint_without(file, check, case, place)
        for name in case.policy:
            if name not in policy:
                file.refuse(f"no site parameter {name!r}", *place, "policy", name)
        for name, value in case.facts.items():
            if name not in scope:
                file.refuse(f"{name!r} is no binding of this target", *place, "facts", name)
            _lint_value(file, value, scope[name], (*place, "facts", name))


def _lint_coverage(file: YamlFile, check: Check, expected: set[Status]) -> None:
    for needed in Status:
        possible = needed is not Status.NOT_APPLICABLE or check.not_applicable is not None
        if possible and needed not in expected:
            file.refuse(f"there is no case that expects {needed.value!r}", "cases")


def _lint_without(file: YamlFile, check: Check, case: Case, place: tuple[str | int, ...]) -> None:
    if case.expect is not Status.UNKNOWN:
        if case.without:
            file.refuse("only an unknown case is without something", *place, "without")
        return
    if not case.without:
        if check.unknown_when is None and check.pass_only_if is None:
            file.refuse("an unknown case names the path it is without", *place)
        return
    if not any(_touches(case.without, path) for path in check.facts):
        file.refuse(f"the check does not read {case.without!r}", *place, "without")


def _touches(one: str, other: str) -> bool:
    """Whether two paths are equal or one lies below the other."""
    return one == other or any(
        longer.startswith(shorter) and longer[len(shorter)] in ".["
        for shorter, longer in ((one, other), (other, one))
        if len(shorter) < len(longer)
    )


def _lint_value(file: YamlFile, value: Any, type_: Type, place: tuple[str | int, ...]) -> None:
    """Refuse a value that the facts schema does not allow at this place."""
    if type(value) not in _CLASSES[type_.kind]:
        file.refuse(f"a {type_.kind.value} is expected", *place)
    if type_.values is not None and value not in type_.values:
        file.refuse(f"{value!r} is not one of the values of this field", *place)
    if isinstance(value, list) and type_.item is not None:
        for position, item in enumerate(value):
            _lint_value(file, item, type_.item, (*place, position))
    if isinstance(value, dict):
        for name, item in value.items():
            inner = type_.fields.get(name, type_.item)
            if inner is None:
                file.refuse(f"unknown field {name!r}", *place, name)
            _lint_value(file, item, inner, (*place, name))
