"""One JSON error body for everything the API refuses."""

from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import exception_handler

from workbench.core.errors import DomainError


def exception_response(error: Exception, context: dict[str, Any]) -> Response | None:
    """``{"error": {"code", "message", "fields"}}``; None lets Django answer 500."""
    if isinstance(error, DomainError):
        return Response(error.as_body(), status=error.status)
    response = exception_handler(error, context)
    if response is None:
        return None
    response.data = {
        "error": {"code": _code(error), "message": _message(error), "fields": _fields(error)}
    }
    return response


def _code(error: Exception) -> str:
    if isinstance(error, Http404):
        return "not_found"
    if isinstance(error, PermissionDenied):
        return "forbidden"
    return str(getattr(error, "default_code", "invalid"))


def _message(error: Exception) -> str:
    if isinstance(error, Http404):
        return "no such thing"
    if isinstance(error, exceptions.ValidationError):
        return "some fields are not right"
    return str(getattr(error, "detail", error))


def _fields(error: Exception) -> dict[str, str]:
    detail = getattr(error, "detail", None)
    if not isinstance(error, exceptions.ValidationError) or not isinstance(detail, dict):
        return {}
    return {str(name): " ".join(map(str, _flat(value))) for name, value in detail.items()}


def _flat(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
