"""Tables of the core: one module per idea."""

from workbench.core.models.attempt import Attempt
from workbench.core.models.audit import AuditEntry
from workbench.core.models.scope import ScopedManager, ScopedQuerySet
from workbench.core.models.token import ApiToken, OneTimeLogin
from workbench.core.models.user import User
from workbench.core.models.work import WorkItem
from workbench.core.models.workspace import Membership, Role, Workspace

__all__ = [
    "ApiToken",
    "Attempt",
    "AuditEntry",
    "Membership",
    "OneTimeLogin",
    "Role",
    "ScopedManager",
    "ScopedQuerySet",
    "User",
    "WorkItem",
    "Workspace",
]
