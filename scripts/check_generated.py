"""Compare what is generated with what is committed: migrations and the OpenAPI file.

It runs on an empty SQLite file, so that it needs no server. ``--write-openapi`` and
``--write-migrations`` write instead of comparing.
"""

import difflib
import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OPENAPI = ROOT / "docs" / "openapi.yaml"
SHOWN_LINES = 40


def manage(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run one management command and catch its output."""
    with tempfile.TemporaryDirectory() as folder:
        environment = {
            "DJANGO_SETTINGS_MODULE": "workbench.settings.test",
            "UNDERPIN_DATABASE": f"sqlite://{folder}/empty.sqlite3",
            "UNDERPIN_REDIS": "",
        }
        return subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env=os.environ | environment,
            capture_output=True,
            text=True,
            check=False,
        )


def migrations_match() -> bool:
    """Whether the migrations say what the models say."""
    done = manage("makemigrations", "--check", "--dry-run")
    if done.returncode != 0:
        print(f"Migrations are missing (make migrations):\n{done.stdout}{done.stderr}")
    return done.returncode == 0


def generated_openapi() -> str:
    """The schema as the code has it now.

    Raises:
        SystemExit: when it cannot be generated, or only with warnings.
    """
    done = manage("spectacular", "--fail-on-warn", "--validate")
    if done.returncode != 0:
        message = f"The OpenAPI schema cannot be generated:\n{done.stdout[-4000:]}{done.stderr}"
        raise SystemExit(message)
    return done.stdout


def openapi_matches() -> bool:
    """Whether docs/openapi.yaml is what the code says."""
    committed = OPENAPI.read_text(encoding="utf-8") if OPENAPI.exists() else ""
    difference = list(
        difflib.unified_diff(
            committed.splitlines(),
            generated_openapi().splitlines(),
            "docs/openapi.yaml",
            "the code",
            lineterm="",
        )
    )
    if difference:
        print("docs/openapi.yaml is not what the code says (make openapi):")
        print("\n".join(difference[:SHOWN_LINES]))
    return not difference


def main(arguments: list[str]) -> int:
    """0 when everything matches or was written."""
    if "--write-openapi" in arguments:
        OPENAPI.write_text(generated_openapi(), encoding="utf-8")
        return 0
    if "--write-migrations" in arguments:
        done = manage("makemigrations")
        print(done.stdout + done.stderr)
        return done.returncode
    answers = [migrations_match(), openapi_matches()]
    return 0 if all(answers) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
