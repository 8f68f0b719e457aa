"""Which facts decided an answer: paths, what was observed there, and what was expected."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from assessments.engine.expression.nodes import (
    Call,
    Compare,
    CompareOperator,
    Conditional,
    FunctionName,
    Has,
    ListLiteral,
    Literal,
    Logic,
    LogicOperator,
    Macro,
    MacroName,
    Membership,
    Method,
    MethodName,
    Negate,
    Node,
    Not,
)
from assessments.engine.expression.paths import POLICY
from assessments.engine.expression.printer import canonical
from assessments.engine.expression.reference import (
    condition,
    evaluate,
    items_of,
    path_of,
)
from assessments.engine.expression.unknown import Located, Surroundings, Unknown

MAX_ITEMS = 10
MAX_CHARACTERS = 500
NOT_KNOWN = "not known"
TOO_DEEP = "nested too deep to be shown"


@dataclass(frozen=True, slots=True)
class Evidence:
    """One fact: its path, its value as JSON text (cut at 500 characters), and what is wanted."""

    path: str
    observed: str
    expected: str


def evidence_for(node: Node, around: Surroundings, *, wanted: bool) -> tuple[Evidence, ...]:
    """Return the facts that decided the condition `node`, at most ten, each once.

    `wanted` is the answer that would have been good; `expected` is worded for it.
    """
    found = dict.fromkeys(islice(_explain(node, around, wanted), MAX_ITEMS * 2))
    return tuple(islice(found, MAX_ITEMS))


def shown(value: object) -> str:
    """Return a value as compact JSON text of at most 500 characters."""
    if isinstance(value, Unknown):
        return NOT_KNOWN
    try:
        text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    except RecursionError:
        return TOO_DEEP
    # A lone surrogate is legal in JSON and in no database.
    text = text.encode("utf-8", "backslashreplace").decode()
    return text if len(text) <= MAX_CHARACTERS else f"{text[: MAX_CHARACTERS - 1]}…"


def _explain(node: Node, around: Surroundings, wanted: bool) -> Iterator[Evidence]:
    match node:
        case Not():
            yield from _explain(node.operand, around, not wanted)
        case Logic():
            yield from _logic(node, around, wanted)
        case Conditional():
            yield from _conditional(node, around, wanted)
        case Macro():
            yield from _macro(node, around, wanted)
        case _:
            yield from _leaf(node, around, wanted)


def _logic(node: Logic, around: Surroundings, wanted: bool) -> Iterator[Evidence]:
    answers = [(operand, condition(operand, around)) for operand in node.operands]
    decides = node.operator is LogicOperator.OR
    values = [answer for _, answer in answers]
    for operand, answer in answers:
        if decides in values:
            is_part = answer is decides
        else:
            is_part = isinstance(answer, Unknown) or Unknown not in map(type, values)
        if is_part:
            yield from _explain(operand, around, wanted)


def _conditional(
    node: Conditional,
    around: Surroundings,
    wanted: bool,
) -> Iterator[Evidence]:
    answer = condition(node.condition, around)
    yield from _explain(node.condition, around, answer is not True)
    if not isinstance(answer, Unknown):
        yield from _explain(node.chosen if answer else node.otherwise, around, wanted)


def _macro(node: Macro, around: Surroundings, wanted: bool) -> Iterator[Evidence]:
    found = items_of(node.items, around)
    answer = condition(node, around)
    decides = {MacroName.EXISTS: True, MacroName.ALL: False}.get(node.macro)
    if isinstance(found, Unknown) or decides is None:
        yield from _unknown_or_list(node, around, wanted)
        return
    deciding = False
    for item in found:
        inside = around.with_variable(node.variable, item)
        value = condition(node.body, inside)
        if value is decides if answer is decides else isinstance(value, Unknown):
            deciding = True
            yield from _item(node, item, inside, wanted)
    if not deciding:
        yield from _unknown_or_list(node, around, wanted)


def _item(
    node: Macro,
    item: Located,
    inside: Surroundings,
    wanted: bool,
) -> Iterator[Evidence]:
    text = shown(item.value)
    is_short = isinstance(item.value, dict) and len(text) < MAX_CHARACTERS
    if is_short and item.path and not isinstance(condition(node.body, inside), Unknown):
        yield Evidence(item.path, text, _words(node.body, wanted))
        return
    yield from _explain(node.body, inside, wanted)


def _unknown_or_list(
    node: Macro,
    around: Surroundings,
    wanted: bool,
) -> Iterator[Evidence]:
    answer = condition(node, around)
    if isinstance(answer, Unknown):
        yield Evidence(answer.path, NOT_KNOWN, _words(node, wanted))
        return
    source = _source(node.items)
    path = path_of(source, around)
    if path:
        yield Evidence(path, shown(evaluate(source, around)), _words(node, wanted))
        return
    # A list of constants decides nothing by itself: show what its items were looked up in.
    found = items_of(node.items, around)
    for item in [] if isinstance(found, Unknown) else found:
        yield from _explain(node.body, around.with_variable(node.variable, item), wanted)


def _source(node: Node) -> Node:
    while isinstance(node, Macro):
        node = node.items
    return node


def _leaf(node: Node, around: Surroundings, wanted: bool) -> Iterator[Evidence]:
    answer = condition(node, around)
    if isinstance(answer, Unknown):
        yield Evidence(answer.path, NOT_KNOWN, _words(node, wanted))
        return
    match node:
        case Compare():
            yield from _compare(node, around, wanted)
        case Membership():
            yield from _membership(node, around, wanted)
        case Method():
            sign = _METHODS[node.method][0 if wanted else 1]
            expected = f"{sign} {_operand(node.argument, around)}"
            yield from _side(node.base, around, expected)
        case Has():
            observed = "present" if answer else "missing"
            expected = "present" if wanted else "missing"
            yield Evidence(path_of(node, around), observed, expected)
        case _:
            yield from _side(node, around, "true" if wanted else "false")


def _compare(node: Compare, around: Surroundings, wanted: bool) -> Iterator[Evidence]:
    operator = node.operator if wanted else _OPPOSITE[node.operator]
    left = f"{_WORDS[operator]} {_operand(node.right, around)}"
    yield from _side(node.left, around, left)
    right = f"{_WORDS[_MIRROR[operator]]} {_operand(node.left, around)}"
    yield from _side(node.right, around, right)


def _membership(
    node: Membership,
    around: Surroundings,
    wanted: bool,
) -> Iterator[Evidence]:
    inside = "one of" if wanted else "none of"
    yield from _side(node.item, around, f"{inside} {_operand(node.collection, around)}")
    holds = "contains" if wanted else "does not contain"
    expected = f"{holds} {_operand(node.item, around)}"
    item, collection = evaluate(node.item, around), evaluate(node.collection, around)
    path = path_of(node.collection, around)
    if isinstance(collection, list) and item in collection and path:
        # A long list is cut when it is shown: name the place instead.
        yield Evidence(f"{path}[{collection.index(item)}]", shown(item), expected)
        return
    yield from _side(node.collection, around, expected)


def _side(node: Node, around: Surroundings, expected: str) -> Iterator[Evidence]:
    """Give the value of one side of a comparison, unless it is a constant or a parameter."""
    if _is_constant(node):
        return
    while isinstance(node, Call) and node.function is not FunctionName.SIZE:
        node = node.argument
    if isinstance(node, Call):
        source = _source(node.argument)
        expected = f"size {expected}"
        value = evaluate(node.argument, around)
    else:
        source, value = node, evaluate(node, around)
    path = path_of(source, around)
    if path.partition(".")[0] == POLICY or (isinstance(value, str) and not path):
        return
    yield Evidence(path or canonical(node), shown(value), expected)


def _is_constant(node: Node) -> bool:
    if isinstance(node, Negate):
        return isinstance(node.operand, Literal)
    return isinstance(node, Literal | ListLiteral)


def _operand(node: Node, around: Surroundings) -> str:
    """Return the other side of a comparison: a constant as it is, else its value and name."""
    if _is_constant(node):
        return canonical(node)
    text = shown(evaluate(node, around))
    path = path_of(node, around)
    return f"{text} ({path})" if path else text


def _words(node: Node, wanted: bool) -> str:
    if wanted:
        return canonical(node)
    return canonical(node.operand if isinstance(node, Not) else Not(node.column, node))


_OPPOSITE = {
    CompareOperator.EQUAL: CompareOperator.NOT_EQUAL,
    CompareOperator.NOT_EQUAL: CompareOperator.EQUAL,
    CompareOperator.LESS: CompareOperator.GREATER_OR_EQUAL,
    CompareOperator.LESS_OR_EQUAL: CompareOperator.GREATER,
    CompareOperator.GREATER: CompareOperator.LESS_OR_EQUAL,
    CompareOperator.GREATER_OR_EQUAL: CompareOperator.LESS,
}
_MIRROR = {
    CompareOperator.EQUAL: CompareOperator.EQUAL,
    CompareOperator.NOT_EQUAL: CompareOperator.NOT_EQUAL,
    CompareOperator.LESS: CompareOperator.GREATER,
    CompareOperator.LESS_OR_EQUAL: CompareOperator.GREATER_OR_EQUAL,
    CompareOperator.GREATER: CompareOperator.LESS,
    CompareOperator.GREATER_OR_EQUAL: CompareOperator.LESS_OR_EQUAL,
}
_WORDS = {
    CompareOperator.EQUAL: "equal to",
    CompareOperator.NOT_EQUAL: "not equal to",
    CompareOperator.LESS: "less than",
    CompareOperator.LESS_OR_EQUAL: "at most",
    CompareOperator.GREATER: "more than",
    CompareOperator.GREATER_OR_EQUAL: "at least",
}
_METHODS = {
    MethodName.STARTS_WITH: ("starts with", "does not start with"),
    MethodName.ENDS_WITH: ("ends with", "does not end with"),
    MethodName.CONTAINS: ("contains", "does not contain"),
    MethodName.MATCHES: ("matches", "does not match"),
}
