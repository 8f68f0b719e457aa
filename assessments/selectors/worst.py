"""The worst open finding of a host or container, as a part of queries on those."""

from django.db.models import OuterRef, Subquery
from django.db.models.functions import Coalesce

from assessments.models import Finding


def worst_of(column: str) -> Coalesce:
    """Subquery: the worst open level of the outer row's findings, 0 when nothing fails."""
    mine = Finding.unscoped.filter(**{f"{column}_id": OuterRef("pk")}, closed_at__isnull=True)
    return Coalesce(Subquery(mine.order_by("-level").values("level")[:1]), 0)
