"""The door to the host: failures keep their names, and no link or device leads astray."""

import os

import pytest
from underpin_agent.mountinfo import parse
from underpin_agent.reading import Absent, ContainedHost, Denied, Host, ReadFailed

from tests.host_agent.hosts.building import as_nobody


@pytest.fixture
def host(tmp_path):
    root = tmp_path / "root"
    (root / "etc").mkdir(parents=True)
    (root / "etc/name").write_text("inside\n")
    (tmp_path / "secret").write_text("outside\n")
    return ContainedHost(str(root))


def test_an_absolute_link_stays_inside(host, tmp_path):
    """Trap 26: under /proc/<pid>/root it would resolve in the agent's own root."""
    os.symlink("/etc/name", host.root + "/link")
    os.symlink(str(tmp_path / "secret"), host.root + "/escape")
    assert host.line("/link") == "inside"
    with pytest.raises(Absent):
        host.read("/escape")


def test_dots_end_at_the_root(host):
    os.symlink("../../../../../secret", host.root + "/up")
    with pytest.raises(Absent):
        host.read("/up")
    with pytest.raises(Absent):
        host.read("/etc/../../secret")
    assert host.line("/../etc/name") == "inside"


def test_a_folder_that_is_a_link_stays_inside(host):
    os.symlink("/", host.root + "/etc/loop")
    assert host.names("/etc/loop/etc") == ["loop", "name"]


def test_links_in_a_ring_end(host):
    os.symlink("b", host.root + "/a")
    os.symlink("a", host.root + "/b")
    with pytest.raises(ReadFailed, match="ELOOP"):
        host.read("/a")


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
def test_only_regular_files_are_opened(host, make):
    make(host.root + "/thing")
    with pytest.raises(ReadFailed):
        host.read("/thing")


def test_a_device_in_a_container_is_never_opened(host, monkeypatch):
    """Opening alone can act: a watchdog would start."""
    if os.geteuid() != 0:
        pytest.skip("making a device node needs root")
    os.mknod(host.root + "/passwd", 0o666 | 0o020000, os.makedev(1, 7))
    opened, real = [], os.open

    def watched(path, flags, *more, **named):
        fd = real(path, flags, *more, **named)
        if not flags & os.O_PATH:
            opened.append(os.fstat(fd).st_rdev)
        return fd

    monkeypatch.setattr(os, "open", watched)
    with pytest.raises(ReadFailed, match="regular"):
        host.read("/passwd")
    assert os.makedev(1, 7) not in opened


def test_a_mount_that_may_hang_is_not_entered(host):
    """Trap 27: a dead network mount blocks for ever."""
    own = parse(Host("/").read("/proc/self/mountinfo", 4_194_304))
    host.blocked_mounts = frozenset(mount.mount_id for mount in own)
    with pytest.raises(ReadFailed, match="network or user-space"):
        host.exists("/etc/name")


@pytest.mark.parametrize("kind", [Host, ContainedHost])
def test_absent_denied_and_broken_are_told_apart(kind, tmp_path):
    tmp_path.chmod(0o755)
    (tmp_path / "closed").write_text("x")
    (tmp_path / "closed").chmod(0)
    (tmp_path / "folder").mkdir()

    def names():
        found = []
        for path in ("/missing", "/missing/below", "/closed/below", "/closed", "/folder"):
            try:
                kind(str(tmp_path)).read(path)
            except (Absent, Denied) as failure:
                found.append(type(failure).__name__)
            except ReadFailed:
                found.append("ReadFailed")
        return found

    parents = list(tmp_path.parents)[:-1]
    modes = [(folder, folder.stat().st_mode) for folder in parents]
    try:
        for folder, mode in modes:
            if not mode & 0o001:
                folder.chmod(mode | 0o001)
        assert as_nobody(names) == ["Absent", "Absent", "Absent", "Denied", "ReadFailed"]
    finally:
        for folder, mode in modes:
            folder.chmod(mode & 0o7777)


def test_bytes_that_are_no_text_are_shown(host):
    with open(host.root + "/raw", "wb") as file:
        file.write(b"a\xff\x00b")
    assert host.read("/raw") == "a\\xff\\x00b"


def test_lines_end_at_line_feeds_only(host):
    with open(host.root + "/lines", "w") as file:
        file.write("a\u2028b\x0cc\nd\n")
    assert host.lines("/lines") == ["a\u2028b\x0cc", "d"]


def test_reading_stops_at_the_cap(host):
    with open(host.root + "/big", "w") as file:
        file.write("x" * 5000)
    assert len(host.read_bytes("/big", 4096)) == 4096
