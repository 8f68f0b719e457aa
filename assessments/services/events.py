"""Kinds of work items that this app asks for itself."""

from typing import Final

# Key: the report's id.
REPORT_REQUESTED: Final = "report.requested"
