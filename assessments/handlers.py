"""What this app does when lower apps report that something happened."""

from agents.services.events import ASSIGNMENT_CHANGED, FACTS_CHANGED, SAMPLES_CHANGED
from assessments.services.events import REPORT_REQUESTED
from assessments.services.host_judge import host_judge, host_judge_again
from assessments.services.reports import report_render
from workbench.core.work import items


def subscribe() -> None:
    """Name the service that serves each kind of work."""
    items.subscribe(FACTS_CHANGED, host_judge)
    items.subscribe(ASSIGNMENT_CHANGED, host_judge)
    items.subscribe(SAMPLES_CHANGED, host_judge_again)
    items.subscribe(REPORT_REQUESTED, report_render)
