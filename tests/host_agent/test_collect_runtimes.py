"""The runtimes section: engines by their processes, files, sockets and answers."""

import json
import os
import socket
import subprocess
import tempfile
import threading
import time
from pathlib import Path

import pytest
from underpin_agent.collectors import (
    engine_access,
    engine_api,
    engine_files,
    engines,
    runtime_docker,
    runtime_others,
    runtimes,
    settings,
    unix_sockets,
)
from underpin_agent.collectors.gathering import Gathering, Unknown
from underpin_agent.reading import Absent, Host

from tests.host_agent.hosts.building import Machine, as_nobody, body

INFO = {
    "Driver": "overlay2",
    "LiveRestoreEnabled": True,
    "Swarm": {"LocalNodeState": "active"},
    "SecurityOptions": ["name=seccomp,profile=builtin", "name=userns"],
    "Runtimes": {"runc": {"path": "runc"}, "kata": {"runtimeType": "io.kata.v2"}},
    "RegistryConfig": {
        "InsecureRegistryCIDRs": ["127.0.0.0/8", "::1/128", "10.0.0.0/8"],
        "IndexConfigs": {"docker.io": {"Secure": True}, "old:5000": {"Secure": False}},
    },
    "DockerRootDir": "/var/lib/docker/100000.100000",
}
VERSION = {
    "Version": "29.1.0",
    "Components": [{"Name": "Engine", "Version": "29.1.0"}, {"Name": "runc", "Version": "1.4.3"}],
}


@pytest.fixture
def machine(tmp_path):
    return Machine(tmp_path).files(
        **{
            "/etc/group": "root:x:0:\ndocker:x:990:alice\n",
            "/etc/passwd": "root:x:0:0::/root:/bin/sh\nalice:x:1000:1000::/home/alice:/bin/sh\n",
            "/proc/self/loginuid": "4294967295",
            "/proc/self/net/unix": "Num\n",
        }
    )


@pytest.fixture
def docker(machine):
    """A dockerd whose socket is there and answers nothing."""
    machine.process(50, "dockerd", ["/usr/bin/dockerd", "-H", "fd://"])
    machine.write("/proc/50/oom_score_adj", "-500\n")
    return machine.socket(50, "/run/docker.sock", 777)


def only(machine):
    """The one entry, and the unknowns."""
    facts, unknowns = body(runtimes.collect, machine.context())
    (entry,) = facts["items"]
    return entry, unknowns


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (["-H", "unix:///a", "-Htcp://b"], {"host": ["unix:///a", "tcp://b"]}),
        (["--tlsverify", "--tlskey", "/k"], {"tlsverify": ["true"], "tlskey": ["/k"]}),
        (["--icc=false", "-D"], {"icc": ["false"], "debug": ["true"]}),
        (["-l", "debug", "--data-root=/d"], {"log-level": ["debug"], "data-root": ["/d"]}),
        (["--label"], {"label": [""]}),
        (["stray", "-", "--"], {}),
    ],
)
def test_command_lines_are_read_as_go_programs_read_them(words, found):
    assert settings.parse_arguments(["dockerd", *words]) == found


def test_simple_toml():
    text = """
root = "/data" # comment with "quotes"
list = [
  "a",   # one
  'b',
]
[grpc]
  address = "/run/x#y.sock"
  uid = 5
  [plugins."io.containerd.grpc.v1.cri".registry.configs."old:5000".tls]
    insecure_skip_verify = true
"""
    found = settings.parse_toml(text)
    assert found["root"] == "/data"
    assert found["list"] == ["a", "b"]
    assert (found["grpc.address"], found["grpc.uid"]) == ("/run/x#y.sock", 5)
    assert runtime_others.unchecked_registries(found) == ["old:5000"]


def test_the_socket_a_daemon_listens_on_is_the_truth(docker):
    entry, unknowns = only(docker)
    assert entry["key"] == "docker"
    assert entry["rootless"] is False
    assert entry["oom_score_adjust"] == -500
    info = os.stat(docker.at("/run/docker.sock"))
    assert entry["sockets"] == [
        {
            "path": "/run/docker.sock",
            "uid": info.st_uid,
            "gid": info.st_gid,
            "group": "root",
            "group_read_write": True,
            "other_read_write": False,
        }
    ]
    assert entry["api"] == "absent"  # a plain file stands for the socket: connection refused
    assert unknowns["runtimes[].version"] == "no runtime API"
    assert "default_seccomp" not in entry


