"""Every kind of real container is found: with all rights, with two capabilities, and with none.

docker, podman of root and of a user, containerd alone, runc alone, and bare namespaces that no
runtime knows.
"""

import ctypes
import json
import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from underpin_agent.collection import collect

from tests.support import podman, process, rights, tools
from tests.support.docker import DockerEngine, busybox_archive

USER_ID = 1  # "daemon": an account of every distribution, without subordinate ids
PREFIX = "found-"
CLONE_NEWNS, MS_BIND, MS_REC, MS_PRIVATE = 0x20000, 0x1000, 0x4000, 0x40000
COLUMNS = ("name", "id", "runtime", "runtime_reference", "state")
pytestmark = [pytest.mark.docker, pytest.mark.slow, pytest.mark.timeout(180)]


def mount_namespace(pid: int) -> int:
    return os.stat(f"/proc/{pid}/ns/mnt").st_ino


@contextmanager
def bare_runc(folder: Path) -> Iterator[str]:
    """A container of runc alone, without engine, shim or monitor; the name is its id."""
    runc, name = str(tools.RUNC.require()), f"{PREFIX}runc-{os.getpid()}"
    (folder / "rootfs").mkdir(parents=True)
    subprocess.run(["tar", "-x", "-C", folder / "rootfs"], input=busybox_archive(), check=True)
    subprocess.run([runc, "spec"], cwd=folder, check=True)
    spec = json.loads((folder / "config.json").read_text())
    spec["process"].update(args=["sleep", "1000000"], terminal=False, rlimits=[])
    (folder / "config.json").write_text(json.dumps(spec))
    devnull = subprocess.DEVNULL
    command = [runc, "run", "--detach", name]
    subprocess.run(command, cwd=folder, stdin=devnull, stdout=devnull, stderr=devnull, check=True)
    try:
        yield name
    finally:
        subprocess.run([runc, "delete", "--force", name], check=True, capture_output=True)


@contextmanager
def containerd_alone(engine: DockerEngine, folder: Path) -> Iterator[tuple[str, int]]:
    """A container of containerd that no docker and no kubelet knows; its id is a name."""
    (folder / "rootfs").mkdir(parents=True)
    subprocess.run(["tar", "-x", "-C", folder / "rootfs"], input=busybox_archive(), check=True)
    address = engine.folder / "x" / "containerd" / "containerd.sock"
    ctr = [str(tools.CTR.require()), "--address", str(address), "--namespace", "tools"]
    name, options = PREFIX + "containerd", ["--detach", "--rootfs"]
    command = [*ctr, "run", *options, str(folder / "rootfs"), name, "/bin/sleep", "1000000"]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL, capture_output=True)
    tasks = subprocess.check_output([*ctr, "task", "ls"], text=True).splitlines()
    try:
        yield name, next(int(row.split()[1]) for row in tasks if row.startswith(name))
    finally:
        subprocess.run([*ctr, "task", "rm", "--force", name], check=True, capture_output=True)
        subprocess.run([*ctr, "container", "rm", name], check=True, capture_output=True)


@contextmanager
def bare_namespaces() -> Iterator[int]:
    """A program in namespaces of its own that no runtime knows; gives its mount namespace."""
    command = ["unshare", "--fork", "--kill-child", "--pid", "--mount", "--net", "--ipc", "--uts"]
    command += ["--mount-proc", "sleep", "1000000"]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL) as parent:
        try:
            deadline = time.monotonic() + 10
            while not (
                children := Path(f"/proc/{parent.pid}/task/{parent.pid}/children")
                .read_text()
                .split()
            ):
                assert time.monotonic() < deadline, "unshare started no child"
                time.sleep(process.POLL_SECONDS)
            yield os.stat(f"/proc/{children[0]}/ns/mnt").st_ino
        finally:
            parent.kill()


