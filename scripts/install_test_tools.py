"""Install the system programs that the tests need, or list exactly what to install and fail.

It installs through apt-get when that is there and the user is root; elsewhere it changes nothing.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tests.support import tools

# Packages must not start services of the machine: the tests start their own.
APT_ENVIRONMENT = {"DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}


def missing() -> list[tools.Tool]:
    """The tools that are not on this machine."""
    return [tool for tool in tools.ALL if tool.find() is None]


def packages_of(wanted: Sequence[tools.Tool]) -> list[str]:
    """The packages that bring ``wanted``, each once."""
    return sorted({package for tool in wanted for package in tool.packages})


def apt(*arguments: str) -> bool:
    """Run apt-get quietly; its output is shown when it fails."""
    done = subprocess.run(
        ["apt-get", "--yes", "--quiet", *arguments],
        env=os.environ | APT_ENVIRONMENT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        sys.stderr.write(done.stdout + done.stderr)
    return done.returncode == 0


def is_known(package: str) -> bool:
    """Whether apt can install ``package`` (docker-cli is a package of its own only since 2024)."""
    done = subprocess.run(
        ["apt-cache", "show", package], capture_output=True, text=True, check=False
    )
    return done.returncode == 0


def install(packages: Sequence[str]) -> bool:
    """Install ``packages`` with apt-get; whether that went well."""
    print(f"Installing for the tests: {' '.join(packages)}", flush=True)
    if not apt("update"):
        return False
    known = [package for package in packages if is_known(package)]
    return apt("install", "--no-install-recommends", *known)


def explain(wanted: Sequence[tools.Tool]) -> str:
    """What is missing, for what, and the command that brings it."""
    lines = [f"  {tool.programs[0]:<16} {tool.purpose}" for tool in wanted]
    command = f"sudo apt-get install {' '.join(packages_of(wanted))}"
    return "\n".join(["The tests need programs that are not here:", *lines, "", f"  {command}", ""])


def main() -> int:
    """0 when everything is there in the end."""
    wanted = missing()
    if wanted and os.geteuid() == 0 and shutil.which("apt-get"):
        install(packages_of(wanted))
        wanted = missing()
    if wanted:
        print(explain(wanted), file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
