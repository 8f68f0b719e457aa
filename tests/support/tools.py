"""The system programs that the tests need, and the Debian packages that bring them.

One list for the installer (``scripts/install_test_tools.py``) and for the services here, so that a
missing program is named the same way everywhere. Standard library only: the installer runs first.
"""

import shutil
from dataclasses import dataclass
from pathlib import Path


class MissingProgramError(Exception):
    """A program that a test needs is not on this machine; the text says what to install."""


@dataclass(frozen=True, slots=True)
class Tool:
    """One need of the tests: any of ``programs`` on the path or in ``folders`` fulfils it."""

    purpose: str
    programs: tuple[str, ...]
    packages: tuple[str, ...]
    folders: tuple[str, ...] = ()

    def find(self) -> Path | None:
        """Where the program is, or None."""
        for program in self.programs:
            found = shutil.which(program)
            if found:
                return Path(found)
            for pattern in self.folders:
                for candidate in sorted(Path("/").glob(f"{pattern.lstrip('/')}/{program}")):
                    return candidate
        return None

    def require(self) -> Path:
        """Where the program is.

        Raises:
            MissingProgramError: when it is nowhere.
        """
        found = self.find()
        if found is None:
            message = (
                f"{self.purpose} needs {self.programs[0]}: "
                f"apt-get install {' '.join(self.packages)} (or run: make test)"
            )
            raise MissingProgramError(message)
        return found


POSTGRES_FOLDERS = ("/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin")
SBIN = ("/usr/sbin", "/sbin")

INITDB = Tool("The throw-away PostgreSQL", ("initdb",), ("postgresql",), POSTGRES_FOLDERS)
POSTGRES = Tool("The throw-away PostgreSQL", ("postgres",), ("postgresql",), POSTGRES_FOLDERS)
REDIS = Tool("The throw-away Redis", ("redis-server",), ("redis-server",))
DOCKERD = Tool("The throw-away docker engine", ("dockerd",), ("docker.io",), SBIN)
DOCKER = Tool("The throw-away docker engine", ("docker",), ("docker.io", "docker-cli"))
CONTAINERD = Tool("The throw-away docker engine", ("containerd",), ("containerd",))
CTR = Tool("The tests on containerd's containers", ("ctr",), ("containerd",))
RUNC = Tool("The throw-away docker engine", ("runc",), ("runc",), SBIN)
BUSYBOX = Tool("The image of the test containers", ("busybox",), ("busybox-static",))
PODMAN = Tool("The tests on podman's containers", ("podman",), ("podman",))
CHROMIUM = Tool(
    "The browser tests", ("chromium", "google-chrome-stable"), ("chromium", "fonts-dejavu-core")
)
PDFTOPPM = Tool("The report tests", ("pdftoppm",), ("poppler-utils",))
SYSTEM_PYTHON = Tool("The agent in a container", ("/usr/bin/python3",), ("python3-minimal",))
SETPRIV = Tool("Starting services", ("setpriv",), ("util-linux",))

ALL = (
    INITDB,
    POSTGRES,
    REDIS,
    DOCKERD,
    DOCKER,
    CONTAINERD,
    RUNC,
    BUSYBOX,
    CTR,
    PODMAN,
    CHROMIUM,
    PDFTOPPM,
    SYSTEM_PYTHON,
    SETPRIV,
)
