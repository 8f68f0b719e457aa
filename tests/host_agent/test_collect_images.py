"""The images section: stores of docker and podman on disk."""

import base64
import hashlib
import json

import pytest
from underpin_agent.collectors import docker_images, image_facts, images, podman_images
from underpin_agent.collectors.gathering import Gathering
from underpin_agent.discovery import Found

from tests.host_agent.hosts.building import Machine, body

FIRST, SECOND = "sha256:" + "1" * 64, "sha256:" + "2" * 64
TAGGED, UNTAGGED, OLD = ("sha256:" + letter * 64 for letter in "abc")
CONFIG = {
    "created": "2026-11-01T00:00:00Z",
    "config": {
        "User": "10001",
        "ExposedPorts": {"8443/tcp": {}, "22/tcp": {}},
        "Labels": {"org.opencontainers.image.base.name": "registry.example.org/base"},
        "Healthcheck": {"Test": ["CMD", "true"]},
        "Env": ["PASSWORD=hunter2"],
    },
    "rootfs": {"type": "layers", "diff_ids": [FIRST, SECOND]},
}


def chain(*layers):
    found = layers[0]
    for layer in layers[1:]:
        found = "sha256:" + hashlib.sha256(f"{found} {layer}".encode()).hexdigest()
    return found.partition(":")[2]


@pytest.fixture
def machine(tmp_path):
    built = Machine(tmp_path).process(50, "dockerd", ["dockerd"])
    store = "/var/lib/docker/image/overlay2/"
    names = {
        "reg.example.org/web": {
            "reg.example.org/web:1": TAGGED,
            "reg.example.org/web@sha256:" + "d" * 64: TAGGED,
        }
    }
    built.write(store + "repositories.json", json.dumps({"Repositories": names}))
    for identity in (TAGGED, UNTAGGED, OLD):
        digest = identity.partition(":")[2]
        built.write(store + "imagedb/content/sha256/" + digest, json.dumps(CONFIG))
    built.write(f"{store}layerdb/sha256/{chain(FIRST)}/size", "100")
    built.write(f"{store}layerdb/sha256/{chain(FIRST, SECOND)}/size", "11")
    state = {"Image": UNTAGGED}
    built.write("/var/lib/docker/containers/" + "e" * 64 + "/config.v2.json", json.dumps(state))
    built.containers.append(Found("e" * 12, "e" * 64, "cgroup"))
    return built


def test_tagged_images_and_those_in_use_are_listed(machine):
    facts, _ = body(images.collect, machine.context())
    assert [row["id"] for row in facts["items"]] == [TAGGED, UNTAGGED]


def test_every_field_of_an_image(machine):
    facts, _ = body(images.collect, machine.context())
    assert facts["items"][0] == {
        "id": TAGGED,
        "tags": ["reg.example.org/web:1"],
        "digests": ["reg.example.org/web@sha256:" + "d" * 64],
        "size_bytes": 111,
        "layers": [FIRST, SECOND],
        "user": "10001",
        "exposed_ports": [22, 8443],
        "registry": "reg.example.org",
        "base_name": "registry.example.org/base",
        "created": "2026-11-01T00:00:00Z",
        "has_healthcheck": True,
    }
    assert "hunter2" not in json.dumps(facts)


def test_an_image_without_a_name_has_no_registry(machine):
    facts, unknowns = body(images.collect, machine.context())
    assert "registry" not in facts["items"][1]
    assert unknowns["images[].registry"] == "the image has no name"


def test_a_broken_image_file_leaves_its_id_and_a_reason(machine):
    path = "/var/lib/docker/image/overlay2/imagedb/content/sha256/" + "a" * 64
    machine.write(path, "{broken")
    facts, unknowns = body(images.collect, machine.context())
    assert facts["items"][0] == {"id": TAGGED}
    assert unknowns["images[]"] == "could not be read"


def test_a_missing_layer_size_is_unknown_not_smaller(machine):
    machine.at(f"/var/lib/docker/image/overlay2/layerdb/sha256/{chain(FIRST)}/size").unlink()
    facts, unknowns = body(images.collect, machine.context())
    assert "size_bytes" not in facts["items"][0]
    assert unknowns["images[].size_bytes"] == "the layer store could not be read"


