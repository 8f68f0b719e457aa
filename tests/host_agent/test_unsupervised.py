"""Who claims a container without shim or engine: records of runc, crun, LXC, nspawn, podman."""

import json
import random

import pytest
from underpin_agent.discovery import discover
from underpin_agent.enrichment import bolt, podman_state, unsupervised
from underpin_agent.processes import read_processes
from underpin_agent.reading import Host, ReadFailed

from tests.host_agent.hosts import bolt_file
from tests.host_agent.tree import CONTAINER_ID, HOST

KEY = "ns-4026533001"


def runc_state(tree, **changed):
    state = {"id": "tool", "init_process_pid": 100, "init_process_start": 5000, "config": {}}
    tree.write("/run/runc/tool/state.json", json.dumps({**state, **changed}))
    tree.container(100, cgroup="/tool", start=5000)
    return tree.containers()[KEY]


def test_runc_alone_names_its_container(tree):
    found = runc_state(tree)
    assert (found["id"], found["name"], found["runtime"]) == ("tool", "tool", "runc")
    assert found["runtime_reference"] == "shim"  # its bundle is not readable


@pytest.mark.parametrize("wrong", [{"init_process_pid": 99}, {"init_process_start": 4999}])
def test_a_record_of_another_process_claims_nothing(tree, wrong):
    """Pids are used again: the start time must fit too."""
    found = runc_state(tree, **wrong)
    assert (found["runtime"], found["runtime_reference"]) == ("unknown", "none")
    assert "name" not in found


@pytest.mark.parametrize("text", ["", "[]", "{", "null", '{"init_process_pid": "x"}', "[" * 9999])
def test_a_damaged_record_claims_nothing(tree, text):
    tree.write("/run/runc/tool/state.json", text)
    tree.container(100, cgroup="/tool", start=5000)
    assert tree.containers()[KEY]["runtime"] == "unknown"


def test_the_record_of_a_user_claims_only_containers_of_that_user(tree):
    state = {"id": "mine", "init_process_pid": 100, "init_process_start": 5000, "config": {}}
    tree.write("/run/user/1000/runc/mine/state.json", json.dumps(state))
    tree.container(100, cgroup="/", start=5000)
    assert tree.containers()[KEY]["runtime"] == "unknown"


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/lxc.payload.mail", ("lxc", "mail")),
        ("/lxc.payload.mail/system.slice/x.service", ("lxc", "mail")),
        ("/lxc/mail", ("lxc", "mail")),
        ("/lxc.monitor.mail", ("", "")),
        ("/machine.slice/systemd-nspawn@a.service/payload", ("systemd-nspawn", "a")),
        ("/machine.slice/machine-my\\x2dbox.scope", ("systemd-nspawn", "my-box")),
        ("/machine.slice/libpod-%s.scope" % CONTAINER_ID, ("", "")),
        ("/user.slice", ("", "")),
    ],
)
def test_the_name_of_a_machine_is_that_of_its_group(path, expected):
    assert unsupervised.machine_name([path]) == expected


def test_a_group_that_is_only_called_like_a_machine_is_claimed_by_nobody(tree):
    """A user may name a delegated group as he likes; then no monitor stands above it."""
    tree.container(100, cgroup="/user.slice/lxc.payload.web")
    found = tree.containers()[KEY]
    assert (found["name"], found["runtime_reference"]) == ("web", "none")


def test_programs_that_shield_themselves_in_a_system_container_are_no_containers(tree):
    tree.container(100, cgroup="/lxc.payload.mail")
    inner = {"pid": 4026533000, "mnt": 4026537001, "net": 4026533004, "uts": 4026537003}
    tree.process(101, "service", ppid=100, cgroup="/lxc.payload.mail/x", namespaces=inner)
    host = Host(str(tree.folder))
    (only,) = discover(host, read_processes(host)).containers
    assert sorted(one.pid for one in only.processes) == [100, 101]


def test_a_second_container_in_the_same_pid_namespace_is_one_of_its_own(tree):
    tree.container(100, cgroup="/a")
    joined = {"pid": 4026533000, "mnt": 4026537001, "net": 4026537002}
    tree.process(200, "other", ppid=1, cgroup="/b", namespaces=joined)
    host = Host(str(tree.folder))
    keys = [one.key for one in discover(host, read_processes(host)).containers]
    assert keys == ["ns-4026533001", "ns-4026537001"]


def test_without_the_right_to_see_links_a_pid_namespace_shows_who_entered(tree, monkeypatch):
    argv = ("/usr/bin/conmon", "-c", CONTAINER_ID, "-n", "db", "-b", "/x/overlay-containers/y/z")
    tree.process(90, "conmon", argv=argv)
    tree.container(100, shim=90, cgroup="/", ns_pids=(100, 1))
    host = Host(str(tree.folder))
    table = read_processes(host)
    for process in table:
        process.namespaces, process.namespaces_denied = {}, True
    (only,) = discover(host, table).containers
    assert (only.id, only.how, only.leader.pid) == (CONTAINER_ID, "ancestry", 100)


