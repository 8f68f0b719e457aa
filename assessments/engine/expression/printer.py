"""Prints a tree in the one canonical form: the form that is stored, shown and hashed."""

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
    match node:
        case Literal():
            return _literal(node.value)
        case ListLiteral():
            return f"[{', '.join(_print(item) for item in node.items)}]"
        case Name():
            return node.name
        case Select():
            return f"{_at(_PRIMARY, node.base)}.{node.field}"
        case Index():
            return f"{_at(_PRIMARY, node.base)}[{_print(node.key)}]"
        case Has():
            return f"has({_at(_PRIMARY, node.base)}.{node.field})"
        case Call():
            return f"{node.function}({_print(node.argument)})"
        case Method():
            return f"{_at(_PRIMARY, node.base)}.{node.method}({_print(node.argument)})"
        case Macro():
            items = _at(_PRIMARY, node.items)
            return f"{items}.{node.macro}({node.variable}, {_print(node.body)})"
    return _operator(node)


def _operator(node: Node) -> str:
    match node:
        case Not():
            return f"!{_sign_operand(node.operand)}"
        case Negate():
            return f"-{_sign_operand(node.operand)}"
        case Logic():
            return _logic(node)
        case Compare():
            return f"{_at(_SUM, node.left)} {node.operator} {_at(_SUM, node.right)}"
        case Membership():
            return f"{_at(_SUM, node.item)} in {_at(_SUM, node.collection)}"
        case Arithmetic():
            own = _level(node)
            return f"{_at(own, node.left)} {node.operator} {_at(own + 1, node.right)}"
        case Conditional():
            parts = (_at(_OR, node.condition), _at(_OR, node.chosen), _print(node.otherwise))
            return "{} ? {} : {}".format(*parts)
    raise TypeError(f"no such node: {type(node).__name__}")


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
