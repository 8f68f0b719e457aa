"""Rules of the repository itself: what its files may say and must say."""

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.support.session import ROOT

# Written in two halves so that this file does not break its own rule.
MACHINE_PATHS = tuple(
    "/" + rest
    for rest in ("work/main", "work/shared", "work/.library", "tmp/w/", "root/.pyenv", "opt/pypi")
)
INDEX_WORDS = (
    "--index-url",
    "--extra-index-url",
    "--find-links",
    "--trusted-host",
    "http:",
    "https:",
)
SETTING_READERS = {"text", "secret", "flag", "integer", "words", "database"}


def tracked(*patterns: str) -> list[Path]:
    """Files of the repository, as git lists them."""
    done = subprocess.run(
        ["git", "ls-files", "-z", "--", *patterns],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return [ROOT / name for name in done.stdout.split("\0") if name and (ROOT / name).is_file()]


def text_of(path: Path) -> str:
    """The text of a file, empty for pictures and fonts."""
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return ""


def makefile_words() -> list[str]:
    """The words that ``make help`` shows."""
    return re.findall(r"^([a-z]+):.*## ", text_of(ROOT / "Makefile"), re.MULTILINE)


def bounds_read() -> Iterator[tuple[str, str]]:
    """Name and bounds, in the words of the page, of every setting that is a number."""
    for path in tracked("workbench/settings/*.py"):
        for node in ast.walk(ast.parse(text_of(path))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "env.integer":
                bound = {word.arg: ast.literal_eval(word.value) for word in node.keywords}
                yield ast.literal_eval(node.args[0]), f"{bound['low']} to {bound['high']}"


def settings_read() -> Iterator[tuple[str, str]]:
    """Name and reader of every setting that the settings modules read from the environment."""
    for path in tracked("workbench/settings/*.py"):
        for node in ast.walk(ast.parse(text_of(path))):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
                continue
            if isinstance(node.func.value, ast.Name) and node.func.value.id == "env":
                assert node.func.attr in SETTING_READERS | {"sqlite"}
                if node.func.attr in SETTING_READERS:
                    yield ast.literal_eval(node.args[0]), node.func.attr


@pytest.mark.parametrize("name", ["runtime.txt", "dev.txt"])
def test_lock_files_name_no_index_and_pin_every_hash(name: str) -> None:
    text = text_of(ROOT / "requirements" / name)
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    assert not [line for line in lines if any(word in line for word in INDEX_WORDS)]
    pinned = [line for line in lines if "==" in line]
    assert pinned
    assert len(pinned) == len(re.findall(r"==[^\n]*\\\n\s+--hash=sha256:", text))


def test_no_file_names_a_place_on_the_machine_it_was_made_on() -> None:
    told = [
        f"{path.relative_to(ROOT)}: {word}"
        for path in tracked()
        for word in MACHINE_PATHS
        if re.search(rf"(?<![\w.*}}]){re.escape(word)}", text_of(path))
    ]
    assert told == []


def test_every_word_of_the_makefile_is_in_the_readme_or_contributing() -> None:
    guide = text_of(ROOT / "README.md") + text_of(ROOT / "CONTRIBUTING.md")
    assert [word for word in makefile_words() if f"make {word}" not in guide] == []


def test_ci_calls_the_words_of_the_makefile() -> None:
    called = re.findall(r"^step \w+ make \S+ (\S+)$", text_of(ROOT / ".ci" / "run"), re.MULTILINE)
    assert {"lint", "test"} <= set(called)
    assert set(called) <= set(makefile_words()) | {".venv/.dev"}


def test_every_setting_is_documented() -> None:
    page = text_of(ROOT / "docs" / "settings.md")
    missing = {name for name, _ in settings_read() if f"| `{name}` |" not in page}
    assert missing == set()


def test_every_number_is_documented_with_its_bounds() -> None:
    rows = text_of(ROOT / "docs" / "settings.md").splitlines()
    bounds = list(bounds_read())
    assert bounds
    for name, words in bounds:
        assert [row for row in rows if row.startswith(f"| `{name}` |") and words in row], name


def test_secrets_are_documented_with_their_file_form() -> None:
    page = text_of(ROOT / "docs" / "settings.md")
    secret = {name for name, reader in settings_read() if reader == "secret"}
    assert secret
    assert {name for name in secret if f"`{name}_FILE`" not in page} == set()


def test_no_setting_is_documented_that_nobody_reads() -> None:
    page = text_of(ROOT / "docs" / "settings.md")
    documented = set(re.findall(r"^\| `(UNDERPIN_\w+)` \|", page, re.MULTILINE))
    assert documented == {name for name, _ in settings_read()}


def test_every_management_command_is_documented() -> None:
    page = text_of(ROOT / "docs" / "commands.md")
    commands = {
        path.stem for path in tracked("*/management/commands/*.py") if not path.stem.startswith("_")
    }
    assert {name for name in commands if f"## {name}\n" not in page} == set()


def test_links_between_documents_lead_somewhere() -> None:
    targets = [
        (path, target)
        for path in tracked("*.md")
        for target in re.findall(r"\]\(([^)#\s]+)", text_of(path))
        if "://" not in target
    ]
    assert targets
    assert [(p.name, t) for p, t in targets if not (p.parent / t).exists()] == []


def test_every_decision_record_says_what_was_rejected() -> None:
    records = tracked("docs/decisions/*.md")
    assert records
    for path in records:
        headings = re.findall(r"^## (.+)$", text_of(path), re.MULTILINE)
        assert {"Context", "Decision", "Consequences", "Rejected"} <= set(headings), path.name


def test_workflow_files_are_valid_yaml() -> None:
    for path in tracked("*.yml", "*.yaml"):
        assert list(yaml.safe_load_all(text_of(path))), path.name
