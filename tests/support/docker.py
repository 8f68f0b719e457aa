"""A throw-away docker engine with its own data, socket and containerd; containers have no network.

It needs root. The engine starts its own containerd; ``vfs`` works on every file system, and without
bridge and iptables nothing of the machine's network is touched.
"""

import os
import shutil
import signal
import subprocess
import tarfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from tests.support import process, tools

IMAGE = "underpin-test/base:1"
APPLETS = ("sh", "sleep", "cat", "id", "ls", "mount", "httpd", "nc", "true", "ps", "kill", "touch")
ACCOUNT_FILES = {
    "etc/passwd": b"root:x:0:0:root:/:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/sh\n",
    "etc/group": b"root:x:0:\nnobody:x:65534:\n",
}
COMMAND_TIMEOUT_SECONDS = 60
START_SECONDS = 60
STOP_SECONDS = 20


class DockerError(Exception):
    """A docker command failed; the text is what it said."""


@dataclass(frozen=True, slots=True)
class DockerEngine:
    """A running engine. ``image`` is a busybox image made on this machine."""

    folder: Path
    image: str = IMAGE

    @property
    def socket(self) -> Path:
        """The engine's API socket."""
        return self.folder / "s"

    @property
    def host(self) -> str:
        """What ``DOCKER_HOST`` takes."""
        return f"unix://{self.socket}"

    def docker(self, *arguments: str, feed: bytes | None = None) -> str:
        """Run one docker command and return what it printed.

        Raises:
            DockerError: when it fails.
        """
        done = subprocess.run(
            [tools.DOCKER.require(), "-H", self.host, *arguments],
            input=feed,
            capture_output=True,
            timeout=COMMAND_TIMEOUT_SECONDS,
            check=False,
        )
        if done.returncode != 0:
            message = f"docker {' '.join(arguments)}: {done.stderr.decode(errors='replace')}"
            raise DockerError(message)
        return done.stdout.decode().strip()

    def run(self, name: str, *options: str, command: tuple[str, ...] = ("sleep", "1000000")) -> str:
        """Start a container in the background and return its full id.

        Without a ``--network`` among ``options`` it has none: the engine has no bridge.
        """
        network = [] if any(o.startswith(("--network", "--net")) for o in options) else ["none"]
        chosen = [f"--network={word}" for word in network]
        return self.docker("run", "-d", "--name", name, *chosen, *options, self.image, *command)

    def remove(self, *names: str) -> None:
        """Stop and delete containers at once."""
        self.docker("rm", "--force", "--volumes", *names)

    def remove_all(self) -> None:
        """Stop and delete every container of this engine."""
        names = self.docker("ps", "--all", "--quiet").split()
        if names:
            self.remove(*names)

    def main_pid(self, name: str) -> int:
        """The process id of the container's first process, as the host sees it."""
        return int(self.docker("inspect", "--format", "{{.State.Pid}}", name))

    def answers(self) -> bool:
        """Whether the engine takes commands yet."""
        if not self.socket.exists():
            return False
        try:
            self.docker("version", "--format", "{{.Server.Version}}")
        except DockerError:
            return False
        return True


def busybox_archive() -> bytes:
    """A root file system of one static busybox, its applets as links, and two accounts."""
    buffer = BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, mode in (("bin", 0o755), ("etc", 0o755), ("proc", 0o555), ("tmp", 0o1777)):
            folder = tarfile.TarInfo(name)
            folder.type, folder.mode = tarfile.DIRTYPE, mode
            archive.addfile(folder)
        archive.add(tools.BUSYBOX.require().resolve(), "bin/busybox")
        for applet in APPLETS:
            link = tarfile.TarInfo(f"bin/{applet}")
            link.type, link.linkname = tarfile.SYMTYPE, "busybox"
            archive.addfile(link)
        for name, text in ACCOUNT_FILES.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(text), 0o644
            archive.addfile(entry, BytesIO(text))
    return buffer.getvalue()


def mounts_below(folder: Path) -> list[str]:
    """Mount points below ``folder``, deepest first (proc_pid_mountinfo(5), field 5)."""
    lines = Path("/proc/self/mountinfo").read_text().splitlines()
    points = [line.split()[4] for line in lines]
    return sorted((p for p in points if p.startswith(f"{folder}/")), key=len, reverse=True)


def processes_of(folder: Path) -> list[int]:
    """Processes started with a path below ``folder`` in their command line: engine and shims."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                command = (entry / "cmdline").read_bytes()
            except OSError:  # It ended between the two reads.
                continue
            if f"{folder}/".encode() in command:
                found.append(int(entry.name))
    return found


def sweep(folder: Path) -> None:
    """Remove what an engine that was killed leaves behind: shims, mounts, files."""
    deadline = time.monotonic() + 5
    while (left := processes_of(folder)) and time.monotonic() < deadline:
        for pid in left:
            with_signal(pid, signal.SIGKILL)
        time.sleep(process.POLL_SECONDS)
    for point in mounts_below(folder):
        subprocess.run(["umount", "--lazy", point], capture_output=True, check=False)
    shutil.rmtree(folder, ignore_errors=True)


def with_signal(pid: int, number: signal.Signals) -> None:
    """Send a signal to a process that may be gone by now."""
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return


def engine_command(folder: Path) -> list[str | Path]:
    """The command line of the engine; short names keep its sockets below 108 bytes."""
    return [
        tools.DOCKERD.require(),
        f"--data-root={folder / 'd'}",
        f"--exec-root={folder / 'x'}",
        f"--pidfile={folder / 'p'}",
        f"--host=unix://{folder / 's'}",
        "--storage-driver=vfs",
        "--iptables=false",
        "--bridge=none",
        "--exec-opt=native.cgroupdriver=cgroupfs",
    ]


@contextmanager
def running(folder: Path) -> Iterator[DockerEngine]:
    """An engine with everything below ``folder``, which is made here and removed afterwards.

    Raises:
        tools.MissingProgramError: when the engine is not installed.
        process.ServiceError: when it does not come up, as without root.
    """
    for tool in (tools.DOCKER, tools.CONTAINERD, tools.RUNC):
        tool.require()
    if os.geteuid() != 0:
        message = "the throw-away docker engine needs root: run the tests as root"
        raise process.ServiceError(message)
    engine = DockerEngine(folder)
    folder.mkdir(mode=0o700)
    service = process.start("dockerd", engine_command(folder), log=folder / "log")
    try:
        process.wait_until_ready(service, engine.answers, seconds=START_SECONDS)
        engine.docker("import", "-", IMAGE, feed=busybox_archive())
        yield engine
        engine.remove_all()
    finally:
        service.stop(ask=signal.SIGTERM, grace_seconds=STOP_SECONDS)
        sweep(folder)
