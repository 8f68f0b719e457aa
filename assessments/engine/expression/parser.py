"""Reads an expression into a tree, within limits. Nothing here depends on facts or types."""

from typing import NoReturn, TypeVar

from assessments.engine.expression.errors import refuse
from assessments.engine.expression.lexer import Token, TokenKind, tokens
from assessments.engine.expression.limits import (
    MAX_CHAIN,
    MAX_INTEGER,
    MAX_MACRO_NESTING,
    MAX_NESTING,
    MAX_NODES,
)
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

_MACROS = frozenset(MacroName)
_METHODS = frozenset(MethodName)
_FUNCTIONS = frozenset(FunctionName)
_COMPARE = frozenset(CompareOperator)
# Words that full CEL keeps for itself; another engine would refuse them as names.
_RESERVED = frozenset(
    {"as", "break", "const", "continue", "else", "false", "for", "function", "has", "if", "import"}
    | {"in", "let", "loop", "namespace", "null", "package", "return", "true", "var", "void"}
    | {"while"}
)

NodeType = TypeVar("NodeType", bound=Node)


def parse(text: str) -> Node:
    """Return the tree of `text`. Raises ExpressionError with the column of what is wrong."""
    return _Parser(tokens(text)).whole()


class _Parser:
    """Recursive descent; each method reads one level of precedence."""

    def __init__(self, found: tuple[Token, ...]) -> None:
        self._tokens = found
        self._position = 0
        self._nesting = 0
        self._macros = 0
        self._nodes = 0

    def whole(self) -> Node:
        node = self._expression()
        if self._here.kind is not TokenKind.END:
            self._refuse(f"unexpected {self._here.text!r}")
        return node

    @property
    def _here(self) -> Token:
        return self._tokens[self._position]

    def _refuse(self, message: str) -> NoReturn:
        refuse(message, column=self._here.column)

    def _next(self) -> Token:
        token = self._here
        self._position += 1
        return token

    def _at(self, *operators: str) -> bool:
        return self._here.kind is TokenKind.OPERATOR and self._here.text in operators

    def _take(self, operator: str) -> bool:
        if self._at(operator):
            self._position += 1
            return True
        return False

    def _need(self, operator: str) -> None:
        if not self._take(operator):
            found = self._here.text or "the end"
            self._refuse(f"expected {operator!r}, found {found!r}")

    def _count(self, node: NodeType) -> NodeType:
        self._nodes += 1
        if self._nodes > MAX_NODES:
            refuse(f"more than {MAX_NODES} terms", column=node.column)
        return node

    def _expression(self) -> Node:
        self._nesting += 1
        # The outermost expression is not nested in anything.
        if self._nesting > MAX_NESTING + 1:
            self._refuse(f"nested deeper than {MAX_NESTING} levels")
        node = self._either()
        if self._take("?"):
            chosen = self._expression()
            self._need(":")
            node = self._count(Conditional(node.column, node, chosen, self._expression()))
        self._nesting -= 1
        return node

    def _either(self) -> Node:
        operands = [self._both()]
        while self._take(LogicOperator.OR):
            operands.append(self._both())
        return self._logic(LogicOperator.OR, operands)

    def _both(self) -> Node:
        operands = [self._relation()]
        while self._take(LogicOperator.AND):
            operands.append(self._relation())
        return self._logic(LogicOperator.AND, operands)

    def _logic(self, operator: LogicOperator, operands: list[Node]) -> Node:
        if len(operands) == 1:
            return operands[0]
        flat: list[Node] = []
        for operand in operands:
            same = isinstance(operand, Logic) and operand.operator is operator
            flat.extend(operand.operands if same and isinstance(operand, Logic) else (operand,))
        return self._count(Logic(flat[0].column, operator, tuple(flat)))

    def _relation(self) -> Node:
        left = self._sum()
        token = self._here
        if token.kind is TokenKind.OPERATOR and token.text in _COMPARE:
            self._next()
            operator = CompareOperator(token.text)
            left = self._count(Compare(token.column, operator, left, self._sum()))
        elif token.kind is TokenKind.NAME and token.text == "in":
            self._next()
            left = self._count(Membership(token.column, left, self._sum()))
        else:
            return left
        if self._at(*_COMPARE) or (self._here.kind is TokenKind.NAME and self._here.text == "in"):
            self._refuse("comparisons cannot be chained")
        return left

    def _sum(self) -> Node:
        left = self._product()
        for _ in range(MAX_CHAIN):
            if not self._at("+", "-"):
                return left
            token = self._next()
            operator = ArithmeticOperator(token.text)
            left = self._count(Arithmetic(token.column, operator, left, self._product()))
        return self._refuse(f"more than {MAX_CHAIN} operators in a row")

    def _product(self) -> Node:
        left = self._unary()
        for _ in range(MAX_CHAIN):
            if not self._at("*", "/", "%"):
                return left
            token = self._next()
            operator = ArithmeticOperator(token.text)
            left = self._count(Arithmetic(token.column, operator, left, self._unary()))
        return self._refuse(f"more than {MAX_CHAIN} operators in a row")

    def _unary(self) -> Node:
        signs: list[Token] = []
        while self._at("!", "-"):
            signs.append(self._next())
            if len(signs) > MAX_NESTING:
                self._refuse(f"more than {MAX_NESTING} signs in a row")
        node = self._postfix()
        for token in reversed(signs):
            make = Not if token.text == "!" else Negate
            node = self._count(make(token.column, node))
        return node

    def _postfix(self) -> Node:
        node = self._primary()
        for _ in range(MAX_CHAIN):
            if self._take("."):
                node = self._member(node)
            elif self._at("["):
                column = self._next().column
                node = self._count(Index(column, node, self._expression()))
                self._need("]")
            else:
                return node
        return self._refuse(f"more than {MAX_CHAIN} selections in a row")

    def _member(self, base: Node) -> Node:
        token = self._next()
        if token.kind is not TokenKind.NAME:
            refuse("a field name belongs here", column=token.column)
        if not self._take("("):
            return self._count(Select(token.column, base, token.text))
        if token.text in _MACROS:
            return self._macro(base, token)
        if token.text not in _METHODS:
            refuse(f"unknown method {token.text!r}", column=token.column)
        argument = self._expression()
        self._need(")")
        return self._count(Method(token.column, MethodName(token.text), base, argument))

    def _macro(self, items: Node, token: Token) -> Node:
        variable = self._next()
        if variable.kind is not TokenKind.NAME or variable.text in _RESERVED:
            refuse("a variable belongs here", column=variable.column)
        self._need(",")
        self._macros += 1
        if self._macros > MAX_MACRO_NESTING:
            message = f"more than {MAX_MACRO_NESTING} macros inside each other"
            refuse(message, column=token.column)
        body = self._expression()
        self._macros -= 1
        self._need(")")
        return self._count(Macro(token.column, MacroName(token.text), items, variable.text, body))

    def _primary(self) -> Node:
        token = self._next()
        match token.kind:
            case TokenKind.STRING:
                return self._count(Literal(token.column, token.text))
            case TokenKind.INTEGER:
                return self._count(Literal(token.column, _integer(token)))
            case TokenKind.DECIMAL:
                return self._count(Literal(token.column, float(token.text)))
            case TokenKind.NAME:
                return self._named(token)
        if token.text == "(":
            node = self._expression()
            self._need(")")
            return node
        if token.text == "[":
            return self._list(token)
        return refuse(f"unexpected {token.text or 'end'!r}", column=token.column)

    def _named(self, token: Token) -> Node:
        if token.text in ("true", "false"):
            return self._count(Literal(token.column, token.text == "true"))
        if self._at("("):
            return self._call(token)
        if token.text in _RESERVED:
            refuse(f"{token.text!r} cannot be used here", column=token.column)
        return self._count(Name(token.column, token.text))

    def _call(self, token: Token) -> Node:
        if token.text != "has" and token.text not in _FUNCTIONS:
            refuse(f"unknown function {token.text!r}", column=token.column)
        self._need("(")
        argument = self._expression()
        self._need(")")
        if token.text != "has":
            return self._count(Call(token.column, FunctionName(token.text), argument))
        if not isinstance(argument, Select):
            refuse("has() takes one field, like has(a.b)", column=token.column)
        return self._count(Has(token.column, argument.base, argument.field))

    def _list(self, token: Token) -> Node:
        items: list[Node] = []
        while not self._at("]"):
            items.append(self._expression())
            if not self._take(","):
                break
        self._need("]")
        return self._count(ListLiteral(token.column, tuple(items)))


def _integer(token: Token) -> int:
    value = int(token.text) if len(token.text) < 20 else MAX_INTEGER + 1
    if value > MAX_INTEGER:
        refuse("an integer has at most 64 bits", column=token.column)
    return value
