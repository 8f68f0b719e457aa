"""The worker thread of the embedded mode: due work first, then small regular duties."""

import logging
import threading
import time
from collections.abc import Callable

from django.conf import settings
from django.db import close_old_connections
from django.utils import timezone

from workbench.core.work import items, wake_thread

logger = logging.getLogger(__name__)

SLICE_ITEMS = 10  # pages get the database between slices
_duties: list[Callable[[], object]] = []


def each_sweep(duty: Callable[[], object]) -> None:
    """Let the worker thread call ``duty`` at every sweep (embedded mode's scheduler)."""
    _duties.append(duty)


def every(seconds: float, duty: Callable[[], object]) -> Callable[[], None]:
    """A duty for ``each_sweep`` that really works once in so many seconds."""
    due = 0.0

    def paced() -> None:
        nonlocal due
        if time.monotonic() >= due:
            due = time.monotonic() + seconds
            duty()

    return paced


def start() -> threading.Thread:
    """Start the worker thread; it ends with the process."""
    thread = threading.Thread(target=_work_for_ever, name="background-work", daemon=True)
    thread.start()
    return thread


def _work_for_ever() -> None:
    while True:
        _try(_serve_due)
        for duty in _duties:
            _try(duty)
        close_old_connections()
        wake_thread.wait(timeout_seconds=settings.WORK_SWEEP_SECONDS)


def _serve_due() -> None:
    while items.run_due(clock=timezone.now, limit=SLICE_ITEMS) == SLICE_ITEMS:
        pass


def _try(work: Callable[[], object]) -> None:
    """Whatever breaks, a locked database or a bug: the rest is still due, and this comes again."""
    try:
        work()
    except Exception:
        logger.exception("background work interrupted")
