"""Emits a checked expression as a Python syntax tree.

No text of an expression is ever parsed by Python: names are generated, constants are bound as
constants. The emitted code knows only two outcomes: the answer of the language, or an exception,
upon which the reference decides. Types are guarded where Python would accept what the language
refuses; a guard is written out in the code, since a call would cost as much as the check.
"""

import ast
from collections.abc import Callable, Mapping
from typing import ClassVar

from assessments.engine.expression import operations
from assessments.engine.expression.code import (
    COMPARE,
    call,
    constants_of,
    entry,
    is_in,
    is_plain,
    listed,
    load,
)
from assessments.engine.expression.nodes import (
    Arithmetic,
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
    holds_macro,
)
from assessments.engine.expression.patterns import Pattern
from assessments.engine.expression.scratch import Scratch
from assessments.engine.expression.typecheck import Types
from assessments.engine.expression.typetree import Kind, Type

_CLASSES = {
    Kind.BOOL: "bool",
    Kind.STRING: "str",
    Kind.LIST: "list",
    Kind.MAP: "dict",
    Kind.OBJECT: "dict",
}
_EQUALITY = (CompareOperator.EQUAL, CompareOperator.NOT_EQUAL)
_TESTS = (Compare, Membership, Has, Not, Logic, Method)


class Emitter:
    """Emits one function; `names` maps bindings to the Python names the function gives them."""

    def __init__(self, names: Mapping[str, str]) -> None:
        """Start with no constants and no temporary names."""
        self._scratch = Scratch()
        self._names = dict(names)
        self._types: Types = {}

    def condition(self, node: Node, *, types: Types) -> ast.expr:
        """Return the code of a condition that `check_condition` gave `types` for."""
        self._types = types
        return self._test(node)

    @property
    def globals(self) -> dict[str, object]:
        """Everything the emitted function can reach."""
        return self._scratch.globals

    def bind(self, value: object) -> ast.expr:
        """Return a name that stands for a Python object of the engine."""
        return self._scratch.bind(value)

    def _type(self, node: Node) -> Type:
        return self._types[id(node)]

    def _guard(self, node: Node, class_: str) -> ast.expr:
        """Return the code of `node`, which raises unless the value is exactly a `class_`."""
        return self._scratch.guard(self._value(node), class_)

    def _test(self, node: Node) -> ast.expr:
        """Return code that gives True or False and nothing else."""
        is_bool = isinstance(node, _TESTS) or (
            isinstance(node, Literal | Conditional)
            or (isinstance(node, Macro) and self._type(node).kind is Kind.BOOL)
        )
        return self._value(node) if is_bool else self._guard(node, "bool")

    def _value(self, node: Node) -> ast.expr:
        return self._EMIT[type(node)](self, node)

    def _literal(self, node: Literal) -> ast.expr:
        return ast.Constant(node.value)

    def _list(self, node: ListLiteral) -> ast.expr:
        return ast.List([self._scalar(item) for item in node.items], ast.Load())

    def _scalar(self, node: Node) -> ast.expr:
        """Return code whose value is exactly of the static type of `node`."""
        kind = self._type(node).kind
        if isinstance(node, Literal):
            return self._value(node)
        if kind is Kind.BOOL:
            return self._test(node)
        return self._guard(node, "str") if kind is Kind.STRING else self._number(node)

    def _number(self, node: Node) -> ast.expr:
        """Return code that raises if the value is a boolean, which Python calls a number."""
        code = self._value(node)
        return self._scratch.number(code) if isinstance(node, Name | Select | Index) else code

    def _name(self, node: Name) -> ast.expr:
        return load(self._names[node.name])

    def _select(self, node: Select) -> ast.expr:
        return entry(self._value(node.base), ast.Constant(node.field))

    def _index(self, node: Index) -> ast.expr:
        if self._type(node.base).kind is Kind.LIST:
            return entry(self._guard(node.base, "list"), self._value(node.key))
        return entry(self._value(node.base), self._scalar(node.key))

    def _has(self, node: Has) -> ast.expr:
        return is_in(ast.Constant(node.field), self._guard(node.base, "dict"))

    def _not(self, node: Not) -> ast.expr:
        return ast.UnaryOp(ast.Not(), self._test(node.operand))

    def _negate(self, node: Negate) -> ast.expr:
        return call(self.bind(operations.negate), self._value(node.operand))

    def _logic(self, node: Logic) -> ast.expr:
        operator = ast.And() if node.operator is LogicOperator.AND else ast.Or()
        return ast.BoolOp(operator, [self._test(operand) for operand in node.operands])

    def _compare(self, node: Compare) -> ast.expr:
        kind = self._type(node.left).kind
        if node.operator not in _EQUALITY:
            one, other = self._ordered(node.left), self._ordered(node.right)
            return ast.Compare(one, [COMPARE[node.operator]], [other])
        if any(is_plain(side) for side in (node.left, node.right)):
            left, right = self._value(node.left), self._value(node.right)
            return ast.Compare(left, [COMPARE[node.operator]], [right])
        if kind is Kind.STRING:
            left, right = self._scalar(node.left), self._value(node.right)
            return ast.Compare(left, [COMPARE[node.operator]], [right])
        same = self._same(node)
        return same if node.operator is CompareOperator.EQUAL else ast.UnaryOp(ast.Not(), same)

    def _same(self, node: Compare) -> ast.expr:
        left, right = self._value(node.left), self._value(node.right)
        is_number = isinstance(node.right, Literal) and not isinstance(node.right.value, bool)
        if not is_number or not self._scratch.may_keep:
            return call(self.bind(operations.equal), left, right)
        # Only 0 and 1 come here; Python takes them for equal to false and true.
        name = self._scratch.fresh()
        kept = ast.NamedExpr(ast.Name(name, ast.Store()), left)
        value_class = ast.Attribute(load(name), "__class__", ast.Load())
        is_equal = ast.Compare(kept, [ast.Eq()], [right])
        is_other = ast.Compare(value_class, [ast.IsNot()], [load("bool")])
        return ast.BoolOp(ast.And(), [is_equal, is_other])

    def _ordered(self, node: Node) -> ast.expr:
        return self._scalar(node) if self._type(node).kind is Kind.STRING else self._number(node)

    def _membership(self, node: Membership) -> ast.expr:
        text = self._type(node.item).kind is Kind.STRING
        constants = constants_of(node.collection)
        if constants is not None and text:
            return is_in(self._value(node.item), self.bind(frozenset(constants)))
        if not text:
            sides = self._value(node.item), self._value(node.collection)
            return call(self.bind(operations.contains), *sides)
        return is_in(self._scalar(node.item), self._collection(node.collection))

    def _collection(self, node: Node) -> ast.expr:
        """Return code that gives a list or a map, as the type of `node` says."""
        if isinstance(node, ListLiteral | Macro):
            return self._value(node)
        return self._guard(node, _CLASSES[self._type(node).kind])

    def _arithmetic(self, node: Arithmetic) -> ast.expr:
        operation = self.bind(operations.ARITHMETIC[node.operator])
        return call(operation, self._value(node.left), self._value(node.right))

    def _conditional(self, node: Conditional) -> ast.expr:
        test = self._test(node.condition)
        return ast.IfExp(test, self._scalar(node.chosen), self._scalar(node.otherwise))

    def _function(self, node: Call) -> ast.expr:
        if node.function is FunctionName.SIZE:
            kind = self._type(node.argument).kind
            checked = isinstance(node.argument, ListLiteral | Macro)
            give = self._value if checked else lambda found: self._guard(found, _CLASSES[kind])
            return call(load("len"), give(node.argument))
        operation = self.bind(operations.FUNCTIONS[node.function])
        return call(operation, self._value(node.argument))

    def _method(self, node: Method) -> ast.expr:
        if node.method is MethodName.MATCHES and isinstance(node.argument, Literal):
            pattern = Pattern.compile(str(node.argument.value))
            return call(self.bind(pattern.matches), self._value(node.base))
        base, argument = self._scalar(node.base), self._scalar(node.argument)
        if node.method is MethodName.CONTAINS:
            return is_in(argument, base)
        name = "startswith" if node.method is MethodName.STARTS_WITH else "endswith"
        return call(ast.Attribute(base, name, ast.Load()), argument)

    def _macro(self, node: Macro) -> ast.expr:
        short = self._set_operation(node)
        if short is not None:
            return short
        found = self._iterable(node)
        name = self._scratch.fresh()
        outer = self._names
        self._names = {**outer, node.variable: name}
        is_map = node.macro is MacroName.MAP
        body = self._scalar(node.body) if is_map else self._test(node.body)
        self._names = outer
        return _comprehension(node.macro, name=name, items=found, body=body)

    def _iterable(self, node: Macro) -> ast.expr:
        with self._scratch.iterable():
            if holds_macro(node.body):
                return call(self.bind(operations.outer_items), self._value(node.items))
            return self._collection(node.items)

    def _set_operation(self, node: Macro) -> ast.expr | None:
        """Return one set operation for `x in [constants]` over a list of strings."""
        body = node.body
        if not isinstance(body, Membership) or node.macro not in (MacroName.ALL, MacroName.EXISTS):
            return None
        constants = constants_of(body.collection)
        if body.item != Name(0, node.variable) or constants is None:
            return None
        if self._type(body.item).kind is not Kind.STRING:
            return None
        items = self._collection(node.items)
        name = "issuperset" if node.macro is MacroName.ALL else "isdisjoint"
        method = ast.Attribute(self.bind(frozenset(constants)), name, ast.Load())
        found = call(method, items)
        return found if node.macro is MacroName.ALL else ast.UnaryOp(ast.Not(), found)

    _EMIT: ClassVar[dict[type[Node], Callable[..., ast.expr]]] = {
        Literal: _literal,
        ListLiteral: _list,
        Name: _name,
        Select: _select,
        Index: _index,
        Has: _has,
        Not: _not,
        Negate: _negate,
        Logic: _logic,
        Compare: _compare,
        Membership: _membership,
        Arithmetic: _arithmetic,
        Conditional: _conditional,
        Call: _function,
        Method: _method,
        Macro: _macro,
    }


def _comprehension(macro: MacroName, *, name: str, items: ast.expr, body: ast.expr) -> ast.expr:
    match macro:
        case MacroName.MAP:
            return listed(body, name=name, items=items)
        case MacroName.FILTER:
            return listed(load(name), name=name, items=items, conditions=[body])
        case MacroName.ALL:
            return call(load("all"), listed(body, name=name, items=items))
        case MacroName.EXISTS:
            return call(load("any"), listed(body, name=name, items=items))
    found = listed(ast.Constant(1), name=name, items=items, conditions=[body])
    return ast.Compare(call(load("len"), found), [ast.Eq()], [ast.Constant(1)])
