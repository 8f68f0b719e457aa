"""Settings: typed readers refuse odd values, production refuses an unfit secret key."""

import os
import secrets
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from workbench.settings import env

ROOT = Path(__file__).resolve().parents[3]
GOOD = secrets.token_urlsafe(48)


def start(**variables: str) -> subprocess.CompletedProcess[str]:
    """Import the production settings in a process of their own."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return subprocess.run(
        [sys.executable, "-c", "import workbench.settings.production as s; print(s.MODE)"],
        env={**kept, "PYTHONPATH": str(ROOT), **variables},
        capture_output=True,
        text=True,
        check=False,
    )


UNFIT = {
    "missing": "",
    "short": "a" * 10 + GOOD[:20],
    "repeats itself": "ab" * 40,
    "default of the framework": "django-insecure-" + GOOD,
    "left as it was": "changeme-" + GOOD,
}


@pytest.mark.parametrize("key", UNFIT.values(), ids=UNFIT.keys())
def test_production_refuses_an_unfit_secret_key(key: str) -> None:
    done = start(UNDERPIN_SECRET_KEY=key)
    assert done.returncode != 0
    assert "UNDERPIN_SECRET_KEY" in done.stderr.splitlines()[-1]
    assert key not in done.stderr or not key, "a secret never stands in an error"


def test_production_starts_with_a_good_secret_key_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text(GOOD + "\n")
    done = start(UNDERPIN_SECRET_KEY_FILE=str(file))
    assert (done.returncode, done.stdout.strip()) == (0, "production"), done.stderr


@pytest.mark.parametrize("word", ["maybe", "", "2"])
def test_a_flag_takes_only_its_words(monkeypatch: pytest.MonkeyPatch, word: str) -> None:
    monkeypatch.setenv("UNDERPIN_X", word)
    with pytest.raises(ImproperlyConfigured, match="UNDERPIN_X must be yes or no"):
        env.flag("UNDERPIN_X", "yes", "x")


@pytest.mark.parametrize("word", ["0", "11", "-1", "1.5", "ten", "", "٣"])
def test_a_number_out_of_bounds_is_refused(monkeypatch: pytest.MonkeyPatch, word: str) -> None:
    monkeypatch.setenv("UNDERPIN_X", word)
    with pytest.raises(ImproperlyConfigured, match="from 1 to 10"):
        env.integer("UNDERPIN_X", 5, "x", low=1, high=10)


def test_a_database_address_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNDERPIN_X", "postgresql://u%40x:p%2F@h:5433/n?host=/run/pg")
    read = env.database("UNDERPIN_X", "", "x")
    names = ("NAME", "USER", "PASSWORD", "HOST", "PORT")
    assert [read[name] for name in names] == ["n", "u@x", "p/", "/run/pg", "5433"]


def test_another_database_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNDERPIN_X", "mysql://x/y")
    with pytest.raises(ImproperlyConfigured):
        env.database("UNDERPIN_X", "", "x")


@pytest.fixture(autouse=True)
def forget_test_settings() -> None:
    yield
    env.DECLARED.pop("UNDERPIN_X", None)
