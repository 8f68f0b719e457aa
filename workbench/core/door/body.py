"""Reading a request body: size first, then inflate, then decode."""

from typing import TypeVar

from django.http import HttpRequest
from django.utils.http import parse_header_parameters

from workbench.core.door.decode import decode
from workbench.core.door.inflate import inflate
from workbench.core.door.limits import Limits
from workbench.core.errors import Invalid, TooLarge, Unsupported

Shape = TypeVar("Shape")
MAX_LENGTH_DIGITS = 18
JSON_TYPES = frozenset({"application/json", ""})


def read_json(request: HttpRequest, *, shape: type[Shape], limits: Limits) -> Shape:
    """The body of ``request`` as ``shape``; nothing is read beyond ``limits.max_wire_bytes``.

    Raises:
        Unsupported: for another content type or charset.
        TooLarge, Invalid: as ``decode``.
    """
    check_content_type(request)
    kept: bytes | None = getattr(request, "kept_body", None)
    body = read_bounded(request, max_bytes=limits.max_wire_bytes) if kept is None else kept
    encoding = request.META.get("HTTP_CONTENT_ENCODING", "").strip().lower()
    return decode(inflate(body, encoding=encoding, limits=limits), shape=shape, limits=limits)


def check_content_type(request: HttpRequest) -> None:
    """Raises Unsupported unless the body says it is JSON in UTF-8."""
    stated = request.META.get("CONTENT_TYPE", "")
    if stated == "application/json":
        return
    try:
        kind, parameters = parse_header_parameters(stated)
    except ValueError:
        message = "the content type cannot be read"
        raise Unsupported(message) from None
    if kind not in JSON_TYPES:
        message = "send application/json"
        raise Unsupported(message)
    charset = parameters.get("charset", "utf-8").strip('"').lower()
    if charset not in {"utf-8", "utf8"}:
        message = "send UTF-8"
        raise Unsupported(message)


def read_bounded(request: HttpRequest, *, max_bytes: int) -> bytes:
    """At most ``max_bytes`` of the body; Content-Length is checked before a byte is read."""
    return _read(request, length=stated_length(request), max_bytes=max_bytes)


def keep_body(request: HttpRequest, *, length: int, max_bytes: int) -> None:
    """Read the body now, for ``read_json`` to find it; ``length`` is the one it states."""
    body = _read(request, length=length, max_bytes=max_bytes)
    request.kept_body = body  # type: ignore[attr-defined]


def _read(request: HttpRequest, *, length: int, max_bytes: int) -> bytes:
    if length > max_bytes:
        message = f"the body is larger than {max_bytes} bytes"
        raise TooLarge(message)
    body = request.read(length)
    if len(body) < length:
        message = "the body is shorter than its stated length"
        raise Invalid(message)
    return body


def stated_length(request: HttpRequest) -> int:
    """Content-Length in bytes; 0 without one, since a body of unknown length is not read.

    Raises:
        Invalid: when it is not a number.
    """
    stated = request.META.get("CONTENT_LENGTH") or "0"
    if not (stated.isascii() and stated.isdigit() and len(stated) < MAX_LENGTH_DIGITS):
        message = "Content-Length is not a number"
        raise Invalid(message)
    return int(stated)
