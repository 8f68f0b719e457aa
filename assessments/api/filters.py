"""Query parameters of list endpoints, checked before they reach the database."""

import uuid
from collections.abc import Iterable

from rest_framework.exceptions import ValidationError
from rest_framework.request import Request

MAX_CHARACTERS = 200


def text(request: Request, name: str) -> str:
    """The parameter as text, empty when absent."""
    value: str = request.query_params.get(name, "")
    if len(value) > MAX_CHARACTERS:
        raise ValidationError({name: f"at most {MAX_CHARACTERS} characters"})
    return value


def choice(request: Request, name: str, allowed: Iterable[str]) -> str:
    """One of ``allowed`` or empty."""
    value = text(request, name)
    if value and value not in set(allowed):
        raise ValidationError({name: f"one of {', '.join(sorted(allowed))}"})
    return value


def number(request: Request, name: str, *, low: int, high: int) -> int | None:
    """A whole number in range, or None when absent."""
    value = text(request, name)
    if not value:
        return None
    if not (value.isascii() and value.isdigit() and len(value) < 10 and low <= int(value) <= high):
        raise ValidationError({name: f"a whole number from {low} to {high}"})
    return int(value)


def identifier(request: Request, name: str) -> uuid.UUID | None:
    """A UUID, or None when absent."""
    value = text(request, name)
    if not value:
        return None
    try:
        return uuid.UUID(value)
    except ValueError:
        raise ValidationError({name: "an id"}) from None