@pytest.fixture(scope="module")
def expected(
    docker_engine: DockerEngine, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, dict[str, str]]]:
    """What runs, by the key the agent must give it."""
    folder = Path("/tmp") / f"upf-{os.getpid()}"  # short, and reachable by the user
    found: dict[str, dict[str, str]] = {}

    def add(identity: str, **columns: str) -> None:
        found[identity[:12]] = {"id": identity, "state": "running", **columns}

    def add_named(inode: int, name: str, *, runtime: str) -> None:
        """A container whose id is no number: its key is its mount namespace."""
        row = {"id": name, "name": name, "runtime": runtime, "state": "running"}
        found[f"ns-{inode}"] = row

    with ExitStack() as stack:
        add(docker_engine.run(PREFIX + "docker"), name=PREFIX + "docker", runtime="docker")
        stack.callback(docker_engine.remove, PREFIX + "docker")
        folder.mkdir(mode=0o711)
        stack.callback(folder.rmdir)
        root = stack.enter_context(podman.installed(folder / "root"))
        add(
            root.run(PREFIX + "podman", "--restart=on-failure:3"),
            name=PREFIX + "podman",
            runtime="podman",
        )
        user = stack.enter_context(podman.installed(folder / "user", uid=USER_ID))
        add(user.run(PREFIX + "rootless"), name=PREFIX + "rootless", runtime="podman:daemon")
        name = stack.enter_context(bare_runc(tmp_path_factory.mktemp("runc")))
        pid = json.loads(subprocess.check_output([tools.RUNC.require(), "state", name]))["pid"]
        add_named(mount_namespace(pid), name, runtime="runc")
        made = tmp_path_factory.mktemp("ctr")
        name, pid = stack.enter_context(containerd_alone(docker_engine, made))
        add_named(mount_namespace(pid), name, runtime="containerd")
        inode = stack.enter_context(bare_namespaces())
        found[f"ns-{inode}"] = {"runtime": "unknown", "state": "running"}
        yield found


@pytest.fixture(scope="module")
def whole(expected: dict[str, dict[str, str]]) -> dict[str, Any]:
    """One collection with all rights, while the expected containers run."""
    assert expected
    collection: dict[str, Any] = rights.as_root(collect)
    return collection


def seen(expected: dict[str, dict[str, str]], collection: dict[str, Any]) -> dict[str, Any]:
    """Identity columns of the expected containers that were found."""
    rows = {row["key"]: row["identity"]["facts"] for row in collection["containers"]}
    found = {
        key: {name: rows[key][name] for name in COLUMNS if name in rows[key]}
        for key in expected
        if key in rows
    }
    for row in found.values():  # The engine of the tests is not the machine's own: docker:/…/d.
        row["runtime"] = "docker" if row["runtime"].startswith("docker") else row["runtime"]
    return found


def claimed(expected: dict[str, dict[str, str]], **references: str) -> dict[str, Any]:
    """The rows of the named runtimes, each with the source that claims it."""
    return {
        key: {**row, "runtime_reference": references[row["runtime"].partition(":")[0]]}
        for key, row in expected.items()
        if row["runtime"].partition(":")[0] in references
    }


def unknown_paths(collection: dict[str, Any], key: str) -> set[str]:
    """What the agent says it does not know of one container."""
    (row,) = (row for row in collection["containers"] if row["key"] == key)
    bodies = (row["identity"], row["posture"])
    return {entry["path"] for body in bodies for entry in body["unknowns"]}


def key_of(expected: dict[str, dict[str, str]], runtime: str) -> str:
    return next(key for key, row in expected.items() if row["runtime"] == runtime)


def test_root_finds_every_container_with_name_and_runtime(
    expected: dict[str, dict[str, str]], whole: dict[str, Any]
) -> None:
    found = seen(expected, whole)
    all_of_them = dict.fromkeys(("docker", "podman", "runc", "containerd"), "bundle") | {
        "unknown": "none"
    }
    assert found == claimed(expected, **all_of_them)