def test_the_store_of_a_remapped_engine_lies_one_level_deeper(machine, tmp_path):
    deep = machine.at("/var/lib/docker/100000.100000")
    deep.mkdir()
    machine.at("/var/lib/docker/image").rename(deep / "image")
    machine.at("/var/lib/docker/containers").rename(deep / "containers")
    facts, _ = body(images.collect, machine.context())
    assert [row["id"] for row in facts["items"]] == [TAGGED, UNTAGGED]


def test_without_store_and_without_api_images_are_unknown_not_none(machine):
    machine.at("/var/lib/docker/image/overlay2/repositories.json").unlink()
    facts, unknowns = body(images.collect, machine.context())
    assert facts["items"] == []
    assert unknowns["images"] == "not present on this host"


@pytest.mark.parametrize(
    ("reference", "registry"),
    [
        ("alpine:3", "docker.io"),
        ("library/alpine", "docker.io"),
        ("ghcr.io/a/b:1", "ghcr.io"),
        ("localhost/a", "localhost"),
        ("reg:5000/a", "reg:5000"),
        ("a:1", "docker.io"),
    ],
)
def test_the_registry_is_the_first_part_that_names_a_host(reference, registry):
    assert image_facts.registry_of(reference) == registry


@pytest.mark.parametrize("time", ["", "0001-01-01T00:00:00Z", "1970-01-01T00:00:00Z"])
def test_the_zero_time_of_reproducible_builds_is_unknown(time):
    row = image_facts.image_row(Gathering("images"), TAGGED, [], {**CONFIG, "created": time})
    assert "created" not in row


def test_ports_may_be_ranges():
    assert image_facts.ports(["80/tcp", "8000-8002/udp", "x"]) == [80, 8000, 8001, 8002]
    assert image_facts.ports(["1-99999999999/tcp"])[-1] == 65_535


@pytest.mark.parametrize(
    ("check", "has"),
    [(None, False), ({}, False), ({"Test": ["NONE"]}, False), ({"Test": ["CMD", "x"]}, True)],
)
def test_a_health_check_that_is_switched_off_is_none(check, has):
    assert image_facts.has_health_check(check) is has


def test_an_answer_of_the_engine_gives_the_same_row():
    detail = {
        "Id": TAGGED,
        "RepoTags": ["web:1"],
        "RepoDigests": None,
        "Size": 5,
        "Config": CONFIG["config"],
        "RootFS": {"Layers": [FIRST]},
        "Created": "2026-11-01T00:00:00Z",
    }
    row = docker_images.row_of_inspection(Gathering("images"), detail)
    assert (row["tags"], row["layers"], row["size_bytes"], row["user"]) == (
        ["web:1"],
        [FIRST],
        5,
        "10001",
    )


def test_the_store_of_podman(tmp_path):
    identity = "f" * 64
    folder = "/var/lib/containers/storage/overlay-images/"
    key = "=" + base64.b64encode(f"sha256:{identity}".encode()).decode()
    listed = [
        {"id": identity, "names": ["quay.io/a/b:2"], "digest": SECOND, "layer": "top"},
        {"id": "0" * 64, "layer": "top"},
    ]
    layers = [{"id": "top", "parent": "low", "diff-size": 7}, {"id": "low", "diff-size": 5}]
    machine = Machine(tmp_path).files(
        **{
            folder + "images.json": json.dumps(listed),
            folder + identity + "/" + key: json.dumps(CONFIG),
            "/var/lib/containers/storage/overlay-layers/layers.json": json.dumps(layers),
        }
    )
    host = machine.context().host
    (row,) = podman_images.read(host, Gathering("images"), "/var/lib/containers/storage")
    assert row["id"] == "sha256:" + identity
    assert row["size_bytes"] == 12
    assert row["digests"] == ["quay.io/a/b@" + SECOND]
    assert row["registry"] == "quay.io"


def test_a_loop_of_layers_has_no_size():
    assert podman_images.image_size("a", {"a": ("b", 1), "b": ("a", 1)}) is None


# ---- the opt-in search of layers --------------------------------------------------------------


