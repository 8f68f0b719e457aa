"""Typed readers for settings from the environment, and the list of all of them.

Each reader refuses an odd value instead of guessing. A secret may also come from a file named by
``<NAME>_FILE``, so that it never stands in a process listing. ``DECLARED`` collects name, default
and meaning of every setting; ``docs/settings.md`` is tested against it.
"""

import os
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured

TRUE_WORDS = frozenset({"1", "true", "yes", "on"})
FALSE_WORDS = frozenset({"0", "false", "no", "off"})


@dataclass(frozen=True, slots=True)
class Declared:
    """One setting as documented: its variable, default as text, and meaning."""

    name: str
    default: str
    meaning: str


DECLARED: dict[str, Declared] = {}


def text(name: str, default: str, meaning: str) -> str:
    """The variable as it stands."""
    DECLARED[name] = Declared(name, default, meaning)
    return os.environ.get(name, default)


def secret(name: str, meaning: str) -> str:
    """The variable, or the content of the file that ``<name>_FILE`` names; empty without both."""
    DECLARED[name] = Declared(name, "", meaning)
    path = os.environ.get(f"{name}_FILE")
    if path is None:
        return os.environ.get(name, "")
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except OSError as error:
        message = f"{name}_FILE cannot be read: {error.strerror}"
        raise ImproperlyConfigured(message) from error


def flag(name: str, default: str, meaning: str) -> bool:
    """``yes`` or ``no`` (also 1/0, true/false, on/off).

    Raises:
        ImproperlyConfigured: for any other word.
    """
    word = text(name, default, meaning).lower()
    if word in TRUE_WORDS:
        return True
    if word in FALSE_WORDS:
        return False
    message = f"{name} must be yes or no, not {word!r}"
    raise ImproperlyConfigured(message)


def integer(name: str, default: int, meaning: str, *, low: int, high: int) -> int:
    """A whole number from ``low`` to ``high``.

    Raises:
        ImproperlyConfigured: when it is no number or out of bounds.
    """
    raw = text(name, str(default), meaning)
    if not raw.isascii() or not raw.isdigit() or not low <= int(raw) <= high:
        message = f"{name} must be a whole number from {low} to {high}, not {raw!r}"
        raise ImproperlyConfigured(message)
    return int(raw)


def words(name: str, default: str, meaning: str) -> list[str]:
    """A comma-separated list without empty items."""
    return [word.strip() for word in text(name, default, meaning).split(",") if word.strip()]


def database(name: str, default: str, meaning: str) -> dict[str, object]:
    """A Django database entry from ``sqlite:///path`` or ``postgresql://user:pass@host:port/name``.

    A socket folder is given as ``?host=/run/postgresql``.

    Raises:
        ImproperlyConfigured: for another scheme.
    """
    parts = urlsplit(text(name, default, meaning))
    if parts.scheme == "sqlite":
        return sqlite(Path(unquote(parts.path)))
    if parts.scheme not in {"postgresql", "postgres"}:
        message = f"{name} must begin with sqlite:// or postgresql://"
        raise ImproperlyConfigured(message)
    socket_folder = unquote(parts.query.removeprefix("host=")) if parts.query else ""
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": parts.path.lstrip("/"),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": socket_folder or parts.hostname or "",
        "PORT": str(parts.port or ""),
        "CONN_MAX_AGE": 60,
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": {
            "connect_timeout": 5,  # seconds; a stopped server takes connections and says nothing
            "options": "-c lock_timeout=10s -c idle_in_transaction_session_timeout=60s",
        },
    }


def sqlite(path: Path) -> dict[str, object]:
    """A Django entry for SQLite with write-ahead log, full sync and immediate transactions.

    ``synchronous=FULL``: with NORMAL the last commits may vanish at power loss, and an agent has
    already deleted what we acknowledged.
    """
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": str(path),
        "OPTIONS": {
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
            "init_command": (
                "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON;"
                "PRAGMA cache_size=-32000; PRAGMA mmap_size=134217728;"
            ),
        },
    }
