"""What one test session runs on, decided before Django reads its settings.

The addresses are fixed here, the servers behind them start only when a test asks for them: a run of
pure tests starts nothing. The first conftest is imported before pytest has read the options, and
conftests of folders import models; hence the look at the command line.
"""

import argparse
import atexit
import os
import secrets
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from tests.support import docker, postgres, process, redis

ROOT = Path(__file__).resolve().parent.parent.parent
# These folders test pure packages and the agent program; alone they run without Django.
PURE_FOLDERS = ("tests/unit", "tests/catalogue", "tests/host_agent")
SETTINGS_MODULE = "workbench.settings.test"
FOLDER_PREFIX = "up-"  # Short: the paths of sockets below it are limited to 107 bytes.


class Database(StrEnum):
    """What the Django tests run on."""

    POSTGRESQL = "postgresql"
    SQLITE = "sqlite"


@dataclass(frozen=True, slots=True)
class Session:
    """Addresses and folder of one test session."""

    database: Database
    needs_django: bool
    folder: Path
    postgres: postgres.PostgresServer
    redis: redis.RedisServer

    def environment(self) -> dict[str, str]:
        """The variables that ``workbench.settings.test`` reads.

        On SQLite there is no Redis either: that is the embedded way to run.
        """
        if self.database is Database.SQLITE:
            return {
                "UNDERPIN_DATABASE": f"sqlite://{self.folder}/main.sqlite3",
                "UNDERPIN_REDIS": "",
            }
        return {"UNDERPIN_DATABASE": self.postgres.url(), "UNDERPIN_REDIS": self.redis.url}


def chosen_database(arguments: Sequence[str]) -> Database:
    """The value of ``--database``; pytest itself complains about a wrong one later."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--database", default=Database.POSTGRESQL)
    chosen = parser.parse_known_args(list(arguments))[0].database
    return Database.SQLITE if chosen == Database.SQLITE else Database.POSTGRESQL


def is_pure(arguments: Sequence[str]) -> bool:
    """Whether only pure folders are asked for."""
    places = [word.split("::")[0] for word in arguments if not word.startswith("-")]
    paths = [Path(word).resolve() for word in places if Path(word).exists()]
    pure = [ROOT / folder for folder in PURE_FOLDERS]
    return bool(paths) and all(any(p.is_relative_to(f) for f in pure) for p in paths)


def remove_left_behind() -> None:
    """Delete folders of sessions that were killed; their servers ended with them."""
    for folder in Path(tempfile.gettempdir()).glob(f"{FOLDER_PREFIX}*-*"):
        owner = folder.name.split("-")[1]
        mine = folder.stat().st_uid == os.geteuid()
        if mine and owner.isdigit() and not Path("/proc", owner).exists():
            docker.sweep(folder)


def prepare(arguments: Sequence[str]) -> Session:
    """Fix addresses and folder; set the environment for Django when it is needed."""
    remove_left_behind()
    folder = Path(tempfile.mkdtemp(prefix=f"{FOLDER_PREFIX}{os.getpid()}-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    session = Session(
        database=chosen_database(arguments),
        needs_django=not is_pure(arguments),
        folder=folder,
        postgres=postgres.PostgresServer(process.free_port(), secrets.token_hex(12)),
        redis=redis.RedisServer(process.free_port()),
    )
    os.environ.pop("DJANGO_SETTINGS_MODULE", None)
    if session.needs_django:
        os.environ.update(session.environment(), DJANGO_SETTINGS_MODULE=SETTINGS_MODULE)
    return session
