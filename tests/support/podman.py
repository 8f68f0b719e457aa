"""Podman with storage of its own, for root or for one user; containers have no network.

Nothing of the machine's own podman is touched. The limits are named because podman's defaults lie
above what a sandboxed root may set.
"""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support import tools
from tests.support.docker import busybox_archive, sweep

IMAGE = "localhost/underpin-test:1"
COMMAND_TIMEOUT_SECONDS = 60
LIMITS = ("--ulimit=nofile=1024:1024", "--ulimit=nproc=1024:1024")


class PodmanError(Exception):
    """A podman command failed; the text is what it said."""


@dataclass(frozen=True, slots=True)
class Podman:
    """Podman of ``uid``, everything below ``folder``."""

    folder: Path
    uid: int = 0

    def command(self, *arguments: str) -> list[str]:
        """The command line; a user's podman finds its storage by the home folder."""
        chosen = ["--storage-driver=vfs", "--cgroup-manager=cgroupfs", "--events-backend=file"]
        chosen.append(f"--runtime={tools.RUNC.require()}")  # crun refuses hybrid hosts
        if self.uid == 0:
            chosen += [f"--root={self.folder}/g", f"--runroot={self.folder}/r"]
            chosen += [f"--tmpdir={self.folder}/t"]
        return [str(tools.PODMAN.require()), *chosen, *arguments]

    def podman(self, *arguments: str, feed: bytes | None = None) -> str:
        """Run one podman command and return what it printed.

        Raises:
            PodmanError: when it fails.
        """
        home = {"HOME": str(self.folder), "XDG_RUNTIME_DIR": str(self.folder)}
        done = subprocess.run(
            self.command(*arguments),
            input=feed,
            capture_output=True,
            timeout=COMMAND_TIMEOUT_SECONDS,
            cwd=self.folder,
            env={"PATH": os.environ["PATH"], **(home if self.uid else {})},
            user=self.uid,
            group=self.uid,
            extra_groups=[],
            check=False,
        )
        if done.returncode != 0:
            message = f"podman {' '.join(arguments)}: {done.stderr.decode(errors='replace')}"
            raise PodmanError(message)
        return done.stdout.decode().strip()

    def run(self, name: str, *options: str) -> str:
        """Start a container in the background and return its full id."""
        chosen = ("--network=none", *LIMITS, *options)
        said = self.podman("run", "-d", "--name", name, *chosen, IMAGE, "sleep", "1000000")
        return said.splitlines()[-1]


@contextmanager
def installed(folder: Path, *, uid: int = 0) -> Iterator[Podman]:
    """Podman with one image below ``folder``, which is made here and removed afterwards."""
    folder.mkdir(mode=0o700)
    os.chown(folder, uid, uid)
    one = Podman(folder, uid)
    try:
        one.podman("import", "-", IMAGE, feed=busybox_archive())
        yield one
        one.podman("rm", "--all", "--force", "--time=0")
    finally:
        sweep(folder)
