"""What runtimes say: docker's state files, bundles of shims, arguments of conmon."""

import json

import pytest
from underpin_agent.enrichment import docker

from tests.host_agent.tree import CONTAINER_ID, OTHER_ID

KEY = CONTAINER_ID[:12]


def state(**changed):
    found = {
        "Name": "/web",
        "Image": "sha256:" + "a" * 64,
        "LogPath": "/store/containers/%s/x.log" % CONTAINER_ID,
        "Config": {
            "Image": "shop/web:1",
            "Tty": True,
            "OpenStdin": False,
            "Labels": {"com.docker.compose.project": "shop"},
            "Healthcheck": {"Test": ["CMD", "true"]},
            "Env": ["PASSWORD=hunter2"],
        },
        "NetworkSettings": {
            "Ports": {"80/tcp": [{"HostIp": "127.0.0.1", "HostPort": "8080"}], "81/tcp": None},
            "Networks": {"shop": {"EndpointID": "e", "MacAddress": "02:00", "NetworkID": "n"}},
        },
    }
    return {**found, **changed}


HOST_CONFIG = {
    "Privileged": False,
    "RestartPolicy": {"Name": "on-failure", "MaximumRetryCount": 3},
    "LogConfig": {"Type": "json-file", "Config": {"max-size": "1m", "mode": "non-blocking"}},
    "Memory": 4096,
    "NanoCpus": 1500000000,
    "PidsLimit": 7,
}


def docker_host(tree, root="/store", argv=("dockerd", "--data-root", "/store"), uid=0):
    tree.process(80, "dockerd", argv=argv, uids=(uid,) * 4)
    tree.shim(90)
    tree.container(100, shim=90)
    folder = "%s/containers/%s" % (root, CONTAINER_ID)
    tree.write(folder + "/config.v2.json", json.dumps(state()))
    tree.write(folder + "/hostconfig.json", json.dumps(HOST_CONFIG))
    return tree.containers()[KEY]


def test_dockers_state_completes_a_container(tree):
    found = docker_host(tree)
    assert (found["name"], found["runtime"], found["runtime_reference"]) == (
        "web",
        "docker",
        "bundle",
    )
    assert (found["image_reference"], found["origin"]) == ("shop/web:1", "compose")
    assert found["restart"] == {"policy": "on-failure", "max_retries": 3}
    assert (found["health"]["defined"], found["terminal"], found["stdin_open"]) == (
        True,
        True,
        False,
    )
    assert found["published_ports"] == [
        {"host_address": "127.0.0.1", "host_port": 8080, "container_port": 80, "loopback": True}
    ]


def test_the_log_settings(tree):
    found = docker_host(tree)["log"]
    assert (found["driver"], found["rotates"], found["mode"]) == ("json-file", True, "non-blocking")
    assert (found["buffer_bytes"], found["matches_default"]) == (1048576, False)


def test_a_log_that_others_may_read(tree):
    docker_host(tree)
    log = tree.write("/store/containers/%s/x.log" % CONTAINER_ID)
    log.chmod(0o644)
    assert tree.containers()[KEY]["log"]["other_read"] is True
    log.parent.chmod(0o700)
    assert tree.containers()[KEY]["log"]["other_read"] is False


def test_values_of_the_environment_never_leave_the_host(tree):
    assert "hunter2" not in json.dumps(docker_host(tree))


def test_the_state_lies_below_a_remapped_root(tree):
    assert docker_host(tree, root="/store/231072.231072")["name"] == "web"


def test_the_configuration_file_names_the_root(tree):
    tree.write(
        "/etc/docker/daemon.json", json.dumps({"data-root": "/other", "log-driver": "local"})
    )
    assert docker_host(tree, root="/other", argv=("dockerd",))["name"] == "web"


def test_arguments_win_over_the_configuration_file(tree):
    """Trap 28: file and arguments may disagree."""
    tree.write("/etc/docker/daemon.json", json.dumps({"log-opts": {"max-size": "5m"}}))
    argv = ("dockerd", "--data-root=/store", "--log-driver", "local", "--log-opt", "max-size=1m")
    tree.process(80, "dockerd", argv=argv)
    engine = docker.engines(tree.context().host, tree.context().processes)[0]
    assert (engine.data_root, engine.log_driver) == ("/store", "local")
    assert engine.log_options == {"max-size": "1m"}


