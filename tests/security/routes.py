"""Every route of the product, read from the resolver, so that none can hide from the tests."""

from collections.abc import Iterator
from dataclasses import dataclass

from django.conf import settings
from django.urls import URLPattern, URLResolver, get_resolver


@dataclass(frozen=True, slots=True)
class Route:
    """One named address; ``pattern`` is the route as written, for messages."""

    name: str
    pattern: str


def all_routes() -> list[Route]:
    """The routes of people's and agents' URL tables."""
    found: list[Route] = []
    for urlconf in (settings.ROOT_URLCONF, settings.INGEST_URLCONF):
        found += _walk(get_resolver(urlconf).url_patterns, "", "")
    return found


def _walk(patterns: list[URLPattern | URLResolver], prefix: str, space: str) -> Iterator[Route]:
    for pattern in patterns:
        route = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            inner = f"{space}{pattern.namespace}:" if pattern.namespace else space
            yield from _walk(pattern.url_patterns, route, inner)
        else:
            yield Route(f"{space}{pattern.name or ''}", route)
