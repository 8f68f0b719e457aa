"""The opt-in walk through a container's files: what it finds, and what it must not touch."""

import os

import pytest
from underpin_agent.collection import build_context
from underpin_agent.containers import collect_containers, file_scan

from tests.host_agent.tree import CONTAINER_MOUNTS

BOTH = {"set_id_scan": True, "content_scan": True}


def scanned(tree, options=BOTH):
    """``(posture facts, {path: reason})`` of the one container."""
    (row,) = collect_containers(build_context(str(tree.folder), options=options))
    unknowns = {entry["path"][13:]: entry["reason"] for entry in row["posture"]["unknowns"]}
    return row["posture"]["facts"], unknowns


def program(tree, path, mode=0o755):
    tree.write("/proc/100/root" + path, "x").chmod(mode)


def test_without_the_option_nothing_is_walked(tree):
    tree.container(100)
    program(tree, "/bin/sh")
    facts, unknowns = scanned(tree, {})
    assert "set_id_files" not in facts
    names = {"set_id_files", *("files." + kind for kind in file_scan.KINDS)}
    assert {unknowns[name] for name in names} == {"scan switched off"}


def test_one_option_walks_for_its_own_facts_only(tree):
    tree.container(100)
    facts, unknowns = scanned(tree, {"set_id_scan": True})
    assert facts["set_id_files"] == []
    assert unknowns["files.shells"] == "scan switched off"


def test_shells_servers_managers_tools_and_set_id_files_are_found(tree):
    tree.container(100)
    for path in ("/bin/busybox", "/usr/sbin/sshd", "/usr/bin/apt-get", "/usr/bin/curl"):
        program(tree, path)
    tree.link("/proc/100/root/bin/sh", "busybox")
    program(tree, "/usr/bin/passwd", 0o4755)
    program(tree, "/usr/bin/wall", 0o2755)
    program(tree, "/usr/share/doc/gcc", 0o644)  # a text of that name is no compiler
    facts, unknowns = scanned(tree)
    assert facts["set_id_files"] == ["/usr/bin/passwd", "/usr/bin/wall"]
    assert facts["files"]["shells"] == ["/bin/busybox", "/bin/sh"]
    assert facts["files"]["login_servers"] == ["/usr/sbin/sshd"]
    assert facts["files"]["package_managers"] == ["/usr/bin/apt-get"]
    assert facts["files"]["tools"] == ["/usr/bin/curl"]
    assert "set_id_files" not in unknowns


def test_what_is_mounted_into_the_container_is_not_its_own(tree):
    """Trap 8: a bind mount of the same device has the same st_dev."""
    bind = "70 60 8:1 /srv /data rw - ext4 /dev/sda1 rw"
    tree.container(100, mounts=(*CONTAINER_MOUNTS, bind))
    program(tree, "/data/bin/su", 0o4755)
    program(tree, "/database/su", 0o4755)
    facts, _unknowns = scanned(tree)
    assert facts["set_id_files"] == ["/database/su"]


def test_links_are_not_followed(tree, tmp_path):
    """Trap 26: an absolute link would resolve in the agent's own root."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "su").write_text("x")
    (outside / "su").chmod(0o4755)
    tree.container(100)
    tree.link("/proc/100/root/escape", str(outside))
    tree.link("/proc/100/root/loop", ".")
    facts, _unknowns = scanned(tree)
    assert facts["set_id_files"] == []


def test_without_set_id_files_a_user_is_not_root_on_the_host(tree):
    more = {"uids": (1000,) * 4, "bounding": "00000000a80425fb"}
    tree.container(100, **more)
    assert scanned(tree, {})[0]["ids"]["root_on_host"] is True  # not searched
    assert scanned(tree)[0]["ids"]["root_on_host"] is False
    program(tree, "/bin/su", 0o4755)
    assert scanned(tree)[0]["ids"]["root_on_host"] is True


@pytest.mark.parametrize("limit", ["MAX_ENTRIES", "MAX_DEPTH", "CPU_SECONDS"])
def test_a_walk_that_is_cut_finds_nothing_out(tree, monkeypatch, limit):
    monkeypatch.setattr(file_scan, limit, 1 if limit != "CPU_SECONDS" else -1)
    tree.container(100)
    program(tree, "/a/b/c/x", 0o644)
    facts, unknowns = scanned(tree)
    assert "set_id_files" not in facts
    assert unknowns["set_id_files"] == "truncated"
    assert facts["ids"]["root_on_host"] is True


def test_a_root_on_a_file_system_of_a_user_program_is_not_walked(tree):
    """Trap 27: its server may never answer."""
    fuse = CONTAINER_MOUNTS[0].replace("- overlay overlay", "- fuse.fuse-overlayfs x")
    tree.container(100, mounts=(fuse, *CONTAINER_MOUNTS[1:]))
    facts, unknowns = scanned(tree)
    assert "set_id_files" not in facts
    assert unknowns["set_id_files"] == "could not be read"


def test_hostile_names_and_nodes_cost_nothing(tree):
    tree.container(100)
    root = tree.folder / "proc/100/root"
    os.mkfifo(root / "sh")
    folder = os.fsencode(root) + b"/\xff\n\x1b[31m"
    os.mkdir(folder)
    with open(folder + b"/su", "wb") as file:
        os.fchmod(file.fileno(), 0o4755)
    facts, _unknowns = scanned(tree)
    assert facts["set_id_files"] == ["/\\xff\n\x1b[31m/su"]
    assert facts["files"]["shells"] == []


def test_at_most_500_files_are_listed(tree, monkeypatch):
    monkeypatch.setattr(file_scan, "MAX_FILES", 2)
    tree.container(100)
    for number in range(3):
        program(tree, "/s%d" % number, 0o4755)
    facts, unknowns = scanned(tree)
    assert facts["set_id_files"] == ["/s0", "/s1"]
    assert unknowns["set_id_files"] == "truncated"