def test_an_old_container_keeps_the_log_options_of_its_creation(tree):
    """Trap 29: docker merges the daemon's options at create time only."""
    argv = ("dockerd", "--data-root", "/store", "--log-opt", "max-size=9m")
    assert docker_host(tree, argv=argv)["log"]["matches_default"] is False


def test_an_engine_of_another_user_is_not_believed(tree):
    found = docker_host(tree, uid=1000)
    assert "name" not in found


@pytest.mark.parametrize("text", ["", "[]", "{", '"x"', "null", "[" * 5000])
def test_a_damaged_state_file_makes_facts_unknown(tree, text):
    docker_host(tree)
    tree.write("/store/containers/%s/config.v2.json" % CONTAINER_ID, text)
    found = tree.containers()[KEY]
    assert "name" not in found
    assert "could not be read" in found["unknown"]["name"]
    assert found["capabilities"]["effective"]


def test_strange_types_in_the_state_cost_nothing_else(tree):
    docker_host(tree)
    folder = "/store/containers/%s/" % CONTAINER_ID
    odd = state(Config=[], NetworkSettings="x", Name=None)
    tree.write(folder + "config.v2.json", json.dumps(odd))
    tree.write(folder + "hostconfig.json", json.dumps({"RestartPolicy": 5, "LogConfig": None}))
    found = tree.containers()[KEY]
    assert found["capabilities"]["effective"]
    assert found["restart"]["policy"] == ""


@pytest.mark.parametrize(
    "name", ["<script>alert(1)</script>", "=1+1", "a\u202eb", "x\ny", "\x1b]8;;http://x\x07"]
)
def test_hostile_names_arrive_as_they_are(tree, name):
    docker_host(tree)
    path = "/store/containers/%s/config.v2.json" % CONTAINER_ID
    tree.write(path, json.dumps(state(Name="/" + name)))
    assert tree.containers()[KEY]["name"] == name


def test_published_ports_skip_what_is_no_port():
    ports = {
        "80/tcp": [{"HostIp": "", "HostPort": "80"}, {"HostPort": "x"}],
        "z": [{"HostPort": "1"}],
    }
    rows = docker.published_ports(ports)
    assert [(row["host_address"], row["host_port"], row["loopback"]) for row in rows] == [
        ("0.0.0.0", 80, False)
    ]


def test_networks_without_endpoint_are_no_attachments():
    found = docker.attached({"bridge": {"EndpointID": ""}, "host": {"EndpointID": "e"}, "x": None})
    assert found == {}


def test_declared_limits_of_docker():
    assert docker.declared_limits(HOST_CONFIG) == {
        "memory_max_bytes": 4096,
        "pids_max": 7,
        "cpu_cores": 1.5,
    }
    assert docker.declared_limits({"PidsLimit": -1, "CpuQuota": 50000}) == {
        "memory_max_bytes": None,
        "pids_max": None,
        "cpu_cores": 0.5,
    }


# ---- podman, containerd, kubernetes -----------------------------------------------------------


def conmon(tree, *extra, storage=None, notes=None):
    folder = "/var/lib/containers/storage/overlay-containers/%s/userdata" % CONTAINER_ID
    argv = ("/usr/bin/conmon", "-c", CONTAINER_ID, "-n", "db", "-b", folder, *extra)
    tree.process(90, "conmon", argv=argv)
    spec = {"process": {"terminal": True}, "annotations": notes or {}}
    tree.write(folder + "/config.json", json.dumps(spec))
    if storage is not None:
        path = "/var/lib/containers/storage/overlay-containers/containers.json"
        tree.write(path, json.dumps(storage))
    tree.container(100, shim=90, cgroup="/machine.slice/libpod-%s.scope" % CONTAINER_ID)
    return tree.containers()[KEY]


def test_conmon_names_container_log_and_bundle(tree):
    found = conmon(tree, "-l", "k8s-file:/x.log", "--log-size-max", "1000")
    assert (found["name"], found["runtime"], found["runtime_reference"]) == (
        "db",
        "podman",
        "bundle",
    )
    assert (found["log"]["driver"], found["log"]["rotates"]) == ("k8s-file", True)
    assert found["terminal"] is True
    assert "restart.policy" in found["unknown"]


