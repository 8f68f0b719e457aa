"""Real containers with known weaknesses: what the agent says must be what docker and /proc say."""

import json
import os
import time
from datetime import datetime
from pathlib import Path

import pytest
from underpin_agent.collection import build_context, collect
from underpin_agent.containers import collect_containers
from underpin_agent.isolation import Isolated

pytestmark = [pytest.mark.docker, pytest.mark.slow]

NAMES = {
    "plain": (),
    "hostpid": ("--pid=host",),
    "hostnet": ("--network=host",),
    "hostipc": ("--ipc=host", "--uts=host"),
    "caps": ("--cap-add=SYS_ADMIN", "--cap-add=NET_ADMIN"),
    "hardened": (
        "--user=10001:10001", "--cap-drop=ALL", "--security-opt=no-new-privileges", "--read-only",
        "--memory=64m", "--memory-swap=64m", "--cpus=0.5", "--pids-limit=64",
    ),
    "etc": ("-v", "/etc:/host-etc"),
    "rootro": ("-v", "/:/host:ro"),
    "nofilter": ("--security-opt=seccomp=unconfined",),
    "sharea": ("--ipc=shareable",),
    "volume": ("-v", "named:/data", "--tmpfs=/scratch:size=1m", "--tmpfs=/big"),
    "settings": (
        "--restart=on-failure:3", "--log-opt=max-size=1m", "--init", "-t", "-i",
        "--cpuset-cpus=0", "--cpu-shares=512", "--ulimit=nofile=100:200", "--oom-score-adj=500",
        "--label=com.docker.compose.project=x",
    ),
    "paused": (),
}  # fmt: skip


@pytest.fixture(scope="module")
def engine(docker_engine):
    socket = str(docker_engine.socket)
    for name, options in NAMES.items():
        docker_engine.run(name, *options)
    docker_engine.run("sock", "-v", socket + ":/var/run/odd.sock")
    docker_engine.run("shareb", "--network=container:sharea", "--ipc=container:sharea",
                      "--pid=container:sharea")  # fmt: skip
    docker_engine.run("server", command=("nc", "-ll", "-p", "8080", "-e", "cat"))
    docker_engine.docker("pause", "paused")
    time.sleep(2.5)
    yield docker_engine
    docker_engine.docker("unpause", "paused")
    docker_engine.remove_all()


@pytest.fixture(scope="module")
def rows(engine):
    """``{name: facts}`` of the containers of this engine."""
    ids = set(engine.docker("ps", "--quiet", "--no-trunc").split())
    found = {}
    for row in collect("/")["containers"]:
        facts = {**row["identity"]["facts"], **row["posture"]["facts"]}
        if facts.get("id") in ids:
            found[facts["name"]] = facts
    return found


def inspect(engine, name):
    return json.loads(engine.docker("inspect", name))[0]


def started(text):
    """The time of RFC 3339 to the second."""
    return datetime.fromisoformat(text[:19])


def mounted(facts, point):
    return next(row for row in facts["mounts"] if row["point"] == point)


def test_every_running_container_is_found_with_its_name(engine, rows):
    assert set(rows) == set(engine.docker("ps", "--format", "{{.Names}}").split())


def test_identity_is_that_of_docker(engine, rows):
    for name, facts in rows.items():
        said = inspect(engine, name)
        assert facts["id"] == said["Id"]
        assert facts["image_id"] == said["Image"]
        assert facts["image_reference"] == said["Config"]["Image"]
        apart = started(facts["started_at"]) - started(said["State"]["StartedAt"])
        assert abs(apart.total_seconds()) < 10  # docker notes its own answer, later than the start
        assert facts["runtime"].partition(":")[0] == "docker"  # other engines may run here


def test_states(rows):
    assert rows["paused"]["state"] == "paused"
    assert rows["plain"]["state"] == "running"


def test_namespaces_are_those_of_the_links(engine, rows):
    links = {"network": "net", "mount": "mnt"}
    for name, facts in rows.items():
        pid = engine.main_pid(name)
        for kind, found in facts["namespaces"].items():
            link = links.get(kind, kind)
            same = os.readlink("/proc/%d/ns/%s" % (pid, link)) == os.readlink("/proc/2/ns/" + link)
            assert found["is_host"] is same, (name, kind)


@pytest.mark.parametrize(
    ("name", "kinds"), [("hostpid", {"pid"}), ("hostnet", {"network"}), ("hostipc", {"ipc", "uts"})]
)
def test_namespaces_of_the_host_are_seen(rows, name, kinds):
    shared = {"pid", "network", "ipc", "uts", "mount"}
    found = {kind for kind in shared if rows[name]["namespaces"][kind]["is_host"]}
    assert found == kinds


def test_two_containers_that_share_have_equal_inodes(rows):
    first, second = (rows[name]["namespace_inodes"] for name in ("sharea", "shareb"))
    for kind in ("network", "ipc", "pid"):
        assert first[kind] == second[kind]
    assert first["mount"] != second["mount"]


def test_capabilities_are_those_of_the_process(engine, rows):
    for name in ("plain", "caps", "hardened"):
        status = Path("/proc/%d/status" % engine.main_pid(name)).read_text()
        mask = int(status.split("CapEff:\t")[1].split()[0], 16)
        assert len(rows[name]["capabilities"]["effective"]) == bin(mask).count("1")
    assert {"CAP_SYS_ADMIN", "CAP_NET_ADMIN"} <= set(rows["caps"]["capabilities"]["reachable"])
    assert rows["hardened"]["capabilities"]["reachable"] == []