def test_no_container_needs_the_api_of_its_runtime(
    expected: dict[str, dict[str, str]], whole: dict[str, Any], docker_engine: DockerEngine
) -> None:
    """The same containers are found when the engine's socket is not there for the agent."""

    def without_socket() -> Any:
        library = ctypes.CDLL(None, use_errno=True)
        rights.check(library.unshare(CLONE_NEWNS))
        rights.check(library.mount(b"none", b"/", None, MS_REC | MS_PRIVATE, None))
        socket = str(docker_engine.socket).encode()
        rights.check(library.mount(b"/dev/null", socket, None, MS_BIND, None))
        return collect()

    collection = rights.as_root(without_socket)
    engines = {row["key"]: row for row in collection["sections"]["runtimes"]["facts"]["items"]}
    key = next(
        row["identity"]["facts"]["runtime"]
        for row in collection["containers"]
        if row["key"] == key_of(expected, "docker")
    )
    assert engines[key]["api"] != "ok"
    assert seen(expected, collection) == seen(expected, whole)


def test_two_capabilities_find_every_container(
    expected: dict[str, dict[str, str]], whole: dict[str, Any]
) -> None:
    def work() -> Any:
        return collect()

    collection = rights.with_capabilities(work, rights.DAC_READ_SEARCH, rights.SYS_PTRACE)
    assert seen(expected, collection) == seen(expected, whole)


def test_without_rights_what_has_an_id_is_found_and_the_rest_is_said(
    expected: dict[str, dict[str, str]],
) -> None:
    collection = rights.as_nobody(collect)
    found = seen(expected, collection)
    nameless = claimed(expected, docker="shim", podman="shim")
    del nameless[key_of(expected, "docker")]["name"]  # a shim's arguments hold no name
    assert found == nameless
    assert "ns-0" not in {row["key"] for row in collection["containers"]}
    unknowns = collection["sections"]["host"]["unknowns"]
    assert "containers" in {entry["path"] for entry in unknowns}
    for key in found:
        assert "containers[].restart.policy" in unknown_paths(collection, key)


def test_the_group_of_the_engine_is_enough_for_its_names(
    expected: dict[str, dict[str, str]], docker_engine: DockerEngine
) -> None:
    """The files are closed to the account, the API is open: it says the same as the files."""
    for folder in (docker_engine.folder.parent, docker_engine.folder):
        folder.chmod(folder.stat().st_mode | 0o011)
    group = docker_engine.socket.stat().st_gid
    collection = rights.as_nobody(collect, group=group)
    key = key_of(expected, "docker")
    row = seen({key: expected[key]}, collection)
    assert row == {key: {**expected[key], "runtime_reference": "api"}}
    assert "containers[].restart.policy" not in unknown_paths(collection, key)


def posture_of(collection: dict[str, Any], key: str) -> dict[str, Any]:
    (row,) = (row for row in collection["containers"] if row["key"] == key)
    posture: dict[str, Any] = row["posture"]["facts"]
    return posture


def test_podman_keeps_its_settings_in_a_database_that_is_read(
    expected: dict[str, dict[str, str]], whole: dict[str, Any]
) -> None:
    root = posture_of(whole, key_of(expected, "podman"))
    assert root["restart"] == {"policy": "on-failure", "max_retries": 3}
    assert root["health"]["defined"] is False
    assert root["log"]["driver"] == "k8s-file"
    images = whole["sections"]["images"]["facts"]["items"]
    assert podman.IMAGE in {tag for image in images for tag in image.get("tags", ())}


def test_scans_find_what_lies_in_a_real_container(expected: dict[str, dict[str, str]]) -> None:
    options = {"set_id_scan": True, "content_scan": True}
    collection = rights.as_root(lambda: collect(options=options))
    for runtime in ("docker", "podman", "runc"):
        posture = posture_of(collection, key_of(expected, runtime))
        assert posture["set_id_files"] == []
        assert posture["files"]["shells"] == ["/bin/busybox", "/bin/sh"]
        assert posture["files"]["tools"] == ["/bin/nc"]
