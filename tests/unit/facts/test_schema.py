"""The schema and the documents built here describe the same thing."""

import jsonschema
import pytest

from agents.facts.document import build_document
from agents.facts.schema import container_fields, schema
from tests.unit.facts.sample_documents import (
    NAMES,
    NOW,
    assignments_of,
    load,
    parts_of,
    sections_of,
)


def test_the_schema_itself_is_valid() -> None:
    jsonschema.Draft202012Validator.check_schema(schema())


@pytest.mark.parametrize("name", NAMES)
def test_a_built_document_has_only_fields_of_the_schema(name: str) -> None:
    sample = load(name)
    document = build_document(
        sections=sections_of(sample),
        containers=parts_of(sample),
        policy={"single_tenant": False},
        now=NOW,
        collected_at=NOW,
        assignments=assignments_of(sample),
    )
    del document["unknowns_by_container"]
    scoping = ("container", "pair", "runtime", "image")
    document["unknowns"] = [
        {key: value for key, value in entry.items() if key not in scoping}
        for entry in document["unknowns"]
    ]
    jsonschema.Draft202012Validator(schema()).validate(document)


def test_namespaces_belong_to_the_posture_and_inodes_to_the_identity() -> None:
    assert "namespaces" in container_fields("container.posture")
    assert "namespace_inodes" in container_fields("container.identity")
    assert "walls" not in container_fields("container.posture")
