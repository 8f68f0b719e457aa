"""Waking the worker thread of the same process (embedded mode)."""

import threading

_work_is_waiting = threading.Event()


def wake() -> None:
    """Let the worker thread look now."""
    _work_is_waiting.set()


def wait(*, timeout_seconds: float) -> None:
    """Sleep until somebody wakes the thread or the time is over."""
    _work_is_waiting.wait(timeout_seconds)
    _work_is_waiting.clear()
