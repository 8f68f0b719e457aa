"""What this app tells higher apps, as kinds of work items; they subscribe."""

from typing import Final

# Key: the host's id. Sent when an index with a new number was linked.
FACTS_CHANGED: Final = "host.facts_changed"
# Key: the host's id. Sent when a person changed its criticality or a label that checks read.
ASSIGNMENT_CHANGED: Final = "host.assignment_changed"
# Key: the host's id. Sent with the first sample of each hour: what is consumed is judged hourly.
SAMPLES_CHANGED: Final = "host.samples_changed"