def test_private_sockets_of_the_daemon_are_no_doors(docker):
    docker.socket(50, "/run/docker/metrics.sock", 778)
    docker.socket(50, "/run/docker/libnetwork/abc.sock", 779)
    entry, _ = only(docker)
    assert [row["path"] for row in entry["sockets"]] == ["/run/docker.sock"]


def test_a_socket_others_may_write_counts_only_below_open_folders(docker):
    docker.mode("/run/docker.sock", 0o666)
    assert only(docker)[0]["sockets"][0]["other_read_write"] is True
    docker.mode("/run", 0o700)
    assert only(docker)[0]["sockets"][0]["other_read_write"] is False


def test_a_group_without_a_name_is_unknown(docker):
    docker.write("/etc/group", "other:x:5:\n")
    entry, unknowns = only(docker)
    assert "group" not in entry["sockets"][0]
    assert "runtimes[].sockets[].group" in unknowns


def test_defaults_hold_where_nothing_is_configured(docker):
    entry, _ = only(docker)
    assert entry["default_inter_container"] is True
    assert entry["manages_firewall"] is True
    assert entry["userland_proxy"] is True
    assert entry["default_no_new_privileges"] is False
    assert entry["user_namespace_remap"] is False
    assert entry["log_level"] == "info"
    assert entry["authorization_plugins"] == []
    assert entry["metrics_exposed"] is False
    assert entry["events"] == {"backend": "memory", "volatile": True}


def test_the_file_decides_what_the_command_line_leaves_open(docker):
    config = {
        "icc": False,
        "iptables": "false",
        "no-new-privileges": True,
        "userns-remap": "default",
        "authorization-plugins": ["b", "a"],
        "insecure-registries": ["old:5000"],
        "metrics-addr": "0.0.0.0:9323",
        "debug": True,
    }
    docker.write("/etc/docker/daemon.json", json.dumps(config))
    docker.mode("/etc/docker/daemon.json", 0o662)
    entry, _ = only(docker)
    assert entry["default_inter_container"] is False
    assert entry["manages_firewall"] is False
    assert entry["default_no_new_privileges"] is True
    assert entry["user_namespace_remap"] is True
    assert entry["authorization_plugins"] == ["a", "b"]
    assert entry["insecure_registries"] == ["old:5000"]
    assert entry["metrics_exposed"] is True
    assert entry["log_level"] == "debug"
    assert entry["config_files"] == [
        {
            "path": "/etc/docker/daemon.json",
            "uid": os.geteuid(),
            "group_writable": True,
            "other_writable": True,
        }
    ]


@pytest.mark.parametrize("content", ["{broken", "[]", '"text"'])
def test_an_unreadable_file_leaves_settings_unknown(docker, content):
    docker.write("/etc/docker/daemon.json", content)
    entry, unknowns = only(docker)
    assert "default_inter_container" not in entry
    assert unknowns["runtimes[].default_inter_container"] == (
        "the configuration file could not be read"
    )


def test_a_linked_configuration_counts_as_the_file_behind_it(docker):
    docker.write("/srv/daemon.json", "{}").link("/etc/docker/daemon.json", "../../srv/daemon.json")
    entry, _ = only(docker)
    assert [row["path"] for row in entry["config_files"]] == ["/srv/daemon.json"]


def test_the_first_engine_keeps_its_name_when_a_second_starts(machine):
    machine.process(50, "dockerd", ["dockerd", "-H", "unix:///srv/a.sock"])
    machine.socket(50, "/srv/a.sock", 1)
    machine.process(90, "dockerd", ["dockerd", "-H", "unix:///srv/b.sock"])
    machine.socket(90, "/srv/b.sock", 2)
    keys = [engine.key for engine in engines.find_engines(machine.context())]
    assert keys == ["docker", "docker:/srv/b.sock"]


def test_the_default_socket_names_an_engine_before_age(machine):
    machine.process(50, "dockerd", ["dockerd"]).socket(50, "/srv/a.sock", 1)
    machine.process(90, "dockerd", ["dockerd"]).socket(90, "/run/docker.sock", 2)
    found = {one.key: one.sockets for one in engines.find_engines(machine.context())}
    assert found["docker"] == ["/run/docker.sock"]


