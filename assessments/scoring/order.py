"""The order in which findings are shown: what matters most comes first."""

from datetime import datetime

from assessments.scoring.levels import Level

OrderKey = tuple[int, int, int, float]


def order_key(
    *, likelihood: Level, impact: Level, level: Level, reach: int, first_seen: datetime
) -> OrderKey:
    """Return a key for an ascending sort: level, likelihood times impact, reach, then age.

    `reach` is how many targets the subject can influence; older findings come first. Raises
    ValueError for a time without zone.
    """
    if first_seen.tzinfo is None:
        message = "a time needs its zone"
        raise ValueError(message)
    return (-level, -likelihood * impact, -reach, first_seen.timestamp())
