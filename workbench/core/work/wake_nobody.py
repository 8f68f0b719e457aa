"""No waking: tests run due work themselves."""


def wake() -> None:
    """Do nothing; the work item stands in the database."""
