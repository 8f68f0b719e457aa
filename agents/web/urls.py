"""Addresses of the pages for adding hosts."""

from django.urls import path

from agents.web import settings, views

urlpatterns = [
    path("enrol/", views.enrol, name="enrol"),
    path("enrol/arrivals/", views.enrol_arrivals, name="enrol-arrivals"),
    path(
        "enrol/tokens/<uuid:pk>/revoke/",
        views.revoke_enrolment_token,
        name="revoke-enrolment-token",
    ),
    path("settings/agents/", settings.agent_settings, name="agent-settings"),
    path("agent/daemonset.yaml", views.agent_daemonset, name="agent-daemonset"),
    path("agent/underpin-agent.pyz", views.agent_download, name="agent-download"),
]
