"""Putting the agent in place as a service, and taking it away again, with the built program."""

import os
import stat
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from underpin_agent import install

from tests.support.session import ROOT

SERVER = "https://underpin.example.org"
PROGRAM, UNIT, SETTINGS = (
    "usr/local/lib/underpin/underpin-agent.pyz",
    "etc/systemd/system/underpin-agent.service",
    "etc/underpin/agent.env",
)


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    path = tmp_path_factory.mktemp("built") / "underpin-agent.pyz"
    builder = ROOT / "agents/host-agent/build.py"
    subprocess.run([sys.executable, builder, "--output", path], check=True, capture_output=True)
    return path


def run(program, *arguments):
    """Exit code and everything printed."""
    command = [sys.executable, "-I", str(program), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def mode_of(path: Path):
    return stat.S_IMODE(path.stat().st_mode)


def test_three_files_are_put_in_place(program, tmp_path):
    code, text = run(
        program, "install", "--server", SERVER, "--token", "ue_abc", "--label", "role=db",
        "--destination", tmp_path,
    )  # fmt: skip
    assert code == 0, text
    assert "systemctl enable --now underpin-agent" in text
    assert (tmp_path / PROGRAM).read_bytes() == program.read_bytes()
    assert [mode_of(tmp_path / name) for name in (PROGRAM, UNIT, SETTINGS)] == [0o755, 0o644, 0o600]
    settings = (tmp_path / SETTINGS).read_text()
    assert f"UNDERPIN_SERVER={SERVER}\n" in settings
    assert "UNDERPIN_ENROL_TOKEN=ue_abc\n" in settings
    assert "UNDERPIN_OPTIONS=--label role=db\n" in settings


def test_the_unit_starts_this_interpreter_and_stays_hardened(program, tmp_path):
    run(program, "install", "--server", SERVER, "--destination", tmp_path)
    unit = (tmp_path / UNIT).read_text()
    assert f"ExecStart={sys.executable} -I -S /{PROGRAM} run" in unit
    for line in ("NoNewPrivileges=yes", "ProtectSystem=strict", "MemoryMax=96M", "TasksMax=16"):
        assert line in unit.splitlines()


def test_a_second_install_replaces_the_program_and_keeps_the_settings(program, tmp_path):
    run(program, "install", "--server", SERVER, "--token", "ue_abc", "--destination", tmp_path)
    before = (tmp_path / SETTINGS).read_bytes()
    (tmp_path / PROGRAM).write_bytes(b"old")
    assert run(program, "install", "--destination", tmp_path)[0] == 0
    assert (tmp_path / PROGRAM).read_bytes() == program.read_bytes()
    assert (tmp_path / SETTINGS).read_bytes() == before
    left = [path.name for path in tmp_path.rglob("*") if path.is_file()]
    assert sorted(left) == ["agent.env", "underpin-agent.pyz", "underpin-agent.service"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "give the server's address"),
        (("--server", "http://underpin.example.org"), "http"),
        (("--server", SERVER, "--token", "a b"), "cannot stand in the settings"),
        (("--server", SERVER, "--label", "a=$(id)"), "cannot stand in the settings"),
        (("--server", SERVER, "--name", "x\nExecStartPre=/bin/sh"), "cannot stand in the settings"),
    ],
)
def test_what_cannot_be_installed_is_said_and_writes_nothing(program, tmp_path, arguments, said):
    code, text = run(program, "install", *arguments, "--destination", tmp_path)
    assert code == 2
    assert said in text
    assert list(tmp_path.iterdir()) == []


def test_removing_keeps_the_key_unless_asked(program, tmp_path):
    run(program, "install", "--server", SERVER, "--destination", tmp_path)
    key = tmp_path / "var/lib/underpin-agent/identity.json"
    key.parent.mkdir(parents=True, mode=0o700)
    key.write_text("{}")
    assert run(program, "uninstall", "--destination", tmp_path)[0] == 0
    assert not (tmp_path / PROGRAM).exists()
    assert not (tmp_path / UNIT).exists()
    assert key.exists()
    assert (tmp_path / SETTINGS).exists()
    assert run(program, "uninstall", "--purge", "--destination", tmp_path)[0] == 0
    assert not key.parent.exists()
    assert not (tmp_path / SETTINGS).exists()


def test_a_running_agent_is_not_removed(program, tmp_path):
    run(program, "install", "--server", SERVER, "--destination", tmp_path)
    folder = tmp_path / "var/lib/underpin-agent"
    folder.mkdir(parents=True, mode=0o700)
    text = (
        "import fcntl,os,sys;f=os.open(sys.argv[1],0);fcntl.flock(f,2);print(1,flush=True);input()"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", text, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        assert holder.stdout.readline()
        code, text = run(program, "uninstall", "--destination", tmp_path)
        assert code == 2
        assert "stop it first" in text
        assert (tmp_path / PROGRAM).exists()
    finally:
        holder.kill()
        holder.wait()
        holder.stdin.close()
        holder.stdout.close()


def test_without_systemd_the_other_ways_are_named(monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(os.path, "isdir", lambda _path: False)
    with pytest.raises(install.CannotInstall, match="systemd does not run here"):
        install.uninstall(SimpleNamespace(purge=False))


def test_without_root_nothing_is_installed(monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 65_534)
    with pytest.raises(install.CannotInstall, match="needs root"):
        install.uninstall(SimpleNamespace(purge=False))
