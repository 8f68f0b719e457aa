"""Tables of judging and reporting: one module per idea."""

from assessments.models.finding import Finding
from assessments.models.judgement import AreaCount, Judgement
from assessments.models.report import Report, ReportState

__all__ = ["AreaCount", "Finding", "Judgement", "Report", "ReportState"]
