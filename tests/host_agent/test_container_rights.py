"""An agent without the right to look says unknown, never none."""

from underpin_agent.containers import collect_containers
from underpin_agent.reading import ContainedHost, Denied, Folder

from tests.host_agent.test_containers import only, rows_of, with_mounts
from tests.host_agent.tree import HOST


def test_a_bind_that_may_not_be_looked_at_has_no_role(tree, monkeypatch):
    """Without rights a socket, a device and a folder of the host look the same."""

    def refuse(_host, path):
        raise Denied(path, "EACCES")

    monkeypatch.setattr(ContainedHost, "stat", refuse)
    with_mounts(tree, "70 60 8:1 /srv/x /x rw,relatime - ext4 /dev/sda1 rw")
    found = only(tree)
    assert "role" not in rows_of(found)["/x"]
    assert {"mounts[].role", "mounts[].sensitive"} <= set(found["unknown"])
    assert rows_of(found)["/proc"]["role"] == "kernelfs"


def refusing_links(monkeypatch, pid):
    """As without the inspection right: names of descriptors are listed, their targets are not."""
    real = Folder.link

    def link(folder, name):
        if folder.path == "/proc/%d/fd" % pid:
            raise Denied(folder.path + "/" + name, "EACCES")
        return real(folder, name)

    monkeypatch.setattr(Folder, "link", link)


def test_descriptors_that_may_not_be_followed_prove_nothing(tree, monkeypatch):
    tree.container(100, namespaces={"net": HOST["net"]})
    tree.link("/proc/100/fd/3", "socket:[7]")
    refusing_links(monkeypatch, 100)
    found = only(tree)
    assert "leaked_descriptors" not in found
    assert {"leaked_descriptors", "network.listening"} <= set(found["unknown"])


def test_sockets_of_a_daemon_that_may_not_be_inspected_may_be_missed(tree, monkeypatch):
    tree.write("/proc/1/net/unix", "Num RefCount\n")
    tree.process(80, "dockerd")
    tree.link("/proc/80/fd/3", "socket:[7]")
    tree.container(100)
    assert "runtime_sockets" not in only(tree)["unknown"]
    refusing_links(monkeypatch, 80)
    found = only(tree)
    assert found["runtime_sockets"] == []
    assert "runtime_sockets" in found["unknown"]


def test_a_reason_for_many_paths_is_given_once(tree, monkeypatch):
    real = ContainedHost.stat

    def refuse(host, path):
        if path.startswith("/proc/"):
            raise Denied(path, "EACCES")
        return real(host, path)

    monkeypatch.setattr(ContainedHost, "stat", refuse)
    tree.container(100)
    (row,) = collect_containers(tree.context())
    paths = [entry["path"] for entry in row["posture"]["unknowns"]]
    assert paths.count("containers[].kernel_paths") == 1
