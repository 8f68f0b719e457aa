"""The agent as a container of a real engine: with the host's files it sees all, without it says so.

The container gets this machine's Python read-only, as no image with one can be pulled here.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support import tools
from tests.support.docker import DockerEngine
from tests.support.session import ROOT

pytestmark = pytest.mark.docker
PROGRAM = ROOT / "dist" / "underpin-agent.pyz"
# As deploy/daemonset.yaml and deploy/agent-compose.yml give them.
RIGHTS = ("DAC_READ_SEARCH", "SYS_PTRACE", "SYS_ADMIN")


def collected(engine: DockerEngine, program: Path, *options: str, root: str) -> dict[str, Any]:
    """What the agent prints in a container with ``options``."""
    mounts = [f"--volume={path}:{path}:ro" for path in ("/usr", "/lib", "/lib64")]
    printed = engine.docker(
        "run", "--rm", "--network=none", "--read-only", "--cap-drop=ALL",
        "--security-opt=no-new-privileges", f"--volume={program}:/agent.pyz:ro",
        *mounts, *options, engine.image,
        str(tools.SYSTEM_PYTHON.require()), "-I", "-S", "/agent.pyz",
        "collect", "--json", "--root", root,
    )  # fmt: skip
    found: dict[str, Any] = json.loads(printed)
    return found


def test_with_the_hosts_files_it_finds_its_neighbours(docker_engine: DockerEngine) -> None:
    rights = [f"--cap-add={one}" for one in RIGHTS]
    docker_engine.run("neighbour", "--cap-add=NET_ADMIN")
    try:
        found = collected(
            docker_engine, PROGRAM, "--pid=host", "--volume=/:/host:ro", *rights, root="/host"
        )
    finally:
        docker_engine.remove("neighbour")
    assert {name for name, body in found["sections"].items() if "error" in body} == set()
    rows = {row["identity"]["facts"].get("name"): row for row in found["containers"]}
    capabilities = rows["neighbour"]["posture"]["facts"]["capabilities"]
    assert "CAP_NET_ADMIN" in capabilities["effective"]
    system = found["sections"]["host"]["facts"]["os"]["id"]
    assert f"ID={system}" in Path("/etc/os-release").read_text().replace('"', "")


def test_without_them_it_reports_errors_and_not_its_own_files(docker_engine: DockerEngine) -> None:
    found = collected(docker_engine, PROGRAM, root="/")
    told = {name for name, body in found["sections"].items() if "error" not in body}
    assert told == {"agent", "platform"}
    assert "PID namespace" in found["sections"]["host"]["error"]


def test_with_the_hosts_processes_alone_it_does_not_take_its_files_for_the_hosts(
    docker_engine: DockerEngine,
) -> None:
    rights = [f"--cap-add={one}" for one in RIGHTS]
    found = collected(docker_engine, PROGRAM, "--pid=host", *rights, root="/")
    assert "file system of a container" in found["sections"]["accounts"]["error"]
