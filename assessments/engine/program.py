"""One check, compiled: its conditions, and one function that judges many targets."""

import ast
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from assessments.engine.check import Check, Status, TargetKind
from assessments.engine.expression.compiler import FAILURES
from assessments.engine.expression.condition import Condition
from assessments.engine.expression.emitter import Emitter
from assessments.engine.expression.errors import ExpressionError
from assessments.engine.expression.reference import condition
from assessments.engine.expression.typetree import TypeTree
from assessments.engine.expression.unknown import Surroundings, Unknown

Column = Callable[..., None]
"""Judges a list of targets: `column(targets, put, *values of the roots)`."""


class Rule(StrEnum):
    """The part of a check that decided."""

    STATES = "states"
    NOT_APPLICABLE = "not_applicable"
    UNKNOWN_WHEN = "unknown_when"
    PASSES = "pass"
    PASS_ONLY_IF = "pass_only_if"  # noqa: S105  (a part of a check, not a password)


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer on one target, the part that decided, and what was missing."""

    status: Status
    rule: Rule
    unknown: Unknown | None = None


@dataclass(frozen=True, slots=True)
class Program:
    """A check with its conditions and its column function. `roots` are the column's arguments."""

    check: Check
    conditions: Mapping[Rule, Condition]
    roots: tuple[str, ...]
    facts: frozenset[str]
    column: Column

    @classmethod
    def build(cls, check: Check, types: TypeTree) -> "Program":
        """Compile `check`. Raises ExpressionError that names the check and the column."""
        conditions = {
            rule: read_condition(check, text, rule.value, types=types)
            for rule, text in _texts(check).items()
        }
        names = {name for found in conditions.values() for name in found.bindings}
        roots = tuple(sorted(names - set(target_names(check.target))))
        facts = frozenset[str]().union(*(found.facts for found in conditions.values()))
        return cls(check, conditions, roots, facts, _column(check, conditions, roots))

    def judge(self, around: Surroundings) -> Verdict:
        """Judge one target with the reference, in the order the four states are defined."""
        early = self._before_pass(around)
        if early is not None:
            return early
        passes = condition(self.conditions[Rule.PASSES].node, around)
        if isinstance(passes, Unknown):
            return Verdict(Status.UNKNOWN, Rule.PASSES, passes)
        if not passes:
            return Verdict(Status.FAIL, Rule.PASSES)
        if Rule.PASS_ONLY_IF not in self.conditions:
            return Verdict(Status.PASS, Rule.PASSES)
        counts = condition(self.conditions[Rule.PASS_ONLY_IF].node, around)
        if counts is True:
            return Verdict(Status.PASS, Rule.PASSES)
        missing = counts if isinstance(counts, Unknown) else None
        return Verdict(Status.UNKNOWN, Rule.PASS_ONLY_IF, missing)

    def _before_pass(self, around: Surroundings) -> Verdict | None:
        found = self.conditions.get(Rule.NOT_APPLICABLE)
        # An unknown answer here is passed over: the check may still be decided by what is known.
        if found is not None and condition(found.node, around) is True:
            return Verdict(Status.NOT_APPLICABLE, Rule.NOT_APPLICABLE)
        found = self.conditions.get(Rule.UNKNOWN_WHEN)
        blind = False if found is None else condition(found.node, around)
        if blind is False:
            return None
        return Verdict(
            Status.UNKNOWN, Rule.UNKNOWN_WHEN, blind if isinstance(blind, Unknown) else None
        )


def target_names(kind: TargetKind) -> tuple[str, ...]:
    """Return the binding that a target of this kind adds."""
    return () if kind is TargetKind.HOST else (kind.value,)


def read_condition(check: Check, text: str, part: str, *, types: TypeTree) -> Condition:
    """Read one condition of `check`. Raises ExpressionError that names the check and the part."""
    try:
        return Condition.read(text, scope=types.scope(*target_names(check.target)))
    except ExpressionError as error:
        message = f"{check.id}, {part}: {error.message}"
        raise ExpressionError(message, column=error.column) from error


def _texts(check: Check) -> dict[Rule, str]:
    found = {
        Rule.NOT_APPLICABLE: check.not_applicable,
        Rule.UNKNOWN_WHEN: check.unknown_when,
        Rule.PASSES: check.passes,
        Rule.PASS_ONLY_IF: check.pass_only_if,
    }
    return {rule: text for rule, text in found.items() if text is not None}


def _column(check: Check, conditions: Mapping[Rule, Condition], roots: Iterable[str]) -> Column:
    """Return the column function: one loop, so that a target costs no function call.

    An exception while one target is judged puts None, which hands it to the reference.
    """
    parameters = {name: f"r{position}" for position, name in enumerate(roots)}
    emitter = Emitter(
        {**parameters, check.target.value: "target"}
        if check.target is not TargetKind.HOST
        else parameters
    )
    body = _verdict(emitter, conditions)
    failures = emitter.bind(FAILURES)
    module = ast.parse(_LOOP)
    function = module.body[0]
    if not isinstance(function, ast.FunctionDef):
        message = "the loop is one function"
        raise TypeError(message)
    function.args.args.extend(ast.arg(name) for name in parameters.values())
    _Fill(body, failures).visit(function)
    code = compile(ast.fix_missing_locations(module), "<check>", "exec")
    names: dict[str, object] = {}
    exec(code, emitter.globals, names)  # noqa: S102
    column: Column = names["column"]  # type: ignore[assignment]
    return column


_LOOP = """
def column(targets, put):
    for target in targets:
        try:
            put(BODY)
        except ERRORS:
            put(None)
"""


class _Fill(ast.NodeTransformer):
    """Puts the code of a check in the two places of the loop."""

    def __init__(self, body: ast.expr, errors: ast.expr) -> None:
        self._code = {"BODY": body, "ERRORS": errors}

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return self._code.get(node.id, node)


def _verdict(emitter: Emitter, conditions: Mapping[Rule, Condition]) -> ast.expr:
    status = {found: emitter.bind(found) for found in Status}

    def test(rule: Rule) -> ast.expr:
        return emitter.condition(conditions[rule].node, types=conditions[rule].types)

    code = status[Status.PASS]
    if Rule.PASS_ONLY_IF in conditions:
        code = ast.IfExp(test(Rule.PASS_ONLY_IF), code, status[Status.UNKNOWN])
    code = ast.IfExp(test(Rule.PASSES), code, status[Status.FAIL])
    if Rule.UNKNOWN_WHEN in conditions:
        code = ast.IfExp(test(Rule.UNKNOWN_WHEN), status[Status.UNKNOWN], code)
    if Rule.NOT_APPLICABLE in conditions:
        code = ast.IfExp(test(Rule.NOT_APPLICABLE), status[Status.NOT_APPLICABLE], code)
    return code