def test_the_engine_of_a_user_is_rootless_and_named_after_them(machine):
    machine.process(50, "dockerd", ["dockerd"], uid=1000)
    entry, _ = only(machine)
    assert (entry["key"], entry["rootless"]) == ("docker:alice", True)


def test_var_run_is_run(machine):
    machine.link("/var/run", "/run")
    assert (
        unix_sockets.resolved(machine.context().host, "/var/run/docker.sock") == "/run/docker.sock"
    )


def inet_row(address, port, inode, state="0A"):
    return f"0: {address}:{port:04X} 00000000:0000 {state} 0:0 0:0 0 0 0 {inode} 1\n"


def test_a_tcp_door_is_one_that_listens_not_one_that_is_configured(docker):
    docker.process(60, "dockerd", ["dockerd", "-H", "tcp://0.0.0.0:2375", "-H", "tcp://:9999"])
    docker.processes.pop(0)
    docker.write("/proc/60/net/unix", "Num\n").write("/proc/60/net/tcp6", "head\n")
    docker.link("/proc/60/fd/9", "socket:[55]").link("/proc/60/fd/8", "socket:[56]")
    table = inet_row("0100007F", 2375, 55) + inet_row("00000000", 8080, 56)
    docker.write("/proc/60/net/tcp", "head\n" + table + inet_row("00000000", 2375, 1234))
    docker.write("/proc/60/oom_score_adj", "0")
    entry, _ = only(docker)
    assert entry["tcp_listeners"] == [
        {
            "address": "127.0.0.1",
            "port": 2375,
            "loopback": True,
            "tls": False,
            "verifies_clients": False,
        }
    ]


def test_sockets_that_may_not_be_listed_leave_the_doors_unknown(docker):
    docker.write("/etc/docker/daemon.json", '{"hosts": ["tcp://0.0.0.0:2376"], "tlsverify": true}')
    facts, unknowns = body(runtimes.collect, docker.context())
    assert "tcp_listeners" not in facts["items"][0]
    assert "runtimes[].tcp_listeners" in unknowns


@pytest.mark.parametrize(
    ("address", "exposed"),
    [
        ("0.0.0.0:9323", True),
        ("127.0.0.1:9323", False),
        ("[::1]:1", False),
        (":9323", True),
        ("localhost:1", False),
    ],
)
def test_what_is_reachable_from_elsewhere(address, exposed):
    assert engine_access.is_off_loopback(address) is exposed


def test_answers_of_the_engine(machine):
    row = runtime_docker
    assert row.component_versions(VERSION) == {"runc": "1.4.3"}
    assert row.default_seccomp(INFO["SecurityOptions"]) == "builtin"
    assert row.default_seccomp(["name=seccomp,profile=/etc/p.json"]) == "/etc/p.json"
    assert row.default_seccomp(["name=apparmor"]) == "unconfined"
    assert row.insecure_registries(INFO["RegistryConfig"]) == ["10.0.0.0/8", "old:5000"]
    assert row.oci_runtimes(INFO["Runtimes"]) == [
        {"name": "kata", "path": "io.kata.v2"},
        {"name": "runc", "path": "runc"},
    ]


@pytest.mark.parametrize(
    ("file", "drift"),
    [
        ({}, []),
        ({"live-restore": True, "storage-driver": "overlay2"}, []),
        ({"live-restore": False}, ["live-restore"]),
        ({"storage-driver": "vfs", "data-root": "/srv"}, ["data-root", "storage-driver"]),
        ({"data-root": "/var/lib/docker/"}, []),
        ({"hosts": ["unix:///var/run/docker.sock"]}, []),
        ({"hosts": ["unix:///srv/other.sock"]}, ["hosts"]),
    ],
)
def test_drift_is_a_file_that_says_what_does_not_run(file, drift):
    assert runtime_docker.config_drift(file, INFO, ["/run/docker.sock"]) == drift


class Answering(threading.Thread):
    """A unix socket that answers each connection with fixed bytes."""

    def __init__(self, path, reply):
        super().__init__(daemon=True)
        self.server = socket.socket(socket.AF_UNIX)
        self.server.bind(str(path))
        self.server.listen()
        self.reply = reply

    def run(self):
        while True:
            try:
                one, _ = self.server.accept()
            except OSError:
                return
            with one:
                one.recv(4096)
                if self.reply is None:
                    continue
                one.sendall(self.reply)