def test_the_hardened_one(rows):
    facts = rows["hardened"]
    assert facts["no_new_privileges"] is True
    assert facts["root_filesystem"]["read_only"] is True
    assert facts["ids"]["host_uids"] == [10001]
    assert facts["ids"]["root_on_host"] is False
    limits = facts["limits"]
    assert (limits["memory_max_bytes"], limits["swap_max_bytes"]) == (64 << 20, 0)
    assert (limits["cpu_cores"], limits["pids_max"]) == (0.5, 64)
    assert set(limits["limited_by"].values()) == {"self"}
    assert limits["drift"] == []


def test_a_plain_one_is_not_limited(rows):
    limits = rows["plain"]["limits"]
    assert [limits[n + "_limited"] for n in ("memory", "cpu", "pids")] == [False] * 3


def test_the_runtime_socket_is_found_at_an_odd_path(engine, rows):
    pairs = [(r["host_path"], r["container_path"]) for r in rows["sock"]["runtime_sockets"]]
    assert pairs == [(str(engine.socket), "/var/run/odd.sock")]
    assert mounted(rows["sock"], "/var/run/odd.sock")["role"] == "socket"
    assert rows["plain"]["runtime_sockets"] == []
    inside = [r["container_path"] for r in rows["rootro"]["runtime_sockets"]]
    assert "/host" + str(engine.socket) in inside


def test_a_writable_etc(rows):
    row = mounted(rows["etc"], "/host-etc")
    assert (row["host_path"], row["role"], row["sensitive"]) == ("/etc", "host", "etc")
    assert row["read_only"] is False


def test_a_read_only_root_with_writable_parts(rows):
    row = mounted(rows["rootro"], "/host")
    assert (row["host_path"], row["sensitive"], row["read_only"]) == ("/", "root", True)
    below = [r for r in rows["rootro"]["mounts"] if r["under_host_bind"]]
    assert any(not r["read_only"] for r in below)


def test_filters(rows):
    assert rows["plain"]["seccomp"]["weakest_mode"] == 2
    assert rows["plain"]["seccomp"]["source"] == "oci"
    assert "mount" not in rows["plain"]["seccomp"]["risky_allowed"]
    assert "mount" in rows["caps"]["seccomp"]["risky_allowed"]
    assert rows["nofilter"]["seccomp"]["weakest_mode"] == 0


def test_ways_out(rows):
    assert rows["plain"]["escape_controls"] == []
    controls = {row["control"] for row in rows["caps"]["escape_controls"] if row["reachable"]}
    assert "core_pattern" in controls
    hosts = {row["path"] for row in rows["rootro"]["escape_controls"]}
    assert "/host/proc/sys/kernel/core_pattern" in hosts
    assert rows["plain"]["kernel_paths"]["/proc/sys"] == "readonly"
    assert rows["plain"]["leaked_descriptors"] == []


def test_devices(rows):
    for facts in (rows["plain"], rows["hardened"]):
        assert all(row["standard"] for row in facts["device_nodes"])
        assert facts["device_rules"]["allow_all"] is False


def test_storage(rows):
    assert mounted(rows["volume"], "/data")["role"] == "volume"
    assert rows["volume"]["mount_sources"]["/data"].endswith("/volumes/named/_data")
    sized = {row["path"]: row["sized"] for row in rows["volume"]["tmpfs"]}
    assert (sized["/scratch"], sized["/big"]) == (True, False)
    assert rows["plain"]["shared_memory_bytes"] == 64 << 20
    assert mounted(rows["hostipc"], "/dev/shm")["host_path"] == "/dev/shm"


def test_settings(rows):
    facts = rows["settings"]
    assert facts["restart"] == {"policy": "on-failure", "max_retries": 3}
    assert (facts["log"]["rotates"], facts["log"]["matches_default"]) == (True, False)
    assert (facts["terminal"], facts["stdin_open"], facts["origin"]) == (True, True, "compose")
    assert (facts["init"]["reaper"], facts["oom_score_adjust"]) == (True, 500)
    assert (facts["cpus"], facts["limits"]["cpus_single"]) == ([0], True)
    assert facts["limits"]["cpu_weight_set"] is True
    assert facts["rlimits"]["open_files_hard"] == 200
    assert rows["plain"]["log"]["rotates"] is False
    assert rows["plain"]["own_session_keyring"] is True


def test_listening(rows):
    found = [(r["port"], r["command"]) for r in rows["server"]["network"]["listening"]]
    assert found == [(8080, "nc")]
    assert rows["plain"]["network"]["listening"] == []
    assert rows["plain"]["network"]["interfaces"] == []
    assert rows["hostnet"]["network"]["interfaces"]
    assert rows["hostnet"]["network"]["listening"] == []


def test_equal_containers_have_equal_postures(engine):
    for name in ("twin-a", "twin-b"):
        engine.run(name)
    try:
        found = {}
        for row in collect("/")["containers"]:
            if row["identity"]["facts"].get("name", "").startswith("twin-"):
                found[row["identity"]["facts"]["name"]] = row["posture"]
        assert found["twin-a"] == found["twin-b"]
    finally:
        engine.remove("twin-a", "twin-b")


def test_a_second_look_finds_the_same(engine):
    def postures():
        whole = Isolated("/").index().containers
        ids = set(engine.docker("ps", "--quiet").split())
        return {key: posture for key, _identity, posture in whole if key in ids}

    # A process that comes of age between two looks changes a row, but only once.
    assert any(postures() == postures() for _ in range(3))


def test_a_container_that_ends_meanwhile_stops_nothing(engine):
    engine.run("short")
    context = build_context("/")
    engine.remove("short")
    rows = collect_containers(context)
    assert len(rows) == len(context.discovery.containers)
