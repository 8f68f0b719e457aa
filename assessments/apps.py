"""The assessments app: judging facts, scoring, reporting."""

from django.apps import AppConfig


class AssessmentsConfig(AppConfig):
    """Registers the app and what it does when facts change."""

    name = "assessments"
    verbose_name = "Assessments"

    def ready(self) -> None:
        """Subscribe to the work that lower apps ask for."""
        from assessments import handlers  # noqa: PLC0415 - models are loaded now

        handlers.subscribe()
