"""Managers that demand a workspace, so that no query forgets whose rows it reads."""

from typing import TYPE_CHECKING, Self, TypeVar

from django.db import models

if TYPE_CHECKING:
    from workbench.core.models.workspace import Workspace

Row = TypeVar("Row", bound=models.Model, covariant=True)


class ScopedQuerySet(models.QuerySet[Row]):
    """A queryset that can be narrowed to one workspace."""

    def of(self, workspace: "Workspace") -> Self:
        """Only the rows of ``workspace``."""
        return self.filter(workspace=workspace)


class ScopedManager(models.Manager[Row]):
    """``Model.objects``: nothing can be read through it before ``of(workspace)`` was said.

    ``Model.unscoped`` reads over all workspaces; only migrations, background work that holds ids of
    its own, and the ingest door (whose token names the host) may use it.
    """

    def get_queryset(self) -> ScopedQuerySet[Row]:
        """Refuses unscoped reads.

        Raises:
            RuntimeError: always; the message says what to write instead.
        """
        message = f"use {self.model.__name__}.objects.of(workspace)"
        raise RuntimeError(message)

    def of(self, workspace: "Workspace") -> ScopedQuerySet[Row]:
        """All rows of ``workspace``."""
        return ScopedQuerySet(self.model, using=self._db).of(workspace)
