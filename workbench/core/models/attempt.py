"""Counters of sign-in attempts; see ``core.accounts.limiter``."""

from typing import ClassVar

from django.db import models


class Attempt(models.Model):
    """How often one hashed subject tried within one time slot."""

    subject = models.CharField(max_length=64)
    slot = models.BigIntegerField()
    count = models.PositiveIntegerField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["subject", "slot"], name="attempt_one_row_per_slot"),
        ]
        indexes: ClassVar = [models.Index(fields=["slot"], name="attempt_slot")]

    def __str__(self) -> str:
        return f"{self.count} in slot {self.slot}"
