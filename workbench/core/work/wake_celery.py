"""Waking Celery workers (production). The message carries no work, only "look now"."""

import logging

from celery import current_app
from kombu.exceptions import OperationalError

logger = logging.getLogger(__name__)


def wake() -> None:
    """Send the wake-up; with Redis down the sweep of the scheduler finds the work instead."""
    try:
        current_app.send_task("workbench.look_now", ignore_result=True, retry=False)
    except (OperationalError, OSError):
        logger.warning("wake-up not sent, the sweep will find the work")