def http(status, content):
    head = f"HTTP/1.1 {status}\r\nContent-Length: {len(content)}\r\n\r\n"
    return head.encode() + content


@pytest.fixture
def answering(tmp_path):
    started = []

    def start(reply):
        path = tmp_path / f"s{len(started)}.sock"
        started.append(Answering(path, reply))
        started[-1].start()
        return str(path)

    yield start
    for one in started:
        one.server.close()


def test_an_engine_that_answers(answering):
    path = answering(http("200 OK", b'{"Version": "1"}'))
    assert engine_api.get_json(Host(), path, "/version") == {"Version": "1"}


@pytest.mark.parametrize(
    ("reply", "word"),
    [
        (http("403 Forbidden", b"{}"), "denied"),
        (http("500 Error", b"{}"), None),
        (http("200 OK", b"not json"), None),
        (http("200 OK", b"[" * 100_000), None),
        (b"nonsense\r\n\r\n", None),
        (b"", None),
    ],
)
def test_an_engine_that_does_not_answer_well(answering, reply, word):
    with pytest.raises(engine_api.ReadFailed) as caught:
        engine_api.get_json(Host(), answering(reply), "/version")
    assert engine_api.state_of(caught.value) == word


def test_an_engine_that_says_nothing_costs_one_second(tmp_path):
    path = str(tmp_path / "silent.sock")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(path)
        server.listen()
        with pytest.raises(engine_api.TimedOut) as caught:
            engine_api.get_json(Host(), path, "/version")
    assert engine_api.state_of(caught.value) == "timeout"


def test_a_socket_that_is_not_there_is_absent(tmp_path):
    with pytest.raises(Absent) as caught:
        engine_api.get_json(Host(), str(tmp_path / "none.sock"), "/version")
    assert engine_api.state_of(caught.value) == "absent"


