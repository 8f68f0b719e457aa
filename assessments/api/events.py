"""Events of a host in the REST API: read-only, newest first."""

from typing import Any, ClassVar

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import generics, serializers

from agents.models import Event, Host
from agents.selectors.events import details_for, events_of
from assessments.api import filters
from assessments.api.views import caller_of, query, workspace_of


class EventSerializer(serializers.ModelSerializer[Event]):
    """One event. ``at`` is this server's time of it, ``source_at`` what the host's clock said."""

    details = serializers.SerializerMethodField()

    class Meta:
        model = Event
        fields: ClassVar = [
            "id",
            "event_id",
            "kind",
            "event_class",
            "stream",
            "at",
            "source_at",
            "skew_seconds",
            "count",
            "container_key",
            "details",
        ]
        read_only_fields = fields

    def get_details(self, event: Event) -> dict[str, Any]:
        """Who, where and what, as far as the caller's role may see it."""
        return details_for(event, role=caller_of(self.context["request"]).membership.role)


@extend_schema(
    parameters=[query("kind", "Kind of the events."), query("container", "Key of a container.")],
)
class HostEventList(generics.ListAPIView[Event]):
    """What happened on one host, newest first; 30 days are kept."""

    serializer_class = EventSerializer
    queryset = Event.unscoped.none()

    def get_queryset(self) -> QuerySet[Event]:
        """Filtered by kind and container."""
        if getattr(self, "swagger_fake_view", False):
            return self.queryset
        host = get_object_or_404(Host.objects.of(workspace_of(self.request)), pk=self.kwargs["pk"])
        rows = events_of(host)
        if kind := filters.text(self.request, "kind"):
            rows = rows.filter(kind=kind)
        if container := filters.text(self.request, "container"):
            rows = rows.filter(container_key=container)
        return rows
