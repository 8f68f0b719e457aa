"""Addresses of the core's own pages."""

from django.urls import path

from workbench.core.web import views

urlpatterns = [
    path("login/once/<str:secret>/", views.one_time_login, name="one-time-login"),
    path("workspace/", views.choose_workspace, name="choose-workspace"),
    path("health/", views.health, name="health"),
    path("csp-report/", views.csp_report, name="csp-report"),
]
