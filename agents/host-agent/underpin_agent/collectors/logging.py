"""The ``logging`` section: records the host keeps, and how long they can be trusted."""

from . import audit_coverage, clock, journal, log_files, shipping
from .gathering import Gathering


def collect(context):
    """Read audit, journal, shipping, log files and clock; no line of any log is read."""
    host, gathering = context.host, Gathering("logging")
    audit_coverage.gather(gathering, context)
    journal.gather(gathering, context)
    shipping.gather(gathering, context)
    gathering.fact("files", lambda: log_files.rows(gathering, host))
    gathering.fact("rotation_running", lambda: log_files.rotation_running(host))
    clock.gather(gathering, context)
    return gathering.section
