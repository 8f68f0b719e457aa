"""The compose file and the units of ``deploy/`` keep the hardening asked of others."""

import re
from typing import Any

import pytest
import yaml

from tests.support.session import ROOT

COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
FIRST_UID = 10_001
ONE_SHOT = {"migrate", "scheduler"}


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_is_closed_down(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert "cap_add" not in service
    assert "privileged" not in service
    assert service["security_opt"] == ["no-new-privileges:true"]


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_runs_as_nobody_of_the_host(name: str) -> None:
    uid, _, gid = SERVICES[name]["user"].partition(":")
    assert int(uid) >= FIRST_UID
    assert int(gid) >= FIRST_UID


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_has_limits(name: str) -> None:
    assert SERVICES[name]["pids_limit"] > 0
    assert SERVICES[name]["mem_limit"]
    assert SERVICES[name]["cpus"] > 0


@pytest.mark.parametrize("name", SERVICES)
def test_scratch_space_is_small_and_runs_nothing(name: str) -> None:
    for mount in SERVICES[name].get("tmpfs", []):
        assert re.search(r"size=\d+m\b", mount)
        assert {"noexec", "nosuid", "nodev"} <= set(re.split("[:,]", mount))


@pytest.mark.parametrize("name", SERVICES)
def test_no_service_shares_a_namespace_or_socket_with_the_host(name: str) -> None:
    service = SERVICES[name]
    assert {"pid", "ipc", "network_mode", "userns_mode", "devices"}.isdisjoint(service)
    assert "docker.sock" not in str(service)
    assert not [v for v in service.get("volumes", []) if v.startswith(("/", ".", "~"))]


def test_only_the_web_service_is_reachable_and_from_this_machine_only() -> None:
    published = {name: s["ports"] for name, s in SERVICES.items() if "ports" in s}
    assert set(published) == {"web"}
    assert all(port.startswith("127.0.0.1:") for port in published["web"])
    assert [name for name, s in SERVICES.items() if "edge" in s["networks"]] == ["web"]
    assert COMPOSE["networks"]["data"] == {"internal": True}


def test_secrets_are_files_and_stand_in_no_environment() -> None:
    for service in SERVICES.values():
        for name, value in service.get("environment", {}).items():
            if re.search("SECRET|PASSWORD|KEY", name):
                assert name.endswith("_FILE")
                assert value.startswith("/run/secrets/")
    assert all(set(entry) == {"file"} for entry in COMPOSE["secrets"].values())


def test_lasting_services_prove_that_they_work() -> None:
    without = {name for name, service in SERVICES.items() if "healthcheck" not in service}
    assert without == ONE_SHOT


def test_the_image_does_not_run_as_root() -> None:
    users = re.findall(r"^USER (\d+)", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    assert users
    assert all(int(uid) >= FIRST_UID for uid in users)


AGENT: dict[str, Any] = yaml.safe_load((ROOT / "deploy/agent-compose.yml").read_text())["services"][
    "agent"
]
POD: dict[str, Any] = yaml.safe_load((ROOT / "deploy/daemonset.yaml").read_text())["spec"][
    "template"
]["spec"]


def test_the_agent_has_the_same_rights_in_every_container() -> None:
    in_pod = POD["containers"][0]["securityContext"]
    assert AGENT["cap_drop"] == in_pod["capabilities"]["drop"] == ["ALL"]
    assert AGENT["cap_add"] == in_pod["capabilities"]["add"]
    assert AGENT["read_only"] is in_pod["readOnlyRootFilesystem"] is True
    unit = (ROOT / "deploy/underpin-agent.service").read_text()
    bounding = re.search(r"^CapabilityBoundingSet=(.*)$", unit, re.MULTILINE)
    assert bounding is not None
    assert sorted(bounding[1].split()) == sorted(f"CAP_{one}" for one in AGENT["cap_add"])


def test_the_agents_container_sees_the_host_read_only_and_no_engine_socket() -> None:
    bind = next(one for one in AGENT["volumes"] if isinstance(one, dict))
    assert (bind["source"], bind["target"], bind["read_only"]) == ("/", "/host", True)
    assert POD["containers"][0]["volumeMounts"][0]["readOnly"] is True
    assert AGENT["pid"] == "host"
    assert POD["hostPID"] is True
    assert "docker.sock" not in str(AGENT) + str(POD)
