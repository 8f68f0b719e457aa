"""Short names for the pieces of Python syntax that conditions are made of."""

import ast


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
