"""One-time sign-in links: the first way in, and the way back when nobody knows a password."""

import hashlib
import secrets
from datetime import datetime, timedelta

from workbench.core.models import OneTimeLogin, User

LIFETIME = timedelta(hours=24)


def make(user: User, *, now: datetime) -> str:
    """The secret of a link that signs ``user`` in once within 24 hours."""
    secret = secrets.token_urlsafe(32)
    OneTimeLogin.objects.filter(expires_at__lt=now).delete()
    OneTimeLogin.objects.create(token_hash=_hash(secret), user=user, expires_at=now + LIFETIME)
    return secret


def use(secret: str, *, now: datetime) -> User | None:
    """The user of an unused link, which is used from now on; None for any other text."""
    row = OneTimeLogin.objects.filter(token_hash=_hash(secret))
    if not row.filter(used_at__isnull=True, expires_at__gt=now).update(used_at=now):
        return None
    user = row.select_related("user").get().user
    return user if user.is_active else None


def is_usable(secret: str, *, now: datetime) -> bool:
    """True while the link can still sign somebody in."""
    unused = OneTimeLogin.objects.filter(used_at__isnull=True, expires_at__gt=now)
    return unused.filter(token_hash=_hash(secret)).exists()


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
