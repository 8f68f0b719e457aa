"""Random conditions of the right types, and random facts with missing and wrong values."""

from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

Draw = Callable[[st.SearchStrategy[Any]], Any]

TEXTS = ["", "a", "ab", "CAP_A", "CAP_B", "1", "-7", "<absent>", "é"]
INTEGERS = [0, 1, 2, 5, -3, 2**62]
DECIMALS = ["0.0", "1.0", "0.5", "2.25"]
MISSING = object()


@st.composite
def conditions(draw: Draw) -> str:
    """Return the text of a condition about a container."""
    return _Writer(draw).boolean(depth=3, items=())


class _Writer:
    """Writes text of a wanted type. `items` are the variables of mounts in reach."""

    def __init__(self, draw: Draw) -> None:
        self._draw = draw
        self._macros = 0

    def _pick(self, *choices: Any) -> Any:
        return self._draw(st.sampled_from(choices))

    def boolean(self, *, depth: int, items: tuple[str, ...]) -> str:
        if depth <= 0:
            return self._flag(items)
        write = self._pick(
            self._flag, self._logic, self._logic, self._compare, self._member, self._macro
        )
        if write == self._flag:
            return self._flag(items)
        return str(write(depth - 1, items))

    def _flag(self, items: tuple[str, ...]) -> str:
        fields = [f"{name}.read_only" for name in items]
        tests = [f"has({name}.path)" for name in items]
        return str(
            self._pick(
                *(fields * 3),
                *tests,
                "container.privileged",
                "container.extra.flag",
                "has(container.extra)",
                "has(container.extra) && has(container.extra.flag)",
                "has(container.pids)",
                "kernel.lockdown.now",
                "true",
                "false",
            )
        )

    def _logic(self, depth: int, items: tuple[str, ...]) -> str:
        one, two = (self.boolean(depth=depth, items=items) for _ in range(2))
        form = self._pick("({}) && ({})", "({}) || ({})", "!({})", "({}) ? ({}) : (false)")
        # The other engine drops a double negation without looking at the type below it.
        if form == "!({})" and one.lstrip("(").startswith("!"):
            return one
        return str(form.format(one, two))

    def _compare(self, depth: int, items: tuple[str, ...]) -> str:
        write = self._pick(self._integer, self._text, self._decimal)
        operator = self._pick("==", "!=", "<", "<=", ">", ">=")
        return f"{write(depth, items)} {operator} {write(depth, items)}"

    def _member(self, depth: int, items: tuple[str, ...]) -> str:
        text = self._text(depth, items)
        lists = ["container.caps", '["a", "CAP_A"]', '[container.name, "a"]']
        lists += [f"{name}.options" for name in items]
        method = self._pick("startsWith", "endsWith", "contains")
        return str(
            self._pick(
                f"({text}) in {self._pick(*lists)}",
                f"({text}).{method}({self._text(depth, items)})",
                f'({text}).matches("^[A-Z_]+$")',
                f"({self._integer(depth, items)}) in {self._pick('container.ports', '[0, 1]')}",
                f"({text}) in kernel.sysctl",
            )
        )

    def _macro(self, depth: int, items: tuple[str, ...]) -> str:
        if self._macros >= 2:
            return self._flag(items)
        macro = self._pick("all", "exists", "exists_one")
        name = f"m{len(items)}"
        source = self._pick("container.mounts", "container.mounts", "filtered", "caps", "literal")
        if source == "caps":
            inner = self._pick('x == "CAP_A"', 'x in ["a", "CAP_B"]', "x in container.caps")
            return f"container.caps.{macro}(x, {inner})"
        if source == "literal":
            return f'["a", "CAP_A"].{macro}(x, x in container.caps)'
        self._macros += 1
        body = self.boolean(depth=depth, items=(*items, name))
        if source == "filtered":
            source = f"container.mounts.filter({name}, {self._flag((*items, name))})"
        self._macros -= 1
        return f"{source}.{macro}({name}, {body})"

    def _integer(self, depth: int, items: tuple[str, ...]) -> str:
        leaf = self._pick(
            "container.pids",
            "container.ports[0]",
            "container.ports[1]",
            "size(container.caps)",
            "size(container.name)",
            "size(container.mounts)",
            "size(container.mounts.filter(f, f.read_only))",
            'int(kernel.sysctl["k"])',
            "policy.pids_max",
            *map(str, INTEGERS),
        )
        if depth <= 0:
            return str(leaf)
        operator = self._pick("", "", "+", "-", "*", "/", "%")
        if not operator:
            return str(leaf)
        return f"({leaf} {operator} {self._integer(depth - 1, items)})"

    def _text(self, depth: int, items: tuple[str, ...]) -> str:
        leaf = self._pick(
            "container.name",
            "container.runtime",
            'kernel.sysctl["k"]',
            'kernel.sysctl["missing"]',
            "string(container.pids)",
            *[f"{name}.path" for name in items],
            *[f'"{text}"' for text in TEXTS],
        )
        if depth > 0 and self._pick(False, False, True):
            return f"({leaf} + {self._text(depth - 1, items)})"
        return str(leaf)

    def _decimal(self, depth: int, items: tuple[str, ...]) -> str:
        leaf = self._pick(
            "double(container.load)",
            "double(container.pids)",
            "double(policy.share)",
            *DECIMALS,
        )
        if depth > 0 and self._pick(False, False, True):
            operator = self._pick("+", "-", "*", "/")
            return f"({leaf} {operator} {self._decimal(depth - 1, items)})"
        return str(leaf)


def _sometimes(values: st.SearchStrategy[Any], *wrong: Any) -> st.SearchStrategy[Any]:
    """Return values that are now and then missing or of another type."""
    odd = st.sampled_from([MISSING, MISSING, *wrong])
    return st.one_of(values, values, values, values, odd)


def _object(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(fields).map(
        lambda found: {name: value for name, value in found.items() if value is not MISSING}
    )


_TEXT = st.sampled_from(TEXTS)
_INTEGER = st.sampled_from(INTEGERS)
_FLAG = _sometimes(st.booleans(), 1, "true")
_NAMES = _sometimes(st.lists(_TEXT, max_size=3), 3)
_MOUNT = _object(path=_sometimes(_TEXT, 3), read_only=_FLAG, options=_NAMES)
_CONTAINER = _object(
    name=_sometimes(_TEXT, 3),
    runtime=_sometimes(_TEXT, 1),
    caps=_NAMES,
    ports=_sometimes(st.lists(_INTEGER, max_size=2), "ports"),
    privileged=_FLAG,
    pids=_sometimes(_INTEGER, "many"),
    load=_sometimes(st.sampled_from([0, 1, 0.0, 1.0, 0.5])),
    mounts=_sometimes(st.lists(_MOUNT, max_size=3), 3),
    extra=_sometimes(_object(flag=_FLAG), 3),
)

facts: st.SearchStrategy[dict[str, Any]] = _object(
    container=_CONTAINER,
    kernel=_object(
        sysctl=_sometimes(_object(k=_sometimes(_TEXT)), 3),
        lockdown=_object(now=_FLAG),
    ),
)
