"""The address of the client behind a known number of proxies."""

from django.conf import settings
from django.http import HttpRequest


def client_address(request: HttpRequest) -> str:
    """The address that the outermost proxy of ours saw, or that of the connection without proxies.

    Only as many entries of X-Forwarded-For are believed as ``settings.TRUSTED_PROXIES`` says: what
    stands before them was written by the client.
    """
    direct = str(request.META.get("REMOTE_ADDR", ""))
    if settings.TRUSTED_PROXIES == 0:
        return direct
    header = request.headers.get("X-Forwarded-For", "")
    seen = [part.strip() for part in header.split(",") if part.strip()]
    return seen[-settings.TRUSTED_PROXIES] if len(seen) >= settings.TRUSTED_PROXIES else direct
