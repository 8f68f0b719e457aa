"""The agent of this machine in the embedded mode: enrolled and run by the server itself."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

from django.conf import settings

from agents.models import Agent, EnrolmentToken
from agents.services.enrolment_tokens import hash_of
from workbench.core.models import Workspace

BUILDER = Path(settings.BASE_DIR) / "agents" / "host-agent" / "build.py"
UNIT = Path(settings.BASE_DIR) / "deploy" / "underpin-agent.service"
PROGRAM = Path(settings.BASE_DIR) / "dist" / "underpin-agent.pyz"
TOKEN_LIFETIME = timedelta(hours=1)
STOP_SECONDS = 5


def program_path() -> Path:
    """Where the agent program is built: with the source, or where that may not be written with
    the data of whoever runs this."""
    if os.access(PROGRAM.parent if PROGRAM.parent.is_dir() else settings.BASE_DIR, os.W_OK):
        return PROGRAM
    return Path(settings.DATA_DIR) / PROGRAM.name


def program_build() -> Path:
    """The agent program, built from its source when that is newer: a build takes two seconds."""
    path = program_path()
    newest = max(source.stat().st_mtime for source in program_sources())
    if not path.exists() or path.stat().st_mtime <= newest:
        subprocess.run(
            [sys.executable, str(BUILDER), "--output", str(path)],
            check=True,
            stdout=subprocess.DEVNULL,
        )
    return path


def program_sources() -> list[Path]:
    """The files that the program is built from."""
    return [UNIT, *BUILDER.parent.rglob("*.py")]


def token_for_this_machine(workspace: Workspace, *, now: datetime, secret: str) -> None:
    """Let one host join within the hour with ``secret``."""
    EnrolmentToken.unscoped.filter(name="This machine", expires_at__lt=now).delete()
    EnrolmentToken.unscoped.create(
        workspace=workspace,
        name="This machine",
        secret_hash=hash_of(secret),
        max_uses=1,
        created_at=now,
        expires_at=now + TOKEN_LIFETIME,
    )


def is_enrolled(state_folder: Path, *, server: str) -> bool:
    """True when the agent's state names a host that this database still knows.

    The agent keeps its key for one server address only. This server is the same on another port, so
    the address in the state follows it.
    """
    path = state_folder / "identity.json"
    try:
        state = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    host_id = str(state.get("host_id", "")) if isinstance(state, dict) else ""
    if not host_id or not Agent.objects.filter(host_id=host_id, revoked_at=None).exists():
        return False
    if state.get("server") != server:
        replaced = path.with_suffix(".new")
        replaced.touch(mode=0o600)
        replaced.write_text(json.dumps({**state, "server": server}), encoding="utf-8")
        replaced.replace(path)
    return True


@contextmanager
def running(*, server: str, state_folder: Path, secret: str) -> Iterator[None]:
    """The agent as a child process that ends with the block."""
    state_folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    arguments = [
        sys.executable,
        str(program_path()),
        "run",
        "--server",
        server,
        "--state",
        str(state_folder),
    ]
    arguments += ["--interval", str(settings.HEARTBEAT_INTERVAL_SECONDS)]
    # By the environment: arguments stand in every process listing.
    environment = {**os.environ, "UNDERPIN_ENROL_TOKEN": secret}
    agent = subprocess.Popen(arguments, env=environment)
    try:
        yield
    finally:
        agent.terminate()
        try:
            agent.wait(timeout=STOP_SECONDS)
        except subprocess.TimeoutExpired:
            agent.kill()
            agent.wait()
