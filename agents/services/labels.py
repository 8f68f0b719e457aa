"""Labels of hosts: short words that people filter and group by, ``env=prod``."""

import re
from collections.abc import Mapping
from typing import Final

from agents.facts.containers import LABELS
from workbench.core.errors import Invalid

MAX_LABELS: Final = 32
MAX_VALUE_CHARACTERS: Final = 120
KEY: Final = re.compile(r"[A-Za-z][A-Za-z0-9_./-]{0,62}")


def checked_labels(labels: Mapping[str, str]) -> dict[str, str]:
    """The labels by name, without blanks around the values.

    Raises:
        Invalid: for a name, a value or a number of labels that cannot be.
    """
    found = {name: value.strip() for name, value in sorted(labels.items())}
    if len(found) > MAX_LABELS:
        message = f"a host has at most {MAX_LABELS} labels"
        raise _wrong(message)
    for name, value in found.items():
        check_name(name)
        if not value or len(value) > MAX_VALUE_CHARACTERS or not value.isprintable():
            message = f"give the label {name} a value of 1 to {MAX_VALUE_CHARACTERS} characters"
            raise _wrong(message)
        allowed = LABELS.get(name)
        if allowed is not None and value not in allowed:
            words = ", ".join(sorted(allowed))
            message = f"checks read the label {name}: give it one of {words}"
            raise _wrong(message)
    return found


def check_name(name: str) -> None:
    """Accept the name of a label.

    Raises:
        Invalid: when it is none.
    """
    if not KEY.fullmatch(name):
        message = f"“{name[:63]}” is no name of a label: a letter, then letters, digits and _ . / -"
        raise _wrong(message)


def labels_from(text: str) -> dict[str, str]:
    """Labels written as ``env=prod, rack=4`` or one on each line.

    Raises:
        Invalid: for a part without a name, an equals sign and a value.
    """
    found: dict[str, str] = {}
    for part in re.split(r"[,\n]", text):
        if not part.strip():
            continue
        name, sign, value = part.partition("=")
        if not sign:
            message = f"write “{part.strip()[:60]}” as name=value"
            raise _wrong(message)
        found[name.strip()] = value.strip()
    return checked_labels(found)


def _wrong(message: str) -> Invalid:
    return Invalid(message, fields={"labels": message})
