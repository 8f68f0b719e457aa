"""Finds the type of every node and refuses what the rules of the language forbid."""

from collections.abc import Callable, Mapping
from typing import ClassVar, NoReturn

from assessments.engine.expression.errors import refuse
from assessments.engine.expression.nodes import (
    Arithmetic,
    ArithmeticOperator,
    Call,
    Compare,
    CompareOperator,
    Conditional,
    FunctionName,
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
)
from assessments.engine.expression.patterns import Pattern
from assessments.engine.expression.typetree import BOOL, DOUBLE, INT, STRING, Kind, Type

Types = dict[int, Type]
"""Types by `id()` of the node: equal nodes in two places may have different types."""

_ORDERED = (Kind.INT, Kind.DOUBLE, Kind.STRING)
_SCALAR = (*_ORDERED, Kind.BOOL)
_EQUALITY = (CompareOperator.EQUAL, CompareOperator.NOT_EQUAL)
_PREDICATES = (MacroName.ALL, MacroName.EXISTS, MacroName.EXISTS_ONE)


def check_condition(node: Node, *, scope: Mapping[str, Type]) -> Types:
    """Return the type of every node of a condition.

    Raises ExpressionError where a path does not exist, types differ, a value is not one of its
    enumeration, has() may meet a missing parent, or the result is not boolean.
    """
    checker = _Checker()
    checker.need(node, BOOL.kind, scope)
    return checker.types


def _refuse(node: Node, message: str) -> NoReturn:
    refuse(message, column=node.column)


