"""Celery's part in the agents app."""

from celery import shared_task

from agents.services.blob_sweep import blobs_sweep
from agents.services.event_retention import events_sweep
from agents.services.last_seen import write_last_seen as write
from agents.services.samples import samples_tend
from agents.services.silence import silence_sweep


@shared_task(name="agents.write_last_seen", ignore_result=True)
def write_last_seen() -> int:
    """Move last-seen times from the live store to the database; a second run finds nothing."""
    return write()


@shared_task(name="agents.tend_samples", ignore_result=True)
def tend_samples() -> int:
    """Roll samples up and drop old ones; a second run finds nothing."""
    return samples_tend()


@shared_task(name="agents.sweep_events", ignore_result=True)
def sweep_events() -> int:
    """Delete events whose time is over, some slices at a time; a second run finds fewer or none."""
    return events_sweep()


@shared_task(name="agents.sweep_silence", ignore_result=True)
def sweep_silence() -> int:
    """Note who fell silent and who is back; a second run finds nobody."""
    return silence_sweep()


@shared_task(name="agents.sweep_blobs", ignore_result=True)
def sweep_blobs() -> int:
    """Delete bodies that no host ever linked; a second run finds fewer or none."""
    return blobs_sweep()
