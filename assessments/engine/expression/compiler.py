"""Compiles a checked condition into a Python function: the fast path."""

import ast
from collections.abc import Callable
from typing import cast

from assessments.engine.expression.emitter import Emitter
from assessments.engine.expression.nodes import Node
from assessments.engine.expression.typecheck import Types

FAILURES = (LookupError, TypeError, ValueError, ArithmeticError, AttributeError)
"""What emitted code raises when the reference has to decide."""


def compile_condition(node: Node, *, types: Types, names: tuple[str, ...]) -> Callable[..., bool]:
    """Return a function of the bindings `names`, in this order, that gives the answer.

    It raises one of FAILURES when the answer is not certain.
    """
    parameters = {name: f"r{position}" for position, name in enumerate(names)}
    emitter = Emitter(parameters)
    body = emitter.condition(node, types=types)
    arguments = [ast.arg(name) for name in parameters.values()]
    tree = ast.Expression(
        ast.Lambda(
            ast.arguments(
                posonlyargs=[], args=arguments, kwonlyargs=[], kw_defaults=[], defaults=[]
            ),
            body,
        )
    )
    code = compile(ast.fix_missing_locations(tree), "<condition>", "eval")
    return cast("Callable[..., bool]", eval(code, emitter.globals))  # noqa: S307