class _Checker:
    """Walks the tree once. `sure` holds the objects that has() found on the way to a node."""

    def __init__(self) -> None:
        self.types: Types = {}
        self._sure: frozenset[Node] = frozenset()

    def need(self, node: Node, kind: Kind, scope: Mapping[str, Type]) -> Type:
        found = self.type_of(node, scope)
        if found.kind is not kind:
            _refuse(node, f"expected {kind}, found {found.kind}")
        return found

    def type_of(self, node: Node, scope: Mapping[str, Type]) -> Type:
        found = self._FIND[type(node)](self, node, scope)
        self.types[id(node)] = found
        return found

    def _literal(self, node: Literal, _scope: Mapping[str, Type]) -> Type:
        match node.value:
            case bool():
                return BOOL
            case int():
                return INT
            case float():
                return DOUBLE
        return Type(Kind.STRING, values=frozenset({node.value}), constant=True)

    def _name(self, node: Name, scope: Mapping[str, Type]) -> Type:
        if node.name not in scope:
            _refuse(node, f"unknown name {node.name!r}")
        return scope[node.name]

    def _not(self, node: Not, scope: Mapping[str, Type]) -> Type:
        self.need(node.operand, Kind.BOOL, scope)
        return BOOL

    def _negate(self, node: Negate, scope: Mapping[str, Type]) -> Type:
        return self._number(node.operand, scope)

    def _list(self, node: ListLiteral, scope: Mapping[str, Type]) -> Type:
        found = [self.type_of(item, scope) for item in node.items]
        if not found:
            _refuse(node, "an empty list says nothing")
        if any(type_.kind is not found[0].kind for type_ in found):
            _refuse(node, "the items of a list have one type")
        if found[0].kind not in _SCALAR:
            _refuse(node, f"a list cannot hold a {found[0].kind}")
        if not all(type_.constant for type_ in found):
            return Type(Kind.LIST, item=Type(found[0].kind))
        values = frozenset[str]().union(*(type_.values or () for type_ in found))
        return Type(Kind.LIST, item=Type(found[0].kind, values=values or None, constant=True))

    def _field(self, node: Select | Has, scope: Mapping[str, Type]) -> Type:
        base = self.type_of(node.base, scope)
        if base.kind is Kind.MAP and base.keys and base.item and node.field in base.keys:
            return base.item
        if base.kind is not Kind.OBJECT and not base.keys:
            _refuse(node, f"a {base.kind} has no field {node.field!r}")
        if node.field not in base.fields:
            _refuse(node, f"unknown field {node.field!r}")
        return base.fields[node.field]

    def _index(self, node: Index, scope: Mapping[str, Type]) -> Type:
        base = self.type_of(node.base, scope)
        if base.kind is Kind.LIST and base.item is not None:
            is_position = isinstance(node.key, Literal) and type(node.key.value) is int
            if not is_position:
                _refuse(node.key, "a position in a list is a whole number")
            self.type_of(node.key, scope)
            return base.item
        if base.kind is not Kind.MAP or base.item is None:
            _refuse(node, f"a {base.kind} has no entries")
        key = self.need(node.key, Kind.STRING, scope)
        _same_values(node.key, key, Type(Kind.STRING, values=base.keys))
        return base.item

    def _has(self, node: Has, scope: Mapping[str, Type]) -> Type:
        self._field(node, scope)
        if not isinstance(node.base, Name) and node.base not in self._sure:
            _refuse(node, "test the parent with has() first")
        return BOOL

    def _logic(self, node: Logic, scope: Mapping[str, Type]) -> Type:
        before = self._sure
        for operand in node.operands:
            self.need(operand, Kind.BOOL, scope)
            found = operand
            if node.operator is LogicOperator.OR and isinstance(operand, Not):
                found = operand.operand
            elif node.operator is LogicOperator.OR:
                continue
            if isinstance(found, Has):
                self._sure |= {Select(found.column, found.base, found.field)}
        self._sure = before
        return BOOL

    def _number(self, node: Node, scope: Mapping[str, Type]) -> Type:
        found = self.type_of(node, scope)
        if found.kind is Kind.NUMBER:
            _refuse(node, "a number field stands inside double()")
        if found.kind not in (Kind.INT, Kind.DOUBLE):
            _refuse(node, f"expected a number, found {found.kind}")
        return Type(found.kind)

    def _pair(self, left: Node, right: Node, scope: Mapping[str, Type]) -> tuple[Type, Type]:
        types = (self.type_of(left, scope), self.type_of(right, scope))
        for node, found in zip((left, right), types, strict=True):
            if found.kind is Kind.NUMBER:
                _refuse(node, "a number field stands inside double()")
        if types[0].kind is not types[1].kind:
            _refuse(right, f"{types[0].kind} and {types[1].kind} do not go together")
        return types

    def _compare(self, node: Compare, scope: Mapping[str, Type]) -> Type:
        left, right = self._pair(node.left, node.right, scope)
        allowed = _SCALAR if node.operator in _EQUALITY else _ORDERED
        if left.kind not in allowed:
            _refuse(node, f"{left.kind} cannot be compared with {node.operator}")
        _same_values(node.right, left, right)
        return BOOL

    def _membership(self, node: Membership, scope: Mapping[str, Type]) -> Type:
        item = self.type_of(node.item, scope)
        found = self.type_of(node.collection, scope)
        if found.kind is Kind.MAP:
            member = Type(Kind.STRING, values=found.keys)
        elif found.kind is Kind.LIST and found.item is not None:
            member = found.item
        else:
            _refuse(node.collection, f"nothing is in a {found.kind}")
        if item.kind is Kind.NUMBER or item.kind not in _SCALAR or item.kind is not member.kind:
            _refuse(node, f"{item.kind} cannot be in a list of {member.kind}")
        _same_values(node.item if item.constant else node.collection, item, member)
        return BOOL

    def _arithmetic(self, node: Arithmetic, scope: Mapping[str, Type]) -> Type:
        left, _ = self._pair(node.left, node.right, scope)
        if left.kind is Kind.STRING and node.operator is ArithmeticOperator.ADD:
            return STRING
        if left.kind is Kind.INT or (
            left.kind is Kind.DOUBLE and node.operator is not ArithmeticOperator.MODULO
        ):
            return Type(left.kind)
        _refuse(node, f"{left.kind} has no operator {node.operator}")

    def _conditional(self, node: Conditional, scope: Mapping[str, Type]) -> Type:
        self.need(node.condition, Kind.BOOL, scope)
        chosen, _ = self._pair(node.chosen, node.otherwise, scope)
        if chosen.kind not in _SCALAR:
            _refuse(node, f"? : cannot choose a {chosen.kind}")
        return Type(chosen.kind)

    def _call(self, node: Call, scope: Mapping[str, Type]) -> Type:
        allowed, result = _FUNCTIONS[node.function]
        found = self.type_of(node.argument, scope)
        if found.kind not in allowed:
            _refuse(node.argument, f"{node.function}() does not take a {found.kind}")
        return result

    def _method(self, node: Method, scope: Mapping[str, Type]) -> Type:
        self.need(node.base, Kind.STRING, scope)
        self.need(node.argument, Kind.STRING, scope)
        if node.method is MethodName.MATCHES:
            if not isinstance(node.argument, Literal):
                _refuse(node.argument, "a pattern is a constant")
            Pattern.compile(str(node.argument.value), column=node.argument.column)
        return BOOL

    def _macro(self, node: Macro, scope: Mapping[str, Type]) -> Type:
        if node.variable in scope:
            _refuse(node, f"{node.variable!r} is already a name")
        found = self.need(node.items, Kind.LIST, scope)
        inner = {**scope, node.variable: found.item or BOOL}
        if node.macro is MacroName.MAP:
            body = self.type_of(node.body, inner)
            if body.kind not in _SCALAR:
                _refuse(node.body, f"map() cannot give a {body.kind}")
            return Type(Kind.LIST, item=body)
        self.need(node.body, Kind.BOOL, inner)
        return BOOL if node.macro in _PREDICATES else found

    _FIND: ClassVar[dict[type[Node], Callable[..., Type]]] = {
        Literal: _literal,
        ListLiteral: _list,
        Name: _name,
        Select: _field,
        Index: _index,
        Has: _has,
        Not: _not,
        Negate: _negate,
        Logic: _logic,
        Compare: _compare,
        Membership: _membership,
        Arithmetic: _arithmetic,
        Conditional: _conditional,
        Call: _call,
        Method: _method,
        Macro: _macro,
    }


_FUNCTIONS = {
    FunctionName.SIZE: ((Kind.LIST, Kind.MAP, Kind.STRING), INT),
    FunctionName.INT: ((Kind.STRING,), INT),
    FunctionName.DOUBLE: ((Kind.INT, Kind.NUMBER, Kind.DOUBLE), DOUBLE),
    FunctionName.STRING: ((Kind.INT, Kind.STRING, Kind.BOOL), STRING),
}


def _same_values(node: Node, left: Type, right: Type) -> None:
    """Refuse a constant that is not one of the values of an enumerated field."""
    if left.values is None or right.values is None:
        return
    for constant, field in ((left, right), (right, left)):
        if constant.constant and not field.constant:
            wrong = sorted((constant.values or frozenset()) - (field.values or frozenset()))
            if wrong:
                _refuse(node, f"{wrong[0]!r} is not one of the values of this field")
