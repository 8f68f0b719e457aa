"""The agents app: hosts, enrolled agents, and facts as they arrive."""

from django.apps import AppConfig


class AgentsConfig(AppConfig):
    """Registers the app; it stands on the core and knows nothing of assessments."""

    name = "agents"
    verbose_name = "Agents"

    def ready(self) -> None:
        """Give the worker thread its regular duty: last-seen times go to the database."""
        from agents.services.last_seen import write_last_seen  # noqa: PLC0415 - models are loaded now
        from workbench.core.work import thread  # noqa: PLC0415

        thread.each_sweep(write_last_seen)
