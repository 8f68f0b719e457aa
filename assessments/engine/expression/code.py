"""Short names for the pieces of Python syntax that conditions are made of."""

import ast
from collections.abc import Sequence

from assessments.engine.expression.nodes import CompareOperator, ListLiteral, Literal, Node


def load(name: str) -> ast.expr:
    """Return `name`."""
    return ast.Name(name, ast.Load())


def call(function: ast.expr, *arguments: ast.expr) -> ast.expr:
    """Return `function(arguments)`."""
    return ast.Call(function, list(arguments), [])


def entry(base: ast.expr, key: ast.expr) -> ast.expr:
    """Return `base[key]`."""
    return ast.Subscript(base, key, ast.Load())


def is_in(item: ast.expr, collection: ast.expr) -> ast.expr:
    """Return `item in collection`."""
    return ast.Compare(item, [ast.In()], [collection])


def is_class(name: str, code: ast.expr, class_: str) -> ast.expr:
    """Return code that keeps a value under `name` and tests its class."""
    kept = ast.NamedExpr(ast.Name(name, ast.Store()), code)
    value_class = ast.Attribute(kept, "__class__", ast.Load())
    return ast.Compare(value_class, [ast.Is()], [load(class_)])


def listed(
    element: ast.expr, *, name: str, items: ast.expr, conditions: Sequence[ast.expr] = ()
) -> ast.expr:
    """Return `[element for name in items if conditions]`."""
    loop = ast.comprehension(ast.Name(name, ast.Store()), items, list(conditions), 0)
    return ast.ListComp(element, [loop])


def is_plain(node: Node) -> bool:
    """Say whether Python compares this constant as the language does, whatever the other is."""
    if not isinstance(node, Literal) or isinstance(node.value, bool):
        return False
    return isinstance(node.value, str) or node.value not in (0, 1)


def constants_of(node: Node) -> list[object] | None:
    """Return the values of a list of constants, None for anything else."""
    if not isinstance(node, ListLiteral):
        return None
    found = [item.value for item in node.items if isinstance(item, Literal)]
    return list(found) if len(found) == len(node.items) else None


COMPARE: dict[CompareOperator, ast.cmpop] = {
    CompareOperator.EQUAL: ast.Eq(),
    CompareOperator.NOT_EQUAL: ast.NotEq(),
    CompareOperator.LESS: ast.Lt(),
    CompareOperator.LESS_OR_EQUAL: ast.LtE(),
    CompareOperator.GREATER: ast.Gt(),
    CompareOperator.GREATER_OR_EQUAL: ast.GtE(),
}
"""The comparison operators of Python."""
