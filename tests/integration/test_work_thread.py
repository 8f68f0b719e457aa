"""The worker thread of the embedded mode outlives whatever one of its duties does."""

import pytest

from workbench.core.work import items, thread, wake_thread


class Ended(BaseException):
    """Ends the endless loop of the test."""


def test_a_duty_that_breaks_does_not_end_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []

    def broken() -> None:
        calls.append("broken")
        message = "a duty with a bug"
        raise ValueError(message)

    def wait(*, timeout_seconds: float) -> None:
        calls.append("waited")
        if calls.count("waited") == 2:
            raise Ended

    monkeypatch.setattr(thread, "_duties", [broken, lambda: calls.append("next duty")])
    monkeypatch.setattr(items, "run_due", lambda **_: 0)
    monkeypatch.setattr(thread, "close_old_connections", lambda: None)
    monkeypatch.setattr(wake_thread, "wait", wait)
    with pytest.raises(Ended):
        thread._work_for_ever()
    assert calls == ["broken", "next duty", "waited"] * 2
