"""Whole days between moments, as facts count them."""

import math
from datetime import UTC, datetime

from agents.facts.reading import MissingFact, read

DAY_SECONDS = 86_400


def moment(body: object, path: str, *, prefix: str = "") -> datetime:
    """Return the RFC 3339 time at `path`; raises MissingFact when absent or no such time."""
    text = read(str, body, path, prefix=prefix)
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError:
        raise MissingFact(prefix + path) from None
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)


def days_since(then: datetime, now: datetime) -> int:
    """Return full days that have passed; a time in the future counts as 0."""
    return max(0, math.floor((now - then).total_seconds() / DAY_SECONDS))


def days_until(then: datetime, now: datetime) -> int:
    """Return days left, a begun day counted; negative once `then` has passed by a day."""
    return math.ceil((then - now).total_seconds() / DAY_SECONDS)


def rfc3339(value: datetime) -> str:
    """Return a moment in UTC with whole seconds and a `Z`."""
    return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