def test_a_link_in_place_of_the_socket_is_not_followed(answering, tmp_path):
    path = answering(http("200 OK", b"{}"))
    (tmp_path / "link.sock").symlink_to(path)
    with pytest.raises(engine_api.ReadFailed):
        engine_api.get_json(Host(), str(tmp_path / "link.sock"), "/version")


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A real certificate, made by openssl."""
    folder = tmp_path_factory.mktemp("tls")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
         "-nodes", "-keyout", folder / "key.pem", "-out", folder / "cert.pem",
         "-subj", "/CN=test", "-days", "30"],
        check=True, capture_output=True,
    )  # fmt: skip
    return folder


def test_the_end_of_a_certificate_as_openssl_prints_it(certificate):
    shown = subprocess.run(
        ["openssl", "x509", "-enddate", "-noout", "-dateopt", "iso_8601",
         "-in", certificate / "cert.pem"],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    expected = shown.stdout.strip().partition("=")[2].replace(" ", "T")
    assert engine_files.not_after((certificate / "cert.pem").read_text()) == expected


@pytest.mark.parametrize("data", [b"", b"\x30\x82\xff\xff", b"\x30\x03\x30\x01\x00"])
def test_bytes_that_are_no_certificate_raise_nothing_else(data):
    with pytest.raises((ValueError, IndexError)):
        engine_files.validity_end(data)


def test_text_without_a_certificate_is_unknown():
    with pytest.raises(Unknown):
        engine_files.not_after("-----BEGIN PRIVATE KEY-----\nAA==\n-----END PRIVATE KEY-----\n")


def test_podman_exists_by_its_monitors_and_sockets(machine):
    machine.process(70, "conmon", ["conmon", "-c", "x"], uid=1000)
    machine.write("/run/podman/podman.sock")
    row = "0: 2 0 00010000 0001 01 5 /run/podman/podman.sock\n"
    machine.write("/proc/self/net/unix", "Num\n" + row)
    machine.write("/etc/containers/containers.conf", '[engine]\nevents_logger = "none"\n')
    facts, _ = body(runtimes.collect, machine.context())
    by_key = {entry["key"]: entry for entry in facts["items"]}
    assert set(by_key) == {"podman", "podman:alice"}
    assert by_key["podman"]["api_service_active"] is True
    assert by_key["podman:alice"]["api_service_active"] is False
    assert by_key["podman"]["events"] == {"backend": "none", "volatile": True}


def test_unchecked_registries_of_podman():
    text = (
        'unqualified-search-registries = ["a"]\n[[registry]]\nlocation = "safe.example"\n'
        '[[registry]]\nprefix = "old.example"\ninsecure = true\n'
    )
    assert runtime_others.insecure_locations(text) == ["old.example"]


def test_containerd_is_not_asked_over_grpc(machine):
    machine.process(80, "containerd", ["containerd", "--config", "/etc/c.toml"])
    machine.write(
        "/etc/c.toml", '[metrics]\n address = "0.0.0.0:1338"\n[debug]\n level = "debug"\n'
    )
    machine.socket(80, "/run/containerd/containerd.sock", 5)
    machine.socket(80, "/run/containerd/debug.sock", 6)
    machine.write("/proc/80/oom_score_adj", "0")
    entry, unknowns = only(machine)
    assert "api" not in entry
    assert unknowns["runtimes[].api"] == "gRPC only, not asked"
    assert entry["metrics_exposed"] is True
    assert entry["log_level"] == "debug"
    assert [row["path"] for row in entry["sockets"]] == ["/run/containerd/containerd.sock"]


def test_a_host_without_engines_has_an_empty_list(machine):
    facts, unknowns = body(runtimes.collect, machine.context())
    assert facts == {"items": []}
    assert unknowns == {}


class Dripping(threading.Thread):
    """An engine that sends one byte at a time and never ends."""

    def __init__(self, path):
        super().__init__(daemon=True)
        self.server = socket.socket(socket.AF_UNIX)
        self.server.bind(path)
        self.server.listen()

    def run(self):
        one, _ = self.server.accept()
        with one:
            try:
                one.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
                while True:
                    one.sendall(b"[")
                    time.sleep(0.05)
            except OSError:
                pass


def test_an_engine_that_drips_is_cut_off(tmp_path, monkeypatch):
    monkeypatch.setattr(engine_api, "_DEADLINE_SECONDS", 0.3)
    path = str(tmp_path / "drip.sock")
    server = Dripping(path)
    server.start()
    started = time.monotonic()
    with pytest.raises(engine_api.TimedOut):
        engine_api.get_json(Host(), path, "/info")
    assert time.monotonic() - started < 2
    server.server.close()


def test_without_the_right_to_see_descriptors_configured_sockets_count():
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        machine = Machine(folder)
        machine.process(50, "dockerd", ["dockerd", "-H", "unix:///srv/a.sock"])
        machine.socket(50, "/srv/a.sock", 1).socket(50, "/srv/b.sock", 2)
        machine.process(60, "containerd", ["containerd"]).socket(60, "/srv/c.sock", 3)
        machine.mode("/proc/50/fd", 0o700).mode("/proc/60/fd", 0o700)

        def collected():
            found = engines.find_engines(machine.context())
            return {
                one.kind: [one.sockets, getattr(one.sockets_failure, "errno_name", "")]
                for one in found
            }

        answer = as_nobody(collected)
    assert answer == {"docker": [["/srv/a.sock"], ""], "containerd": [[], "EACCES"]}


def test_sockets_that_are_not_known_are_no_empty_list(docker):
    engine = engines.find_engines(docker.context())[0]
    engine.sockets_failure = Absent("/proc/50/net/unix", "ENOENT")
    row = Gathering("runtimes[]")
    engine_access.gather(row, docker.context(), engine)
    assert "sockets" not in row.facts
    assert row.section.unknowns[0]["path"] == "runtimes[].sockets"


def test_a_host_without_ipv6_has_tcp_doors_all_the_same(machine):
    machine.process(80, "dockerd", ("dockerd", "-H", "tcp://0.0.0.0:2376"))
    machine.link("/proc/80/fd/3", "socket:[7]")
    row = "   0: 00000000:0948 00000000:0000 0A 0 0 0 0 0 7 1 0\n"
    machine.write("/proc/80/net/tcp", "head\n" + row)
    facts, _unknowns = body(runtimes.collect, machine.context())
    (door,) = facts["items"][0]["tcp_listeners"]
    assert (door["address"], door["port"], door["tls"]) == ("0.0.0.0", 2376, False)
