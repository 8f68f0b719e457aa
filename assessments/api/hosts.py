"""Hosts in the REST API: read them, say how critical they are, let them in and send them away."""

import uuid
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, cast

from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import generics
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from agents.models import Host, HostState
from agents.services.host_assignment import Assignment, host_assign
from agents.services.hosts import agent_revoke, host_approve, host_retire
from assessments.api import filters
from assessments.api.serializers import HostChangeSerializer, HostSerializer
from assessments.api.views import caller_of, query, workspace_of


@extend_schema(parameters=[query("q", "Part of the name."), query("state", "State of the host.")])
class HostList(generics.ListAPIView[Host]):
    """The hosts of the workspace by name; retired ones only when their state is asked for."""

    serializer_class = HostSerializer
    queryset = Host.unscoped.none()

    def get_queryset(self) -> QuerySet[Host]:
        """Filtered by name and state."""
        rows = Host.objects.of(workspace_of(self.request)).select_related("live")
        state = filters.choice(self.request, "state", HostState.values)
        rows = rows.filter(state=state) if state else rows.exclude(state=HostState.RETIRED)
        if words := filters.text(self.request, "q"):
            rows = rows.filter(name__icontains=words)
        return rows.order_by("name", "pk")


class HostDetail(generics.RetrieveAPIView[Host]):
    """One host."""

    serializer_class = HostSerializer
    queryset = Host.unscoped.none()

    def get_queryset(self) -> QuerySet[Host]:
        """The hosts of the workspace."""
        return Host.objects.of(workspace_of(self.request)).select_related("live")

    @extend_schema(request=HostChangeSerializer, responses=HostSerializer)
    def patch(self, request: Request, pk: uuid.UUID) -> Response:
        """Say how critical the host is, and give or take labels; its findings are judged anew."""
        body = HostChangeSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        fields = cast("dict[str, Any]", body.validated_data)
        labels = fields.get("labels", {})
        wanted = Assignment(
            criticality=fields.get("criticality", ""),
            add={name: value for name, value in labels.items() if value is not None},
            remove=[name for name, value in labels.items() if value is None],
        )
        host_assign(caller_of(request), [pk], wanted, now=timezone.now())
        return Response(HostSerializer(self.get_object()).data)


class HostAction(APIView):
    """One change of one host; the answer is the host as it stands then."""

    service: ClassVar[Callable[..., int]]

    def act(self, request: Request, pk: uuid.UUID) -> Response:
        """Call the service."""
        ids: Sequence[uuid.UUID] = [pk]
        type(self).service(caller_of(request), ids, now=timezone.now())
        rows = Host.objects.of(workspace_of(request)).select_related("live")
        return Response(HostSerializer(rows.get(pk=pk)).data)


class HostApprove(HostAction):
    """Lets a host in that waits for approval."""

    service = staticmethod(host_approve)

    @extend_schema(request=None, responses=HostSerializer, operation_id="hosts_approve")
    def post(self, request: Request, pk: uuid.UUID) -> Response:
        """Let the host in; 409 when it does not wait."""
        return self.act(request, pk)


class HostRetire(HostAction):
    """Ends a host; there is no way back but to enrol it as another."""

    service = staticmethod(host_retire)

    @extend_schema(request=None, responses=HostSerializer, operation_id="hosts_retire")
    def post(self, request: Request, pk: uuid.UUID) -> Response:
        """End the host: its agent erases its key, its findings count nowhere; history is kept."""
        return self.act(request, pk)


class HostRevokeKey(HostAction):
    """Takes the key of a host's agent back."""

    service = staticmethod(agent_revoke)

    @extend_schema(request=None, responses=HostSerializer, operation_id="hosts_revoke_key")
    def post(self, request: Request, pk: uuid.UUID) -> Response:
        """Take the key back: the agent sends nothing more; 409 when it was revoked before."""
        return self.act(request, pk)
