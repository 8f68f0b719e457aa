"""All addresses for people and programs; agents have their own (``agents.api.ingest_urls``)."""

from django.urls import include, path

urlpatterns = [
    path("", include("assessments.web.urls")),
    path("", include("agents.web.urls")),
    path("", include("workbench.core.web.urls")),
    path("account/", include("allauth.urls")),
    path("api/v1/", include("assessments.api.urls")),
]

handler400 = "workbench.core.web.errors.bad_request"
handler404 = "workbench.core.web.errors.not_found"
handler500 = "workbench.core.web.errors.server_error"
