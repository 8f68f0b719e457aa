"""A condition that was read and checked, and its compiled form for many evaluations."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Self

from assessments.engine.expression.compiler import FAILURES, compile_condition
from assessments.engine.expression.nodes import Macro, Name, Node, children
from assessments.engine.expression.parser import parse
from assessments.engine.expression.paths import fact_paths, parameters
from assessments.engine.expression.printer import canonical
from assessments.engine.expression.reference import condition
from assessments.engine.expression.typecheck import Types, check_condition
from assessments.engine.expression.typetree import Type
from assessments.engine.expression.unknown import Unknown, surroundings


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition that was read and checked against the types of its bindings.

    `text` is the canonical form. `bindings` are the names it reads, sorted. `facts` are the paths
    of facts and `parameters` the site parameters it reads.
    """

    text: str
    node: Node
    types: Types
    bindings: tuple[str, ...]
    facts: frozenset[str]
    parameters: frozenset[str]

    @classmethod
    def read(cls, text: str, *, scope: Mapping[str, Type]) -> Self:
        """Read `text`. Raises ExpressionError with the column of what is wrong."""
        node = parse(text)
        return cls(
            text=canonical(node),
            node=node,
            types=check_condition(node, scope=scope),
            bindings=tuple(sorted(set(_bindings(node, frozenset())))),
            facts=fact_paths(node),
            parameters=parameters(node),
        )


class CompiledCondition:
    """A condition with its fast path."""

    __slots__ = ("condition", "fast")

    def __init__(self, condition: Condition) -> None:
        """Compile `condition`; about 0.1 ms."""
        self.condition = condition
        self.fast: Callable[..., bool] = compile_condition(
            condition.node, types=condition.types, names=condition.bindings
        )

    def answer(self, values: Mapping[str, object]) -> bool | Unknown:
        """Evaluate over the values of the bindings; a binding that is not there is unknown."""
        try:
            return self.fast(*[values[name] for name in self.condition.bindings])
        except FAILURES:
            return condition(self.condition.node, surroundings(values))


def _bindings(node: Node, variables: frozenset[str]) -> Iterator[str]:
    if isinstance(node, Name) and node.name not in variables:
        yield node.name
    if isinstance(node, Macro):
        yield from _bindings(node.items, variables)
        yield from _bindings(node.body, variables | {node.variable})
        return
    for child in children(node):
        yield from _bindings(child, variables)