def test_a_name_for_an_id_and_no_right_to_see_links_make_no_key(tree):
    """Two such containers would share one key: neither is listed, and the gap is said."""
    tree.shim(90, container_id="demo", namespace="default")
    tree.container(100, shim=90, cgroup="/default/demo")
    host = Host(str(tree.folder))
    table = read_processes(host)
    for process in table:
        process.namespaces, process.namespaces_denied = {}, True
    discovery = discover(host, table)
    assert discovery.containers == []
    assert discovery.unreadable


# ---- podman's database ------------------------------------------------------------------------

PATH = (b"ctr", CONTAINER_ID.encode(), b"config")


def test_a_value_of_a_bolt_file():
    data = bolt_file.holding(PATH, b"{}")
    assert bolt.value(data, PATH) == b"{}"
    assert bolt.value(data, (b"ctr", b"other", b"config")) is None
    assert bolt.value(data, (b"none",)) is None


def test_bytes_that_are_no_bolt_file_fail_in_one_way():
    """A user writes such a file for the agent that reads it as root."""
    good, choose = bytearray(bolt_file.holding(PATH, b"x" * 500)), random.Random(7)
    for _ in range(3000):
        bad = good[: choose.randrange(len(good))] if choose.random() < 0.2 else bytearray(good)
        for _change in range(choose.randrange(1, 6)):
            if bad:
                at = choose.randrange(len(bad))
                at = at if choose.random() < 0.5 else at % 200 + choose.choice([0, 8192, 12288])
                if at < len(bad):
                    bad[at] = choose.randrange(256)
        try:
            found = bolt.value(bytes(bad), PATH)
        except bolt.NotBolt:
            continue
        assert found is None or len(found) <= len(bad)


def test_a_bucket_that_holds_itself_ends():
    page = bolt_file.leaf([(1, b"ctr", b"\3" + b"\0" * 15)])
    loop = page.ljust(bolt_file.SIZE, b"\0")
    data = bolt_file.meta(0, 1) + bolt_file.meta(1, 2) + loop + loop
    assert bolt.value(data, (b"ctr",) * 5) == b"\3" + b"\0" * 15


@pytest.mark.parametrize("text", [b"", b"[]", b"{", b"\xff"])
def test_a_damaged_setting_is_a_failure_with_a_name(tree, text):
    tree.write("/g/libpod/bolt_state.db", bolt_file.holding(PATH, text))
    with pytest.raises(ReadFailed):
        podman_state.settings_of(Host(str(tree.folder)), "/g", CONTAINER_ID)


def test_an_sqlite_file_of_another_user_is_not_opened(tree, monkeypatch):
    tree.write("/g/db.sql", b"SQLite format 3\0")
    monkeypatch.setattr(podman_state.os, "geteuid", lambda: 4711)
    path = tree.folder / "g/db.sql"
    if path.stat().st_uid == 0:
        path.chmod(0o600)
        podman_state.os.chown(path, 1234, 1234)
    with pytest.raises(ReadFailed, match="another user"):
        podman_state.settings_of(Host(str(tree.folder)), "/g", CONTAINER_ID)


def test_ports_of_podman_with_ranges_and_nonsense():
    mappings = [{"host_port": 8080, "container_port": 80, "range": 2}, {"host_port": "x"}, {}]
    rows = podman_state.published_ports(mappings)
    assert [(row["host_port"], row["container_port"]) for row in rows] == [(8080, 80), (8081, 81)]
    assert podman_state.published_ports("x") == []


# ---- ports that only their proxy names --------------------------------------------------------


def test_a_proxy_names_the_ports_of_the_container_whose_address_it_serves(tree):
    argv = ("/usr/bin/docker-proxy", "-proto", "tcp", "-host-ip", "127.0.0.1", "-host-port", "8080")
    argv += ("-container-ip", "172.17.0.2", "-container-port", "80")
    tree.process(300, "docker-proxy", argv=argv)
    tree.container(100)
    trie = "Local:\n  |-- 172.17.0.2\n     /32 host LOCAL\n"
    tree.write("/proc/100/net/fib_trie", trie)
    row = {"host_address": "127.0.0.1", "host_port": 8080, "container_port": 80, "loopback": True}
    assert tree.containers()[CONTAINER_ID[:12]]["published_ports"] == [row]


def test_without_a_proxy_published_ports_are_unknown_not_none(tree):
    tree.container(100)
    found = tree.containers()[CONTAINER_ID[:12]]
    assert "published_ports" not in found
    assert "published_ports" in found["unknown"]


def test_in_the_hosts_network_nothing_is_published(tree):
    tree.container(100, namespaces={"net": HOST["net"]})
    assert tree.containers()[CONTAINER_ID[:12]]["published_ports"] == []
