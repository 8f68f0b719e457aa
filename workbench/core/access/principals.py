"""Who may come: the words of the permission table."""

from enum import StrEnum


class Principal(StrEnum):
    """One kind of caller. The four roles are those of ``core.models.Role``."""

    ANYONE = "anyone"  # signed in or not
    SIGNED_IN = "signed_in"  # any person, even without a workspace
    ADMIN = "admin"
    ANALYST = "analyst"
    REVIEWER = "reviewer"
    REMEDIATION_OWNER = "remediation_owner"
    AGENT = "agent"  # checked by the ingest door itself: the token names one host


ROLES = frozenset(
    {Principal.ADMIN, Principal.ANALYST, Principal.REVIEWER, Principal.REMEDIATION_OWNER}
)
