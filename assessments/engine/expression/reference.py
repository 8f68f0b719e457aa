"""The reference: evaluates a tree with the three answers true, false and unknown.

It is slow, visits both sides where the language says so, and keeps the path of every value, so
that an unknown answer can say which fact was missing. The fast path must agree with it.
"""

from collections.abc import Callable

from assessments.engine.expression import operations
from assessments.engine.expression.limits import NESTED_LIST_ITEMS
from assessments.engine.expression.nodes import (
    Arithmetic,
    Call,
    Compare,
    Conditional,
    Has,
    Index,
    ListLiteral,
    Literal,
    Logic,
    LogicOperator,
    Macro,
    MacroName,
    Membership,
    Method,
    MethodName,
    Name,
    Negate,
    Node,
    Not,
    Select,
    children,
    holds_macro,
)
from assessments.engine.expression.patterns import Pattern, TooLongError
from assessments.engine.expression.printer import canonical, quoted
from assessments.engine.expression.unknown import Cause, Located, Surroundings, Unknown


def evaluate(node: Node, around: Surroundings) -> object:
    """Return the value of `node`, or Unknown. Never raises for the content of facts."""
    around.steps[0] -= 1
    if around.steps[0] < 0:
        return Unknown("", Cause.LIMIT, "too much work")
    return _EVALUATE[type(node)](node, around)


def condition(node: Node, around: Surroundings) -> bool | Unknown:
    """Return the answer of a condition: true, false or unknown."""
    return _boolean(node, evaluate(node, around), around)


def path_of(node: Node, around: Surroundings) -> str:
    """Return the path of the value of `node`, "" if the document has none."""
    match node:
        case Name():
            found = around.names.get(node.name)
            return node.name if found is None else found.path
        case Select() | Has():
            base = path_of(node.base, around)
            return f"{base}.{node.field}" if base else ""
        case Index():
            base = path_of(node.base, around)
            key = evaluate(node.key, around)
            shown = quoted(key) if isinstance(key, str) else str(key)
            return f"{base}[{shown}]" if base and not isinstance(key, Unknown) else base
    return ""


def items_of(node: Node, around: Surroundings) -> list[Located] | Unknown:
    """Return the items of a list with their paths."""
    if isinstance(node, Macro) and node.macro is MacroName.FILTER:
        return _filtered(node, around)
    value = evaluate(node, around)
    if isinstance(value, Unknown):
        return value
    if not isinstance(value, list):
        return Unknown(path_of(node, around) or canonical(node), Cause.TYPE, "not a list")
    path = path_of(node, around)
    return [
        Located(item, f"{path}[{position}]" if path else "") for position, item in enumerate(value)
    ]


def _first_path(node: Node, around: Surroundings) -> str:
    """Return the first path below `node`: what to blame for an operation that failed."""
    path = path_of(node, around)
    if path:
        return path
    found = (_first_path(child, around) for child in children(node))
    return next((path for path in found if path), "")


def _failed(node: Node, error: Exception, around: Surroundings) -> Unknown:
    path = _first_path(node, around)
    cause = Cause.TYPE
    if isinstance(error, TooLongError | operations.TooLargeError):
        cause = Cause.LIMIT
    elif isinstance(error, ValueError):
        cause = Cause.CONVERSION
    return Unknown(path, cause, str(error))


def _boolean(node: Node, value: object, around: Surroundings) -> bool | Unknown:
    if value is True or value is False or isinstance(value, Unknown):
        return value
    return Unknown(_first_path(node, around), Cause.TYPE, "not a boolean")


def _apply(node: Node, around: Surroundings, operation: Callable[..., object]) -> object:
    """Apply a strict operation to the children of `node`: one unknown makes it unknown."""
    values: list[object] = []
    for child in children(node):
        value = evaluate(child, around)
        if isinstance(value, Unknown):
            return value
        values.append(value)
    try:
        return operation(*values)
    except (TypeError, ValueError, ArithmeticError) as error:
        return _failed(node, error, around)


def _literal(node: Literal, _around: Surroundings) -> object:
    return node.value


def _list(node: ListLiteral, around: Surroundings) -> object:
    return _apply(node, around, lambda *values: list(values))


def _name(node: Name, around: Surroundings) -> object:
    found = around.names.get(node.name)
    return Unknown(node.name, Cause.MISSING) if found is None else found.value


def _select(node: Select, around: Surroundings) -> object:
    base = evaluate(node.base, around)
    if isinstance(base, Unknown):
        return _below(base, node, around)
    if not isinstance(base, dict):
        return Unknown(path_of(node.base, around), Cause.TYPE, "not an object")
    if node.field not in base:
        return Unknown(path_of(node, around), Cause.MISSING)
    return base[node.field]


def _index(node: Index, around: Surroundings) -> object:
    base, key = evaluate(node.base, around), evaluate(node.key, around)
    if isinstance(key, Unknown):
        return key
    if isinstance(base, Unknown):
        return _below(base, node, around)
    if isinstance(base, dict) and isinstance(key, str):
        return base[key] if key in base else Unknown(path_of(node, around), Cause.MISSING)
    if isinstance(base, list) and type(key) is int:
        inside = 0 <= key < len(base)
        return base[key] if inside else Unknown(path_of(node, around), Cause.MISSING)
    return Unknown(path_of(node.base, around), Cause.TYPE, "not a map or list")


