"""Addresses of the pages of assessments, and of the API's settings."""

from django.urls import path

from assessments.web import api_tokens, host_actions, reports, views

urlpatterns = [
    path("", views.overview, name="overview"),
    path("hosts/", views.hosts, name="hosts"),
    path("hosts/assign/", host_actions.hosts_assign, name="hosts-assign"),
    path("hosts/move/", host_actions.hosts_move, name="hosts-move"),
    path("hosts/<uuid:pk>/", views.host, name="host"),
    path("containers/", views.containers, name="containers"),
    path("containers/<uuid:pk>/", views.container, name="container"),
    path("findings/", views.findings, name="findings"),
    path("findings/<uuid:pk>/", views.finding, name="finding"),
    path("reports/", reports.reports, name="reports"),
    path("reports/<uuid:pk>/", reports.report, name="report"),
    path("reports/<uuid:pk>/pdf/", reports.report_pdf, name="report-pdf"),
    path("settings/api-tokens/", api_tokens.api_tokens, name="api-tokens"),
    path(
        "settings/api-tokens/<uuid:pk>/revoke/",
        api_tokens.revoke_api_token,
        name="revoke-api-token",
    ),
]
