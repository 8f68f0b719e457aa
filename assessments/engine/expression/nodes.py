"""The tree of an expression. Every node knows the column it came from, counted from 1."""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from operator import attrgetter


class LogicOperator(StrEnum):
    """Joins conditions."""

    AND = "&&"
    OR = "||"


class CompareOperator(StrEnum):
    """Compares two values of one type."""

    EQUAL = "=="
    NOT_EQUAL = "!="
    LESS = "<"
    LESS_OR_EQUAL = "<="
    GREATER = ">"
    GREATER_OR_EQUAL = ">="


class ArithmeticOperator(StrEnum):
    """Computes a number, or joins two strings."""

    ADD = "+"
    SUBTRACT = "-"
    MULTIPLY = "*"
    DIVIDE = "/"
    MODULO = "%"


class FunctionName(StrEnum):
    """The functions that take one value."""

    SIZE = "size"
    INT = "int"
    DOUBLE = "double"
    STRING = "string"


class MethodName(StrEnum):
    """The methods of a string that take one string."""

    STARTS_WITH = "startsWith"
    ENDS_WITH = "endsWith"
    CONTAINS = "contains"
    MATCHES = "matches"


class MacroName(StrEnum):
    """Conditions and mappings over the items of a list."""

    ALL = "all"
    EXISTS = "exists"
    EXISTS_ONE = "exists_one"
    FILTER = "filter"
    MAP = "map"


@dataclass(frozen=True, slots=True)
class Node:
    """Base of all nodes. Columns do not take part in comparison."""

    column: int = field(compare=False)


@dataclass(frozen=True, slots=True)
class Literal(Node):
    """A constant."""

    value: bool | int | float | str


@dataclass(frozen=True, slots=True)
class ListLiteral(Node):
    """A list of values of one type, mostly constants."""

    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Name(Node):
    """A binding or the variable of a macro."""

    name: str


@dataclass(frozen=True, slots=True)
class Select(Node):
    """A field of an object: `base.field`."""

    base: Node
    field: str


@dataclass(frozen=True, slots=True)
class Index(Node):
    """An entry of a map or a list: `base["key"]`, `base[0]`."""

    base: Node
    key: Node


@dataclass(frozen=True, slots=True)
class Has(Node):
    """Whether an object has a field: `has(base.field)`."""

    base: Node
    field: str


@dataclass(frozen=True, slots=True)
class Not(Node):
    """The opposite of a condition."""

    operand: Node


@dataclass(frozen=True, slots=True)
class Negate(Node):
    """A number with the other sign."""

    operand: Node


@dataclass(frozen=True, slots=True)
class Logic(Node):
    """Two or more conditions joined by one operator; never holds itself with the same operator."""

    operator: LogicOperator
    operands: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Compare(Node):
    """A comparison of two values."""

    operator: CompareOperator
    left: Node
    right: Node


@dataclass(frozen=True, slots=True)
class Membership(Node):
    """Whether an item is in a list, or a key in a map: `item in collection`."""

    item: Node
    collection: Node


@dataclass(frozen=True, slots=True)
class Arithmetic(Node):
    """A computation of two values."""

    operator: ArithmeticOperator
    left: Node
    right: Node


@dataclass(frozen=True, slots=True)
class Conditional(Node):
    """One of two values: `condition ? chosen : otherwise`."""

    condition: Node
    chosen: Node
    otherwise: Node


@dataclass(frozen=True, slots=True)
class Call(Node):
    """A function of one value."""

    function: FunctionName
    argument: Node


@dataclass(frozen=True, slots=True)
class Method(Node):
    """A method of a string."""

    method: MethodName
    base: Node
    argument: Node


@dataclass(frozen=True, slots=True)
class Macro(Node):
    """A condition or mapping over a list: `items.exists(variable, body)`."""

    macro: MacroName
    items: Node
    variable: str
    body: Node


def children(node: Node) -> tuple[Node, ...]:
    """Return the nodes directly below `node`, in reading order."""
    return _CHILDREN[type(node)](node)


def holds_macro(node: Node) -> bool:
    """Say whether `node` is a macro or has one below it."""
    return isinstance(node, Macro) or any(holds_macro(child) for child in children(node))


_CHILDREN: dict[type[Node], Callable[..., tuple[Node, ...]]] = {
    Literal: lambda node: (),
    ListLiteral: attrgetter("items"),
    Name: lambda node: (),
    Select: lambda node: (node.base,),
    Index: attrgetter("base", "key"),
    Has: lambda node: (node.base,),
    Not: lambda node: (node.operand,),
    Negate: lambda node: (node.operand,),
    Logic: attrgetter("operands"),
    Compare: attrgetter("left", "right"),
    Membership: attrgetter("item", "collection"),
    Arithmetic: attrgetter("left", "right"),
    Conditional: attrgetter("condition", "chosen", "otherwise"),
    Call: lambda node: (node.argument,),
    Method: attrgetter("base", "argument"),
    Macro: attrgetter("items", "body"),
}
