"""What is wrong with the text of an expression, and where."""

from typing import NoReturn


class ExpressionError(ValueError):
    """An expression that is refused. `column` counts from 1 in the text; 0 means the whole text."""

    def __init__(self, message: str, *, column: int = 0) -> None:
        """Keep the message and the place apart, so that an editor can point at it."""
        super().__init__(f"{message} (column {column})" if column else message)
        self.message = message
        self.column = column


def refuse(message: str, *, column: int = 0) -> NoReturn:
    """Raise ExpressionError for the text at `column`."""
    raise ExpressionError(message, column=column)
