"""Prints a tree in the one canonical form: the form that is stored, shown and hashed."""

from collections.abc import Callable

from assessments.engine.expression.nodes import (
    Arithmetic,
    ArithmeticOperator,
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
    Membership,
    Method,
    Name,
    Negate,
    Node,
    Not,
    Select,
)

_CONDITIONAL, _OR, _AND, _RELATION, _SUM, _PRODUCT, _UNARY, _PRIMARY = range(8)
_PRODUCTS = (
    ArithmeticOperator.MULTIPLY,
    ArithmeticOperator.DIVIDE,
    ArithmeticOperator.MODULO,
)
_ESCAPES = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"})


def canonical(node: Node) -> str:
    """Return the canonical text; parsing it gives an equal tree again."""
    return _print(node)


def quoted(text: str) -> str:
    """Return `text` as a string literal."""
    return f'"{text.translate(_ESCAPES)}"'


def _print(node: Node) -> str:
    return _PRINT[type(node)](node)


def _list(node: ListLiteral) -> str:
    return f"[{', '.join(_print(item) for item in node.items)}]"


def _index(node: Index) -> str:
    return f"{_at(_PRIMARY, node.base)}[{_print(node.key)}]"


def _method(node: Method) -> str:
    return f"{_at(_PRIMARY, node.base)}.{node.method}({_print(node.argument)})"


def _macro(node: Macro) -> str:
    items = _at(_PRIMARY, node.items)
    return f"{items}.{node.macro}({node.variable}, {_print(node.body)})"


def _compare(node: Compare) -> str:
    return f"{_at(_SUM, node.left)} {node.operator} {_at(_SUM, node.right)}"


def _membership(node: Membership) -> str:
    return f"{_at(_SUM, node.item)} in {_at(_SUM, node.collection)}"


def _arithmetic(node: Arithmetic) -> str:
    own = _level(node)
    return f"{_at(own, node.left)} {node.operator} {_at(own + 1, node.right)}"


def _conditional(node: Conditional) -> str:
    chosen = f"{_at(_OR, node.condition)} ? {_at(_OR, node.chosen)}"
    return f"{chosen} : {_print(node.otherwise)}"


def _logic(node: Logic) -> str:
    # "a && b || c" is legal, but few readers know which binds closer: brackets are kept.
    needed = _RELATION
    separator = f" {node.operator} "
    return separator.join(_at(needed, operand) for operand in node.operands)


def _sign_operand(node: Node) -> str:
    if isinstance(node, Not | Negate):
        return _print(node)
    return _at(_PRIMARY, node)


def _at(needed: int, node: Node) -> str:
    text = _print(node)
    return text if _level(node) >= needed else f"({text})"


def _level(node: Node) -> int:
    match node:
        case Conditional():
            return _CONDITIONAL
        case Logic():
            return _OR if node.operator is LogicOperator.OR else _AND
        case Compare() | Membership():
            return _RELATION
        case Arithmetic():
            return _PRODUCT if node.operator in _PRODUCTS else _SUM
        case Not() | Negate():
            return _UNARY
    return _PRIMARY


def _literal(value: bool | int | float | str) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return quoted(value)
    return repr(value) if isinstance(value, int) else _decimal(value)


def _decimal(value: float) -> str:
    # repr() would give 1e-07, which is not part of the language.
    text = f"{value:.20f}".rstrip("0") if "e" in repr(value) else repr(value)
    return f"{text}0" if text.endswith(".") else text


_PRINT: dict[type[Node], Callable[..., str]] = {
    Literal: lambda node: _literal(node.value),
    ListLiteral: _list,
    Name: lambda node: str(node.name),
    Select: lambda node: f"{_at(_PRIMARY, node.base)}.{node.field}",
    Index: _index,
    Has: lambda node: f"has({_at(_PRIMARY, node.base)}.{node.field})",
    Not: lambda node: f"!{_sign_operand(node.operand)}",
    Negate: lambda node: f"-{_sign_operand(node.operand)}",
    Logic: _logic,
    Compare: _compare,
    Membership: _membership,
    Arithmetic: _arithmetic,
    Conditional: _conditional,
    Call: lambda node: f"{node.function}({_print(node.argument)})",
    Method: _method,
    Macro: _macro,
}
