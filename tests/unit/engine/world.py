"""A small world of facts for the tests: its schema, its types, a check and a document."""

from typing import Any

from assessments.engine.check import Check, TargetKind
from assessments.engine.expression.condition import CompiledCondition, Condition
from assessments.engine.expression.reference import condition
from assessments.engine.expression.typetree import TypeTree
from assessments.engine.expression.unknown import Unknown, surroundings

TEXT = {"type": "string"}
INTEGER = {"type": "integer"}
NUMBER = {"type": "number"}
BOOLEAN = {"type": "boolean"}
NAMES = {"type": "array", "items": TEXT}


def thing(**properties: object) -> dict[str, object]:
    """Return the schema of an object."""
    return {"type": "object", "properties": properties, "additionalProperties": False}


def listed(**properties: object) -> dict[str, object]:
    """Return the schema of a list of objects."""
    return {"type": "array", "items": thing(**properties)}


SCHEMA: dict[str, object] = {
    "type": "object",
    "properties": {
        "schema": {"const": "test/1"},
        "unknowns": listed(path=TEXT, reason=TEXT, needs=TEXT),
        "host": thing(name=TEXT, mode={"type": "string", "enum": ["v1", "v2"]}),
        "kernel": thing(
            sysctl={"type": "object", "additionalProperties": TEXT},
            lockdown={
                "type": "object",
                "additionalProperties": BOOLEAN,
                "propertyNames": {"enum": ["boot", "now"]},
            },
            release=TEXT,
        ),
        "runtimes": listed(key=TEXT, version=TEXT, gap=INTEGER),
        "images": listed(id=TEXT, tags=NAMES, registry=TEXT),
        "pairs": listed(a=TEXT, b=TEXT, shared=NAMES),
        "containers": listed(
            key=TEXT,
            name=TEXT,
            state={"type": "string", "enum": ["running", "paused", "exited"]},
            runtime=TEXT,
            image_id=TEXT,
            caps=NAMES,
            ports={"type": "array", "items": INTEGER},
            privileged=BOOLEAN,
            pids=INTEGER,
            load=NUMBER,
            namespaces=thing(network=thing(is_host=BOOLEAN)),
            mounts=listed(
                path=TEXT,
                read_only=BOOLEAN,
                role={"type": "string", "enum": ["host", "volume"]},
                options=NAMES,
            ),
            extra=thing(flag=BOOLEAN),
        ),
    },
}
POLICY: dict[str, object] = {"pids_max": 100, "registries": ["example.org"], "share": 0.5}
TYPES = TypeTree.from_schema(SCHEMA, policy=POLICY)
SCOPE = TYPES.scope("container")


def read(text: str) -> Condition:
    """Read a condition about a container."""
    return Condition.read(text, scope=SCOPE)


def answer(text: str, **bindings: object) -> bool | str:
    """Return true, false, or the path that was missing; both paths must say the same."""
    compiled = CompiledCondition(read(text))
    values = {"policy": POLICY, **bindings}
    reference = condition(compiled.condition.node, surroundings(values))
    fast = compiled.answer(values)
    assert fast == reference, (text, fast, reference)
    return reference.path if isinstance(reference, Unknown) else reference


def check(passes: str, **changes: Any) -> Check:
    """Return a check about containers."""
    values: dict[str, Any] = {
        "id": "TST-01",
        "title": "The good condition holds",
        "area": "segregation",
        "subarea": "container-to-outside",
        "layer": "kernel",
        "mechanism": "capabilities",
        "target": TargetKind.CONTAINER,
        "facts": (),
        "passes": passes,
        "likelihood": 3,
        "impact": 4,
    }
    return Check(**{**values, **changes})


def container(key: str = "aaaaaaaaaaaa", **facts: Any) -> dict[str, object]:
    """Return the facts of a running container."""
    return {"key": key, "name": f"name-{key[:2]}", "state": "running", **facts}


def document(*containers: object, **facts: object) -> dict[str, object]:
    """Return a document of one host."""
    values: dict[str, object] = {
        "schema": "test/1",
        "unknowns": [],
        "host": {"name": "host-1", "mode": "v2"},
        "kernel": {"sysctl": {"kernel.x": "1"}},
        "policy": POLICY,
        "runtimes": [],
        "images": [],
        "pairs": [],
        "containers": list(containers),
    }
    return {**values, **facts}
