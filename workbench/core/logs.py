"""Log lines that a hostile name cannot break into two."""

import logging


class OneLineFormatter(logging.Formatter):
    """Writes control characters as escapes, so that one record is one line (ASVS V16.4.1)."""

    def formatMessage(self, record: logging.LogRecord) -> str:
        """The formatted line without raw control characters."""
        line = super().formatMessage(record)
        return "".join(char if char.isprintable() else repr(char)[1:-1] for char in line)
