"""The types of facts, read from the facts schema and the site parameters."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Self


class Kind(StrEnum):
    """The kinds of value. A NUMBER is a field that may arrive as 1 or as 1.0."""

    BOOL = "boolean"
    INT = "integer"
    NUMBER = "number"
    DOUBLE = "decimal"
    STRING = "string"
    LIST = "list"
    MAP = "map"
    OBJECT = "object"


@dataclass(frozen=True, slots=True)
class Type:
    """One type. `values` are the only strings allowed, `constant` says a literal gave them."""

    kind: Kind
    item: "Type | None" = None
    fields: Mapping[str, "Type"] = field(default_factory=dict)
    keys: frozenset[str] | None = None
    values: frozenset[str] | None = None
    constant: bool = False


BOOL = Type(Kind.BOOL)
INT = Type(Kind.INT)
NUMBER = Type(Kind.NUMBER)
DOUBLE = Type(Kind.DOUBLE)
STRING = Type(Kind.STRING)

_SCALARS = {"boolean": BOOL, "integer": INT, "number": NUMBER, "string": STRING}
# Lists of the document and the name one item of them has as a target.
_TARGETS = {"containers": "container", "pairs": "pair", "runtimes": "runtime", "images": "image"}
_NOT_BINDINGS = frozenset({"schema", "collected_at", "unknowns", "quality", "policy"})


@dataclass(frozen=True, slots=True)
class TypeTree:
    """The types of all bindings: `roots` are always bound, `targets` one at a time."""

    roots: Mapping[str, Type]
    targets: Mapping[str, Type]

    @classmethod
    def from_schema(cls, schema: Mapping[str, object], *, policy: Mapping[str, object]) -> Self:
        """Read the JSON Schema (2020-12) of facts and the default of each site parameter.

        Raises ValueError for a construct that the facts schema does not use.
        """
        document = type_from_schema(schema)
        roots = {
            name: type_ for name, type_ in document.fields.items() if name not in _NOT_BINDINGS
        }
        roots["policy"] = Type(
            Kind.OBJECT, fields={name: type_of_parameter(value) for name, value in policy.items()}
        )
        targets = {
            target: roots[name].item or BOOL for name, target in _TARGETS.items() if name in roots
        }
        if "container" in targets:
            targets |= {"source": targets["container"], "target": targets["container"]}
        return cls(roots, targets)

    def scope(self, *targets: str) -> dict[str, Type]:
        """Return the types of the names an expression about `targets` may use."""
        return {**self.roots, **{name: self.targets[name] for name in targets}}


def type_from_schema(schema: Mapping[str, object]) -> Type:
    """Return the type that a JSON Schema describes. Raises ValueError if it describes none."""
    declared = schema.get("type")
    if declared == "object":
        return _object(schema)
    if declared == "array":
        items = schema.get("items")
        if not isinstance(items, Mapping):
            message = "a list in the facts schema needs the type of its items"
            raise ValueError(message)
        return Type(Kind.LIST, item=type_from_schema(items))
    if declared is None and isinstance(schema.get("const"), str):
        return STRING
    if not isinstance(declared, str) or declared not in _SCALARS:
        message = f"the facts schema has no type {declared!r}"
        raise ValueError(message)
    values = schema.get("enum")
    if isinstance(values, Sequence):
        return replace(_SCALARS[declared], values=frozenset(str(value) for value in values))
    return _SCALARS[declared]


def _object(schema: Mapping[str, object]) -> Type:
    extra = schema.get("additionalProperties")
    if isinstance(extra, Mapping):
        names = schema.get("propertyNames")
        keys = names.get("enum") if isinstance(names, Mapping) else None
        closed = frozenset(str(key) for key in keys) if isinstance(keys, Sequence) else None
        return Type(Kind.MAP, item=type_from_schema(extra), keys=closed)
    properties = schema.get("properties")
    if not isinstance(properties, Mapping):
        return Type(Kind.OBJECT)
    fields = {str(name): type_from_schema(value) for name, value in properties.items()}
    return Type(Kind.OBJECT, fields=fields)


def type_of_parameter(value: object) -> Type:
    """Return the type of a site parameter from its default. Raises ValueError for other types."""
    match value:
        case bool():
            return BOOL
        case int():
            return INT
        case float():
            return NUMBER
        case str():
            return STRING
        case [first, *_]:
            return Type(Kind.LIST, item=type_of_parameter(first))
        case []:
            return Type(Kind.LIST, item=STRING)
    message = f"a site parameter cannot be {type(value).__name__}"
    raise ValueError(message)
