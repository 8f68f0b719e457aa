"""A printed collection, taken apart."""

import hashlib
import json
from typing import Any

import pytest

from agents.facts.collection import collection_root, containers_of, sections_of

COLLECTION: dict[str, Any] = {
    "schema": "underpin/collection/1",
    "agent_version": "0.1.0",
    "sections": {"kernel": {"facts": {}, "unknowns": []}, "images": {"error": "EACCES"}},
    "containers": [
        {"key": "c1", "identity": {"facts": {"key": "c1"}}, "posture": {"facts": {}}},
    ],
}


def sha(value: object) -> str:
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def test_the_root_is_that_of_the_index_an_agent_sends() -> None:
    index = {
        "sections": {
            "kernel": sha({"facts": {}, "unknowns": []}),
            "images": {"err": "EACCES"},
        },
        "containers": {"c1": [sha({"facts": {"key": "c1"}}), sha({"facts": {}})]},
    }
    assert collection_root(COLLECTION) == sha(index)


def test_sections_and_containers_are_found() -> None:
    assert sections_of(COLLECTION).keys() == {"kernel", "images"}
    assert [part.key for part in containers_of(COLLECTION)] == ["c1"]


@pytest.mark.parametrize("changed", [{"schema": "other"}, {"sections": []}])
def test_another_document_is_refused(changed: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="not a collection"):
        sections_of({**COLLECTION, **changed})
