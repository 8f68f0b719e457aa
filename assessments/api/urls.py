"""Addresses of the REST API (``/api/v1/``)."""

from django.urls import path
from drf_spectacular.views import SpectacularAPIView

from assessments.api import events, hosts, views
from assessments.api.docs import docs

app_name = "api"
urlpatterns = [
    path("schema/", SpectacularAPIView.as_view(), name="schema"),
    path("docs/", docs, name="docs"),
    path("hosts/", hosts.HostList.as_view(), name="host-list"),
    path("hosts/<uuid:pk>/", hosts.HostDetail.as_view(), name="host-detail"),
    path("hosts/<uuid:pk>/events/", events.HostEventList.as_view(), name="host-events"),
    path("hosts/<uuid:pk>/approve/", hosts.HostApprove.as_view(), name="host-approve"),
    path("hosts/<uuid:pk>/retire/", hosts.HostRetire.as_view(), name="host-retire"),
    path("hosts/<uuid:pk>/revoke-key/", hosts.HostRevokeKey.as_view(), name="host-revoke-key"),
    path("containers/", views.ContainerList.as_view(), name="container-list"),
    path("containers/<uuid:pk>/", views.ContainerDetail.as_view(), name="container-detail"),
    path("findings/", views.FindingList.as_view(), name="finding-list"),
    path("findings/<uuid:pk>/", views.FindingDetail.as_view(), name="finding-detail"),
    path("checks/", views.CheckList.as_view(), name="check-list"),
    path("checks/<slug:check_id>/", views.CheckDetail.as_view(), name="check-detail"),
    path("reports/", views.ReportList.as_view(), name="report-list"),
    path("reports/<uuid:pk>/", views.ReportDetail.as_view(), name="report-detail"),
    path("reports/<uuid:pk>/pdf/", views.ReportPdf.as_view(), name="report-pdf"),
]
