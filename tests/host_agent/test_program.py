"""The program as it is handed out: one reproducible file that keeps to its rules."""

import ast
import hashlib
import importlib.util
import json
import os
import re
import subprocess
import sys
import zipfile
import zlib

import pytest
import underpin_agent
from jsonschema import Draft202012Validator
from underpin_agent.__main__ import explain, main
from underpin_agent.collection import collect
from underpin_agent.containers import collect_containers

from tests.support.session import ROOT

SOURCE = ROOT / "agents/host-agent"
SCHEMA = json.loads((ROOT / "agents/facts/facts.schema.json").read_text())
LISTS = ("runtimes", "images")


@pytest.fixture(scope="module")
def build():
    spec = importlib.util.spec_from_file_location("agent_build", SOURCE / "build.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def archive(build, tmp_path_factory):
    path = tmp_path_factory.mktemp("dist") / "underpin-agent.pyz"
    assert build.main(["--output", str(path)]) == 0
    return path


@pytest.fixture(scope="module")
def collected():
    return collect("/")


def run(archive, *arguments, **more):
    return subprocess.run(
        [sys.executable, "-I", str(archive), *arguments],
        capture_output=True, text=True, timeout=60, check=False, **more,
    )  # fmt: skip


# ---- the file ---------------------------------------------------------------------------------


def test_two_builds_are_equal(build, tmp_path):
    copy = tmp_path / "underpin_agent"
    for path in sorted((SOURCE / "underpin_agent").rglob("*.py"), reverse=True):
        target = copy / path.relative_to(SOURCE / "underpin_agent")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(path.read_bytes())
        os.utime(target, (1, 1))
    first, second = build.archive_bytes(), build.archive_bytes(copy)
    assert hashlib.sha256(first).digest() == hashlib.sha256(second).digest()


def test_the_file_is_small_and_starts_by_itself(archive):
    assert archive.stat().st_size <= 204_800
    assert archive.read_bytes().startswith(b"#!/usr/bin/env python3\n")
    assert archive.stat().st_mode & 0o111
    assert all(not name.endswith(".pyc") for name in zipfile.ZipFile(archive).namelist())


def test_the_file_holds_every_module(archive):
    with zipfile.ZipFile(archive) as opened:
        inside = set(json.loads(zlib.decompress(opened.read("underpin_agent/modules"))))
        inside.add("underpin_agent/__init__.py")
    assert inside == {str(path.relative_to(SOURCE)) for path in MODULES}


IMPORTS = """
import sys; sys.path.insert(0, sys.argv[1])
if len(sys.argv) > 2:
    import os
    def refuse(): raise BlockingIOError(11, "no")
    os.fork = refuse
import traceback
from underpin_agent import collection, containers, isolation
print(collection.__file__, containers.__path__, isolation.Isolated.__module__)
try:
    collection.run_collector("host", None)
except AttributeError:
    print(traceback.format_exc())
"""


@pytest.mark.parametrize("fork", [[], ["refused"]], ids=["fork", "no fork"])
def test_modules_of_the_file_are_like_others(archive, fork):
    done = subprocess.run(
        [sys.executable, "-I", "-c", IMPORTS, str(archive), *fork],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    first, rest = done.stdout.split("\n", 1)
    place = "%s/underpin_agent/" % archive
    assert first == "%scollection.py ['%scontainers'] underpin_agent.isolation" % (place, place)
    pattern = r'collection\.py", line (\d+), in run_collector\n.*context\.shut_in'
    (number,) = re.findall(pattern, rest)
    source = (SOURCE / "underpin_agent/collection.py").read_text().splitlines()
    assert "context.shut_in" in source[int(number) - 1]


def test_the_file_tells_its_version(archive):
    done = run(archive, "version")
    assert done.stdout == "underpin-agent %s\n" % underpin_agent.__version__
    assert re.fullmatch(r"\d+\.\d+\.\d+", underpin_agent.__version__)


def test_the_file_collects(archive):
    done = run(archive, "collect", "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["schema"] == "underpin/collection/1"
    assert found["sections"]["host"]["facts"]


@pytest.mark.parametrize(
    "arguments",
    [
        [], ["fly"], ["run"], ["run", "--server", "ftp://x"], ["run", "--server", "http://10.0.0.1"],
        ["run", "--server", "https://x", "--interval", "5"], ["collect", "--org-salt", "xyz"],
    ],
)  # fmt: skip
def test_wrong_usage_ends_with_2_and_says_why(archive, arguments, tmp_path):
    more = ["--state", str(tmp_path / "s")] if "run" in arguments else []
    done = run(archive, *arguments, *more)
    assert done.returncode == 2
    assert "underpin-agent" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("command", [[], ["collect"], ["enrol"], ["run"]])
def test_help_explains_every_option(archive, command):
    done = run(archive, *command, "--help")
    assert done.returncode == 0
    assert "exit codes" in done.stdout or "--root" in done.stdout


def test_a_server_that_cannot_be_reached_ends_with_4(archive, tmp_path):
    arguments = ["--server", "http://127.0.0.1:1", "--token", "t", "--state", str(tmp_path / "s")]
    for command in (["enrol"], ["run", "--once"]):
        done = run(archive, *command, *arguments)
        assert done.returncode == 4, done.stderr
        assert "cannot be reached" in done.stderr


def test_explaining_names_what_is_missing(capsys, tree):
    tree.container(100)
    assert main(["collect", "--explain", "--root", str(tree.folder)]) == 0
    text = capsys.readouterr().out
    assert "containers[].name: no runtime claims this container" in text
    assert '"sections"' not in text


def test_hostile_reasons_cannot_write_the_terminal():
    entry = {"path": "x\x1b[2J\n", "reason": "r"}
    collection = {"sections": {"host": {"facts": {}, "unknowns": [entry]}}, "containers": []}
    (line,) = explain(collection)
    assert line.isprintable()


# ---- rules of the sources ---------------------------------------------------------------------

MODULES = sorted((SOURCE / "underpin_agent").rglob("*.py"))
# The state folder, nothing else; and what an administrator asks for with `install`.
WRITERS = {"state.py", "mark.py", "pieces.py", "spool.py", "install.py"}


def calls(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), ast.unparse(node)


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(SOURCE)))
def test_a_module_neither_listens_nor_writes_the_host(path):
    found = list(calls(ast.parse(path.read_text())))
    assert not [name for name, _text in found if name.endswith((".listen", ".accept"))]
    if path.name not in WRITERS:
        writes = re.compile(r"O_(?:WRONLY|RDWR|CREAT|TRUNC|APPEND)|open\([^)]*['\"][wax+]")
        texts = [text for _name, text in found if "os.devnull" not in text]
        assert not [text for text in texts if writes.search(text)]
        changes = (".unlink", ".rename", ".remove", ".rmdir", ".mkdir", ".makedirs", ".chmod")
        assert not [
            name for name, _text in found if name.startswith("os.") and name.endswith(changes)
        ]


# ---- what it says about this machine ----------------------------------------------------------


def merged(collection):
    """The document an evaluator sees, of one collection."""
    found = {"schema": "underpin/facts/1", "unknowns": [], "containers": []}
    for name, body in collection["sections"].items():
        assert "error" not in body, (name, body)
        found[name] = body["facts"]["items"] if name in LISTS else body["facts"]
        found["unknowns"] += body["unknowns"]
    for row in collection["containers"]:
        found["containers"].append({**row["identity"]["facts"], **row["posture"]["facts"]})
        found["unknowns"] += row["identity"]["unknowns"] + row["posture"]["unknowns"]
    return found


def problems(document):
    found = Draft202012Validator(SCHEMA).iter_errors(document)
    return ["%s: %s" % (list(one.path), one.message[:200]) for one in found]


def test_this_machines_facts_fit_the_schema_without_unknown_keys(collected):
    assert problems(merged(collected)) == []


def test_a_containers_facts_fit_the_schema(tree):
    tree.container(100)
    document = {"schema": "underpin/facts/1", "unknowns": [], "containers": []}
    for row in collect_containers(tree.context()):
        document["containers"].append({**row["identity"]["facts"], **row["posture"]["facts"]})
    assert len(document["containers"]) == 1
    assert problems(document) == []


def marks(part):
    """Every x-section below one part of the schema."""
    if isinstance(part, dict):
        own = [part["x-section"]] if "x-section" in part else []
        return own + [mark for value in part.values() for mark in marks(value)]
    return []


def rows(schema, prefix=""):
    """``(path, section)`` of each leaf and list below an object schema."""
    for name, part in schema.get("properties", {}).items():
        path = prefix + name
        if part.get("type") == "object" and "properties" in part:
            yield from rows(part, path + ".")
        else:
            yield path, (marks(part) or [""])[0]


NOT_THERE_WHEN_UNLIMITED = {
    *("limits.memory_max_bytes", "limits.swap_max_bytes", "limits.cpu_cores", "limits.pids_max"),
    *("rlimits.open_files_hard", "finished_at"),
}


def test_every_row_of_a_container_is_a_fact_or_an_unknown_with_a_reason(tree):
    tree.container(100)
    (row,) = collect_containers(tree.context())
    facts = {**row["identity"]["facts"], **row["posture"]["facts"]}
    entries = row["identity"]["unknowns"] + row["posture"]["unknowns"]
    reasons = {entry["path"][len("containers[].") :]: entry["reason"] for entry in entries}
    assert all(reasons.values())
    for path, section in rows(SCHEMA["properties"]["containers"]["items"]):
        if section not in ("container.identity", "container.posture"):
            continue
        value = facts
        for part in path.split("."):
            value = value.get(part) if isinstance(value, dict) else None
        known = value is not None or path in NOT_THERE_WHEN_UNLIMITED
        assert known or any(path.startswith(name) for name in reasons), path


def test_rows_of_identity_and_posture_do_not_mix(tree):
    tree.container(100)
    (row,) = collect_containers(tree.context())
    sections = dict(rows(SCHEMA["properties"]["containers"]["items"]))
    for part in ("identity", "posture"):
        for name in row[part]["facts"]:
            found = {value for path, value in sections.items() if path.split(".")[0] == name}
            assert "container." + part in found, name
