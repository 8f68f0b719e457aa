#!/usr/bin/env python3
"""Command line of the workbench; ``manage.py help`` lists the words."""

import os
import sys


def main() -> None:
    """Run one management command with the embedded settings unless others are named."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "workbench.settings.embedded")
    from django.core.management import execute_from_command_line  # noqa: PLC0415 - needs settings

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
