"""What this app tells higher apps, as kinds of work items; they subscribe."""

from typing import Final

# Key: the host's id. Sent when an index with a new number was linked.
FACTS_CHANGED: Final = "host.facts_changed"