def with_layer(machine, contents):
    """One tagged image of one layer, which holds ``contents``."""
    layer, chain = "sha256:" + "c" * 64, "c" * 64
    folder = "/var/lib/docker/image/overlay2"
    identity = "sha256:" + "a" * 64
    names = {"shop/web": {"shop/web:1": identity}}
    machine.process(80, "dockerd")
    machine.write(folder + "/repositories.json", json.dumps({"Repositories": names}))
    config = {"config": {}, "rootfs": {"diff_ids": [layer]}}
    machine.write(folder + "/imagedb/content/sha256/" + "a" * 64, json.dumps(config))
    machine.write("%s/layerdb/sha256/%s/size" % (folder, chain), "1")
    machine.write("%s/layerdb/sha256/%s/cache-id" % (folder, chain), "x1")
    machine.at("/var/lib/docker/overlay2/x1/diff").mkdir(parents=True)
    for path, text in contents.items():
        machine.write("/var/lib/docker/overlay2/x1/diff" + path, text)
    return machine


def login_files(machine, **options):
    facts, unknowns = body(images.collect, machine.context(options=options))
    return facts["items"][0].get("login_files"), unknowns.get("images[].login_files")


def test_layers_are_searched_only_when_the_scan_is_on(tmp_path):
    machine = with_layer(Machine(tmp_path), {"/root/.ssh/id_rsa": "k"})
    assert login_files(machine) == (None, "scan switched off")
    assert login_files(machine, content_scan=True) == (["/root/.ssh/id_rsa"], None)


def test_keys_and_hashes_in_a_layer_are_named_and_never_read_out(tmp_path):
    contents = {
        "/etc/shadow": "root:*:1:\nbob:$6$salt$hash:1:\n",
        "/etc/ssh/ssh_host_rsa_key": "k",
        "/etc/ssh/ssh_host_rsa_key.pub": "k",
        "/home/bob/.ssh/authorized_keys": "ssh-ed25519 AAAA",
        "/home/bob/.ssh/id_rsa": "",
    }
    found, _reason = login_files(with_layer(Machine(tmp_path), contents), content_scan=True)
    expected = ["/etc/shadow", "/etc/ssh/ssh_host_rsa_key", "/home/bob/.ssh/authorized_keys"]
    assert found == expected


def test_locked_accounts_let_nobody_in(tmp_path):
    machine = with_layer(Machine(tmp_path), {"/etc/shadow": "root:*:1:\nx:!:1:\ny::1:\n\n"})
    assert login_files(machine, content_scan=True) == ([], None)


def test_a_link_in_a_layer_does_not_lead_out_of_it(tmp_path):
    machine = with_layer(Machine(tmp_path / "m"), {"/root/x": ""})
    (tmp_path / "id_rsa").write_text("key of the host")
    machine.link("/var/lib/docker/overlay2/x1/diff/root/.ssh", str(tmp_path))
    assert login_files(machine, content_scan=True) == ([], None)


def test_a_layer_that_cannot_be_read_is_unknown(tmp_path):
    machine = with_layer(Machine(tmp_path), {})
    machine.at("/var/lib/docker/overlay2/x1/diff").rmdir()
    found, reason = login_files(machine, content_scan=True)
    assert found is None
    assert reason == "not present on this host"


def test_layers_of_podman_are_searched_down_to_the_first(tmp_path):
    store = "/var/lib/containers/storage"
    machine = Machine(tmp_path).process(90, "conmon")
    image = {"id": "a" * 64, "names": ["localhost/web:1"], "layer": "l2"}
    layers = [{"id": "l1", "diff-size": 1}, {"id": "l2", "parent": "l1", "diff-size": 2}]
    name = podman_images.big_data_name("sha256:" + "a" * 64)
    machine.write(store + "/overlay-images/images.json", json.dumps([image, "odd"]))
    machine.write("%s/overlay-images/%s/%s" % (store, "a" * 64, name), json.dumps({"config": {}}))
    machine.write(store + "/overlay-layers/layers.json", json.dumps(layers))
    machine.write(store + "/overlay/l1/diff/root/.ssh/id_rsa", "k")
    machine.write(store + "/overlay/l2/diff/etc/x", "")
    assert login_files(machine) == (None, "scan switched off")
    assert login_files(machine, content_scan=True) == (["/root/.ssh/id_rsa"], None)
