"""What must not leave the host: arguments, values of the environment, credentials in options."""

import re

SECRET_OPTION = re.compile(
    r"^(?:pass(?:word|wd)?\d?|secret(?:file)?|cred(?:entials)?|username|user|key(?:ring)?|token)="
    r"|^(?:ip|addr|clientaddr|mountaddr)=",
    re.IGNORECASE,
)


def command(arguments):
    """argv[0] only; ``""`` for a process without arguments."""
    return arguments[0] if arguments else ""


def environment_names(rows):
    """Sorted names of ``NAME=value`` rows, never a value."""
    return sorted({row.partition("=")[0] for row in rows if isinstance(row, str) and row})


def mount_options(options):
    """Sorted mount options without credentials, users and addresses."""
    return sorted({option for option in options if not SECRET_OPTION.match(option)})