LIBPOD = {
    "io.container.manager": "libpod",
    "io.kubernetes.cri-o.Created": "2026-01-01T00:00:00Z",
    "io.kubernetes.cri-o.TTY": "false",
    "io.podman.annotations.privileged": "TRUE",
}


def test_podman_writes_annotations_of_cri_o_and_is_no_kubernetes(tree):
    found = conmon(tree, notes=LIBPOD)
    assert (found["runtime"], found["declared"]["privileged"]) == ("podman", True)
    assert found.get("origin") != "kubernetes"
    assert found.get("orchestrated") is not True


def test_a_container_of_cri_o_belongs_to_kubernetes(tree):
    notes = {"io.container.manager": "cri-o", "io.kubernetes.cri-o.SandboxID": OTHER_ID}
    found = conmon(tree, notes=notes)
    assert (found["runtime"], found["origin"]) == ("crio", "kubernetes")
    assert "declared.privileged" in found["unknown"]


def test_the_log_file_of_conmon_is_looked_at(tree):
    tree.write("/x.log", "x").chmod(0o600)
    found = conmon(tree, "-l", "k8s-file:/x.log")
    assert found["log"]["other_read"] is False


def test_the_image_of_podman_is_in_its_storage(tree):
    detail = json.dumps({"image-name": "docker.io/library/db:2"})
    rows = [
        {"id": OTHER_ID, "image": "x"},
        {"id": CONTAINER_ID, "image": "b" * 64, "metadata": detail},
    ]
    found = conmon(tree, storage=rows)
    assert found["image_id"] == "sha256:" + "b" * 64
    assert found["image_reference"] == "docker.io/library/db:2"


def test_a_pods_container_has_its_bundle_beside_the_sandbox(tree):
    tasks = "/run/containerd/io.containerd.runtime.v2.task/k8s.io/"
    tree.shim(90, container_id=OTHER_ID, namespace="k8s.io", bundle=tasks + OTHER_ID)
    notes = {
        "io.kubernetes.cri.container-name": "api",
        "io.kubernetes.cri.sandbox-id": OTHER_ID,
        "io.kubernetes.cri.image-name": "shop/api:3",
    }
    tree.write(tasks + CONTAINER_ID + "/config.json", json.dumps({"annotations": notes}))
    tree.container(100, shim=90, cgroup="/kubepods/burstable/podx/" + CONTAINER_ID)
    found = tree.containers()[KEY]
    assert (found["name"], found["pod"], found["runtime"]) == ("api", OTHER_ID, "containerd")
    assert (found["origin"], found["orchestrated"]) == ("kubernetes", True)
    assert found["image_reference"] == "shop/api:3"


def test_a_shim_without_readable_bundle_still_claims_its_container(tree):
    tree.shim(90)
    tree.container(100, shim=90)
    found = tree.containers()[KEY]
    assert (found["runtime"], found["runtime_reference"]) == ("docker", "shim")
    assert "not there" in found["unknown"]["restart.policy"]


def test_a_sandboxed_runtime_is_named(tree):
    argv = ("/usr/bin/containerd-shim-runsc-v1", "-namespace", "moby", "-id", CONTAINER_ID)
    tree.process(90, "containerd-shim", argv=argv, cwd="/bundle")
    tree.container(100, shim=90)
    assert tree.containers()[KEY]["sandbox"] == "gvisor"


def test_the_file_of_the_local_log_driver_lies_below_the_containers_folder(tree):
    """Its path is not in docker's state (daemon/logger/local)."""
    folder = "/store/containers/" + CONTAINER_ID
    tree.process(80, "dockerd", argv=("dockerd", "--data-root", "/store"))
    tree.shim(90)
    tree.container(100, shim=90)
    tree.write(folder + "/config.v2.json", json.dumps(state(LogPath="")))
    settings = {**HOST_CONFIG, "LogConfig": {"Type": "local", "Config": {}}}
    tree.write(folder + "/hostconfig.json", json.dumps(settings))
    log = tree.write(folder + "/local-logs/container.log", "x")
    log.chmod(0o600)
    assert tree.containers()[KEY]["log"]["other_read"] is False


def test_a_container_of_the_second_engine_names_that_engine(tree):
    tree.process(70, "dockerd", argv=("dockerd", "--data-root", "/first"))
    found = docker_host(tree)
    assert found["runtime"] == "docker:/store"
