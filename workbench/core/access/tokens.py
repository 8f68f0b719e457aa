"""API tokens: ``up_<prefix>_<secret>``. Full entropy makes SHA-256 the right hash."""

import hashlib
import hmac
import secrets
from datetime import datetime, timedelta

from workbench.core.models import ApiToken, Membership

SCHEME = "Bearer "
LAST_USED_STEP = timedelta(minutes=5)


def make(membership: Membership, *, name: str, now: datetime, days: int) -> tuple[ApiToken, str]:
    """A new token and its text, which is shown once and never stored."""
    prefix, secret = secrets.token_hex(6), secrets.token_urlsafe(32)
    token = ApiToken.objects.create(
        workspace=membership.workspace,
        user_id=membership.user_id,
        name=name,
        prefix=prefix,
        secret_hash=_hash(secret),
        created_at=now,
        expires_at=now + timedelta(days=days),
    )
    return token, f"up_{prefix}_{secret}"


def membership_for(header: str, *, now: datetime) -> Membership | None:
    """The membership that the Authorization header stands for, or None.

    The role is the person's role of this moment: taking it away takes the token's rights at once.
    """
    parts = header.removeprefix(SCHEME).split("_", 2)
    if not header.startswith(SCHEME) or len(parts) != 3 or parts[0] != "up":
        return None
    token = ApiToken.objects.select_related("user").filter(prefix=parts[1]).first()
    if token is None or not hmac.compare_digest(token.secret_hash, _hash(parts[2])):
        return None
    expired = token.expires_at is not None and token.expires_at <= now
    if expired or token.revoked_at is not None or not token.user.is_active:
        return None
    if token.last_used_at is None or now - token.last_used_at > LAST_USED_STEP:
        ApiToken.objects.filter(pk=token.pk).update(last_used_at=now)
    return (
        Membership.objects.select_related("workspace", "user")
        .filter(user_id=token.user_id, workspace_id=token.workspace_id)
        .first()
    )


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