def _below(base: Unknown, node: Node, around: Surroundings) -> Unknown:
    """Name the fact that was wanted, not the first of its parents that is missing."""
    return Unknown(path_of(node, around), base.cause) if base.cause is Cause.MISSING else base


def _has(node: Has, around: Surroundings) -> object:
    base = evaluate(node.base, around)
    if isinstance(base, Unknown):
        return base
    if not isinstance(base, dict):
        return Unknown(path_of(node.base, around), Cause.TYPE, "not an object")
    return node.field in base


def _not(node: Not, around: Surroundings) -> object:
    value = condition(node.operand, around)
    return value if isinstance(value, Unknown) else not value


def _logic(node: Logic, around: Surroundings) -> object:
    decides = node.operator is LogicOperator.OR
    unknown: Unknown | None = None
    for operand in node.operands:
        value = condition(operand, around)
        if value is decides:
            return decides
        if unknown is None and isinstance(value, Unknown):
            unknown = value
    return (not decides) if unknown is None else unknown


def _membership(node: Membership, around: Surroundings) -> object:
    found = _apply(node, around, operations.contains)
    if found is False and around.is_cut(path_of(node.collection, around)):
        return _cut(node.collection, around)
    return found


def _conditional(node: Conditional, around: Surroundings) -> object:
    chosen = condition(node.condition, around)
    if isinstance(chosen, Unknown):
        return chosen
    return evaluate(node.chosen if chosen else node.otherwise, around)


def _call(node: Call, around: Surroundings) -> object:
    if around.is_cut(path_of(node.argument, around)):
        return _cut(node.argument, around)
    return _apply(node, around, operations.FUNCTIONS[node.function])


def _method(node: Method, around: Surroundings) -> object:
    if node.method is not MethodName.MATCHES:
        return _apply(node, around, operations.METHODS[node.method])
    pattern = (
        Pattern.compile(str(node.argument.value)) if isinstance(node.argument, Literal) else None
    )
    return _apply(node, around, lambda text, _: pattern is not None and pattern.matches(text))


def _cut(node: Node, around: Surroundings) -> Unknown:
    return Unknown(path_of(node, around), Cause.TRUNCATED, "the list is cut")


def _list_path(node: Node, around: Surroundings) -> Node:
    while isinstance(node, Macro) and node.macro in (MacroName.FILTER, MacroName.MAP):
        node = node.items
    return node


def _answers(
    node: Macro, around: Surroundings
) -> tuple[list[tuple[Located, object]], Unknown | None] | Unknown:
    """Return every item with the value of the body, and the first unknown among these."""
    found = items_of(node.items, around)
    if isinstance(found, Unknown):
        return found
    if len(found) > NESTED_LIST_ITEMS and holds_macro(node.body):
        path = path_of(node.items, around)
        return Unknown(path, Cause.LIMIT, "too many items for nested macros")
    is_map = node.macro is MacroName.MAP
    give = evaluate if is_map else condition
    answers = [(item, give(node.body, around.with_variable(node.variable, item))) for item in found]
    unknowns = (value for _, value in answers if isinstance(value, Unknown))
    return answers, next(unknowns, None)


def _macro(node: Macro, around: Surroundings) -> object:
    found = _answers(node, around)
    if isinstance(found, Unknown):
        return found
    answers, unknown = found
    source = _list_path(node.items, around)
    if unknown is None and around.is_cut(path_of(source, around)):
        unknown = _cut(source, around)
    values = [value for _, value in answers]
    match node.macro:
        case MacroName.EXISTS:
            return True if any(value is True for value in values) else unknown or False
        case MacroName.ALL:
            return False if any(value is False for value in values) else unknown or True
    if unknown is not None:
        return unknown
    match node.macro:
        case MacroName.EXISTS_ONE:
            return sum(value is True for value in values) == 1
        case MacroName.FILTER:
            return [item.value for item, value in answers if value is True]
    return values


def _filtered(node: Macro, around: Surroundings) -> list[Located] | Unknown:
    found = _answers(node, around)
    if isinstance(found, Unknown):
        return found
    answers, unknown = found
    return unknown or [item for item, value in answers if value is True]


_EVALUATE: dict[type[Node], Callable[..., object]] = {
    Literal: _literal,
    ListLiteral: _list,
    Name: _name,
    Select: _select,
    Index: _index,
    Has: _has,
    Not: _not,
    Negate: lambda node, around: _apply(node, around, operations.negate),
    Logic: _logic,
    Compare: lambda node, around: _apply(node, around, operations.COMPARE[node.operator]),
    Membership: _membership,
    Arithmetic: lambda node, around: _apply(node, around, operations.ARITHMETIC[node.operator]),
    Conditional: _conditional,
    Call: _call,
    Method: _method,
    Macro: _macro,
}
