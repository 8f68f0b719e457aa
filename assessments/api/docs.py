"""The documentation page of the REST API, drawn on the server from the OpenAPI document.

Redoc and Swagger UI put styles into the page, which the strict content security policy forbids.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from drf_spectacular.generators import SchemaGenerator


@dataclass(frozen=True, slots=True)
class Operation:
    """One method at one address, as the page shows it."""

    method: str
    path: str
    summary: str
    parameters: list[Mapping[str, Any]]
    body: str
    answers: list[tuple[str, str]]


def docs(request: HttpRequest) -> HttpResponse:
    """Every operation with parameters, body and answers, and the fields of each object."""
    schema = SchemaGenerator().get_schema(request=None, public=True)
    context = {
        "title": schema["info"]["title"],
        "groups": operations(schema),
        "objects": objects(schema),
    }
    return render(request, "api_docs.html", context)


def operations(schema: Mapping[str, Any]) -> dict[str, list[Operation]]:
    """The operations by the first tag."""
    groups: dict[str, list[Operation]] = {}
    for path, item in schema["paths"].items():
        for method, details in item.items():
            name = path.removeprefix("/api/v1/").split("/")[0]
            groups.setdefault(name, []).append(_operation(method, path, details))
    return groups


def _operation(method: str, path: str, details: Mapping[str, Any]) -> Operation:
    return Operation(
        method=method.upper(),
        path=path,
        summary=details.get("description", ""),
        parameters=[_parameter(one) for one in details.get("parameters", [])],
        body=_content(details.get("requestBody", {})),
        answers=[(code, _content(answer)) for code, answer in details["responses"].items()],
    )


def _parameter(one: Mapping[str, Any]) -> Mapping[str, Any]:
    known = {
        "page": "A page number within the result.",
        "page_size": "Rows per page, at most 200.",
    }
    text = known.get(one["name"]) or one.get("description", "")
    return {"name": one["name"], "place": one["in"], "text": text}


def _content(part: Mapping[str, Any]) -> str:
    """The name of the object in a body, or its media type."""
    for media_type, content in part.get("content", {}).items():
        named = _name(content.get("schema", {}))
        return named or media_type
    return ""


def _name(schema: Mapping[str, Any]) -> str:
    if "$ref" in schema:
        return str(schema["$ref"]).rsplit("/", 1)[-1]
    if schema.get("type") == "array":
        return f"list of {_name(schema['items']) or schema['items'].get('type', 'any')}"
    if "allOf" in schema:
        return _name(schema["allOf"][0])
    if "oneOf" in schema:
        return " or ".join(filter(None, map(_name, schema["oneOf"])))
    return ""


def objects(schema: Mapping[str, Any]) -> dict[str, list[tuple[str, str]]]:
    """The fields of every named object, with their types."""
    named = schema.get("components", {}).get("schemas", {})
    return {
        name: [(field, _type(value)) for field, value in one.get("properties", {}).items()]
        for name, one in named.items()
        if one.get("properties")
    }


def _type(value: Mapping[str, Any]) -> str:
    word = _name(value) or value.get("format") or str(value.get("type", "any"))
    return f"{word}, may be null" if value.get("nullable") else str(word)
