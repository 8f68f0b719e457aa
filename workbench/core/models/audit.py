"""The audit log: what was changed, by whom, chained by hash so that a rewrite shows."""

from typing import Any, ClassVar, NoReturn

from django.db import models

from workbench.core.models.scope import ScopedManager
from workbench.core.models.workspace import Workspace


class AuditEntry(models.Model):
    """One change. ``hash`` covers every other column and the hash of the entry before it."""

    workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT, related_name="audit_entries")
    number = models.PositiveBigIntegerField()
    at = models.DateTimeField()
    actor = models.CharField(max_length=254)
    verb = models.CharField(max_length=80)
    target = models.CharField(max_length=200)
    before = models.JSONField(default=dict)
    after = models.JSONField(default=dict)
    reason = models.CharField(max_length=1000, blank=True)
    prev_hash = models.CharField(max_length=64)
    hash = models.CharField(max_length=64)

    unscoped: ClassVar[models.Manager["AuditEntry"]] = models.Manager()
    objects: ClassVar[ScopedManager["AuditEntry"]] = ScopedManager()

    class Meta:
        default_manager_name = "unscoped"
        ordering: ClassVar = ["workspace", "number"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["workspace", "number"], name="audit_number_gapless"),
        ]

    def __str__(self) -> str:
        return f"{self.number} {self.verb} {self.target}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Insert only.

        Raises:
            RuntimeError: when the entry was stored before.
        """
        if not self._state.adding:
            message = "an audit entry is never changed"
            raise RuntimeError(message)
        super().save(*args, **kwargs)

    def delete(self, *_args: Any, **_kwargs: Any) -> NoReturn:
        """Refused.

        Raises:
            RuntimeError: always.
        """
        message = "an audit entry is never deleted"
        raise RuntimeError(message)
