"""A whole collection, as an agent prints it, taken apart for the document and its digest."""

from collections.abc import Mapping
from typing import Any

from agents.facts.canonical import canonical_bytes, digest, root_digest
from agents.facts.containers import ContainerPart

SCHEMA = "underpin/collection/1"


def sections_of(collection: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Return the bodies of the sections. Raises ValueError for another kind of document."""
    if collection.get("schema") != SCHEMA or not isinstance(collection.get("sections"), Mapping):
        msg = f"not a collection of the form {SCHEMA}"
        raise ValueError(msg)
    return dict(collection["sections"])


def containers_of(collection: Mapping[str, Any]) -> list[ContainerPart]:
    """Return the containers with identity and posture."""
    return [
        ContainerPart(key=str(row["key"]), identity=row["identity"], posture=row["posture"])
        for row in collection.get("containers", ())
    ]


def collection_root(collection: Mapping[str, Any]) -> str:
    """Return the digest of everything collected: the root of the index an agent would send."""
    sections = {
        name: {"err": str(body["error"])} if "error" in body else _digest(body)
        for name, body in sections_of(collection).items()
    }
    containers = {
        part.key: (_digest(part.identity), _digest(part.posture))
        for part in containers_of(collection)
    }
    return root_digest(sections, containers)


def _digest(body: Mapping[str, Any]) -> str:
    return digest(canonical_bytes(body))
