"""The paths of facts that an expression reads, in the form catalogues list them."""

from collections.abc import Iterator, Mapping

from assessments.engine.expression.nodes import (
    Has,
    Index,
    Literal,
    Macro,
    MacroName,
    Name,
    Node,
    Select,
    children,
)
from assessments.engine.expression.printer import quoted

POLICY = "policy"
_ITEMS = "[]"


def fact_paths(node: Node) -> frozenset[str]:
    """Return the paths of facts below `node`: `a.b`, `a.list[].field`, `a.map["key"]`.

    A path is left out when the same expression reads something below it as well. Site parameters
    are no facts; see `parameters`.
    """
    found = {path for path in _read(node, {}) if path.split(".", 1)[0] != POLICY}
    return frozenset(
        path
        for path in found
        if not any(other.startswith((f"{path}.", f"{path}[")) for other in found)
    )


def parameters(node: Node) -> frozenset[str]:
    """Return the names of the site parameters below `node`."""
    found = (path.split(".") for path in _read(node, {}))
    return frozenset(parts[1] for parts in found if parts[0] == POLICY and len(parts) > 1)


def _read(node: Node, variables: Mapping[str, str]) -> Iterator[str]:
    if isinstance(node, Macro):
        yield from _read_macro(node, variables)
        return
    path = path_of(node, variables)
    if path:
        yield path.removesuffix(_ITEMS)
    if isinstance(node, Index):
        yield from _read(node.key, variables)
    if path is None:
        for child in children(node):
            yield from _read(child, variables)


def _read_macro(node: Macro, variables: Mapping[str, str]) -> Iterator[str]:
    items = items_path(node.items, variables)
    inside = {**variables, node.variable: f"{items}{_ITEMS}" if items else ""}
    body = set(_read(node.body, inside))
    yield from body
    if isinstance(node.items, Macro):
        yield from _read(node.items, variables)
    elif items and not any(path.startswith(f"{items}{_ITEMS}") for path in body):
        yield items


def items_path(node: Node, variables: Mapping[str, str]) -> str | None:
    """Return the path of the list that a macro goes over; a filter keeps that of its list."""
    while isinstance(node, Macro) and node.macro is MacroName.FILTER:
        node = node.items
    return path_of(node, variables)


def path_of(node: Node, variables: Mapping[str, str]) -> str | None:
    """Return the path a node names: "" inside a list of constants, None for other nodes."""
    match node:
        case Name():
            return variables.get(node.name, node.name)
        case Select() | Has():
            base = path_of(node.base, variables)
            return f"{base}.{node.field}" if base else base
        case Index():
            base = path_of(node.base, variables)
            if not base:
                return base
            if isinstance(node.key, Literal) and isinstance(node.key.value, str):
                return f"{base}[{quoted(node.key.value)}]"
            return base if not isinstance(node.key, Literal) else f"{base}{_ITEMS}"
    return None
