"""What every page needs around its content."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest


def shell(request: HttpRequest) -> dict[str, Any]:
    """The caller (for the side bar), the route (for the current entry) and the version."""
    match = request.resolver_match
    return {
        "caller": getattr(request, "caller", None),
        "route": match.view_name if match else "",
        "product_version": settings.PRODUCT_VERSION,
    }
