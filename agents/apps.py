"""The agents app: hosts, enrolled agents, and facts as they arrive."""

from django.apps import AppConfig

TEND_SAMPLES_SECONDS = 600.0
SWEEP_EVENTS_SECONDS = 600.0
SWEEP_SILENCE_SECONDS = 30.0
SWEEP_BLOBS_SECONDS = 21_600.0


class AgentsConfig(AppConfig):
    """Registers the app; it stands on the core and knows nothing of assessments."""

    name = "agents"
    verbose_name = "Agents"

    def ready(self) -> None:
        """Give the worker thread its regular duties: last-seen times, samples, old events."""
        from agents.services.blob_sweep import blobs_sweep  # noqa: PLC0415 - models are loaded now
        from agents.services.event_retention import events_sweep  # noqa: PLC0415
        from agents.services.last_seen import write_last_seen  # noqa: PLC0415
        from agents.services.samples import samples_tend  # noqa: PLC0415
        from agents.services.silence import silence_sweep  # noqa: PLC0415
        from workbench.core.work import thread  # noqa: PLC0415

        thread.each_sweep(write_last_seen)
        thread.each_sweep(thread.every(SWEEP_SILENCE_SECONDS, silence_sweep))
        thread.each_sweep(thread.every(SWEEP_EVENTS_SECONDS, events_sweep))
        thread.each_sweep(thread.every(TEND_SAMPLES_SECONDS, samples_tend))
        thread.each_sweep(thread.every(SWEEP_BLOBS_SECONDS, blobs_sweep))
