"""The names, constants and guards of one emitted function."""

import ast
from collections.abc import Iterator
from contextlib import contextmanager

from assessments.engine.expression import operations
from assessments.engine.expression.code import call, is_class, load


def _refuse_type() -> None:
    message = "value of another type"
    raise TypeError(message)


class Scratch:
    """Hands out names. `globals` is everything the emitted function can reach: no builtins."""

    def __init__(self) -> None:
        """Start with the few names that every function may need."""
        self.globals: dict[str, object] = {
            "bool": bool,
            "str": str,
            "list": list,
            "dict": dict,
            "int": int,
            "len": len,
            "any": any,
            "all": all,
            "refuse": _refuse_type,
            "guarded": operations.guarded,
            "__builtins__": {},
        }
        self._count = 0
        self._iterables = 0

    def bind(self, value: object) -> ast.expr:
        """Return a name that stands for a Python object of the engine."""
        for name, known in self.globals.items():
            if known is value:
                return load(name)
        name = f"g{len(self.globals)}"
        self.globals[name] = value
        return load(name)

    def fresh(self) -> str:
        """Return a name that was not used yet."""
        self._count += 1
        return f"t{self._count}"

    @property
    def may_keep(self) -> bool:
        """Whether code may keep a value under a name while it computes."""
        return not self._iterables

    @contextmanager
    def iterable(self) -> Iterator[None]:
        """Emit the iterable of a comprehension: Python has no assignment expressions there."""
        self._iterables += 1
        yield
        self._iterables -= 1

    def guard(self, code: ast.expr, class_: str) -> ast.expr:
        """Return code that raises unless the value is exactly a `class_`."""
        if not self.may_keep:
            return call(load("guarded"), code, load(class_))
        name = self.fresh()
        return ast.IfExp(is_class(name, code, class_), load(name), call(load("refuse")))

    def number(self, code: ast.expr) -> ast.expr:
        """Return code that raises if the value is a boolean, which Python calls a number."""
        number = self.bind(operations.number)
        if not self.may_keep:
            return call(number, code)
        name = self.fresh()
        return ast.IfExp(is_class(name, code, "int"), load(name), call(number, load(name)))
