"""The five levels of NIST SP 800-30 r1, used for likelihood, impact and risk alike."""

from enum import IntEnum

LOWEST, HIGHEST = 1, 5


class Level(IntEnum):
    """A level with its word and its semi-quantitative value (SP 800-30 r1, appendices G to I)."""

    VERY_LOW = 1
    LOW = 2
    MODERATE = 3
    HIGH = 4
    VERY_HIGH = 5

    @property
    def word(self) -> str:
        """The word that stands beside the number wherever a level is shown."""
        return _WORDS[self]

    @property
    def value_of_ten(self) -> int:
        """The value on the scale from 0 to 10."""
        return _VALUES[self]

    @property
    def bin_of_hundred(self) -> tuple[int, int]:
        """The first and last value of the level on the scale from 0 to 100."""
        return _BINS[self]


def clipped(value: int) -> Level:
    """Return the level nearest to `value`."""
    return Level(min(max(value, LOWEST), HIGHEST))


def level_at(value: float) -> Level:
    """Return the level of a value from 0 to 100. Raises ValueError outside that scale."""
    if not 0 <= value <= _BINS[Level.VERY_HIGH][1]:
        message = f"{value} is not between 0 and 100"
        raise ValueError(message)
    return max(level for level, (first, _) in _BINS.items() if value >= first)


_WORDS = {
    Level.VERY_LOW: "Very low",
    Level.LOW: "Low",
    Level.MODERATE: "Moderate",
    Level.HIGH: "High",
    Level.VERY_HIGH: "Very high",
}
_VALUES = {
    Level.VERY_LOW: 0,
    Level.LOW: 2,
    Level.MODERATE: 5,
    Level.HIGH: 8,
    Level.VERY_HIGH: 10,
}
_BINS = {
    Level.VERY_LOW: (0, 4),
    Level.LOW: (5, 20),
    Level.MODERATE: (21, 79),
    Level.HIGH: (80, 95),
    Level.VERY_HIGH: (96, 100),
}
