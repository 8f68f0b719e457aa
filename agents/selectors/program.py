"""The agent's program as this server hands it out: one file, its digest and its version."""

import hashlib
import io
import re
import zipfile
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Final

from django.conf import settings

NAME: Final = "underpin-agent.pyz"
BUILD_COMMAND: Final = "python agents/host-agent/build.py"
VERSION_FILE: Final = "underpin_agent/__init__.py"
VERSION: Final = re.compile(rb"__version__ ?= ?[\"']([0-9A-Za-z.+-]{1,40})[\"']")


@dataclass(frozen=True)
class Program:
    """The built file: its bytes and their SHA-256."""

    body: bytes
    sha256: str

    @property
    def size_kib(self) -> int:
        """Size in KiB, rounded up."""
        return -(-len(self.body) // 1024)

    @cached_property
    def version(self) -> str:
        """The version written in it, or empty."""
        try:
            with zipfile.ZipFile(io.BytesIO(self.body)) as archive:
                found = VERSION.search(archive.read(VERSION_FILE))
        except (zipfile.BadZipFile, KeyError):
            return ""
        return found.group(1).decode() if found else ""


def program() -> Program | None:
    """The program as it lies on disk now, or None when it was not built."""
    path = Path(settings.BASE_DIR) / "dist" / NAME
    try:
        return _read(path, path.stat().st_mtime_ns)
    except OSError:
        return None


def served_version() -> str:
    """The version that hosts should run; empty when this server has no program."""
    built = program()
    return built.version if built else ""


def is_older(version: str, *, than: str) -> bool:
    """True when ``version`` comes before; words that are no numbers count as zero."""
    return _numbers(version) < _numbers(than)


def _numbers(version: str) -> tuple[int, ...]:
    parts = re.split(r"[-+]", version, maxsplit=1)[0].split(".")[:4]
    return tuple(int(part) if part.isascii() and part.isdigit() else 0 for part in parts)


@lru_cache(maxsize=2)
def _read(path: Path, _mtime_ns: int) -> Program:
    body = path.read_bytes()
    return Program(body, hashlib.sha256(body).hexdigest())
