"""The address that agents are told to use, and whether it is safe."""

from typing import Final
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest

LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})


def server_address(request: HttpRequest) -> str:
    """The address of this server as agents reach it, without a slash at the end."""
    return settings.PUBLIC_URL.rstrip("/") or request.build_absolute_uri("/").rstrip("/")


def is_plain_http(server: str) -> bool:
    """True when facts would travel unprotected to another machine: the agent asks to be told so."""
    parts = urlsplit(server)
    return parts.scheme == "http" and parts.hostname not in LOOPBACK
