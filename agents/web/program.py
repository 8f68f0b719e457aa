"""The agent's program as the server hands it out: one file, with its digest."""

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final

from django.conf import settings

NAME: Final = "underpin-agent.pyz"
BUILD_COMMAND: Final = "python agents/host-agent/build.py"


@dataclass(frozen=True, slots=True)
class Program:
    """The built file: its bytes and their SHA-256."""

    body: bytes
    sha256: str

    @property
    def size_kib(self) -> int:
        """Size in KiB, rounded up."""
        return -(-len(self.body) // 1024)


def program() -> Program | None:
    """The program as it lies on disk now, or None when it was not built."""
    path = Path(settings.BASE_DIR) / "dist" / NAME
    try:
        return _read(path, path.stat().st_mtime_ns)
    except OSError:
        return None


@lru_cache(maxsize=2)
def _read(path: Path, _mtime_ns: int) -> Program:
    body = path.read_bytes()
    return Program(body, hashlib.sha256(body).hexdigest())
