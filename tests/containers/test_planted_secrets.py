"""Secrets planted in real containers and in the settings of an engine: none leaves the host."""

import json
import random
import secrets
import string
from pathlib import Path
from typing import Any

import pytest
from underpin_agent.collection import collect

from tests.support.docker import DockerEngine

pytestmark = pytest.mark.docker
PER_PLACE, CONTAINERS = 10, 5
PREFIXES = ("ghp_", "glpat-", "npm_", "dckr_pat_", "sk_live_")


def plain(count: int) -> list[str]:
    """Passwords without any shape: these must never be read at all."""
    words = ("horse", "staple", "battery", "violet", "anchor")
    return [f"{secrets.choice(words)}{secrets.randbelow(10**9):09d}x" for _ in range(count)]


def shaped(count: int) -> list[str]:
    """Keys with a known prefix: found wherever a fact quotes them."""
    letters = string.ascii_letters + string.digits
    return [
        random.choice(PREFIXES) + "".join(secrets.choice(letters) for _ in range(24))
        for _ in range(count)
    ]


def container_with(engine: DockerEngine, name: str, folder: Path) -> list[str]:
    """Start one container that holds secrets everywhere; returns them."""
    environment, labels, arguments = plain(PER_PLACE), plain(PER_PLACE), plain(PER_PLACE)
    sources = shaped(PER_PLACE)
    options = [f"--env=APP_{number}={one}" for number, one in enumerate(environment)]
    options += [f"--label=org.example.{number}={one}" for number, one in enumerate(labels)]
    for one in sources:
        (folder / f"token={one}").mkdir()
        options.append(f"--volume={folder}/token={one}:/m/{one}:ro")
    options.append(f"--hostname={name}")
    command = ("sh", "-c", "sleep 1000000", *arguments)
    engine.run(name, *options, command=command)
    return environment + labels + arguments + sources


def test_of_200_planted_secrets_none_leaves_the_host(
    docker_engine: DockerEngine, tmp_path: Path
) -> None:
    names = [f"planted-{number}" for number in range(CONTAINERS)]
    planted: list[str] = []
    try:
        for name in names:
            folder = tmp_path / name
            folder.mkdir()
            planted += container_with(docker_engine, name, folder)
        collection: dict[str, Any] = collect()
    finally:
        docker_engine.remove(*names)
    assert len(planted) == 200
    seen = {row["identity"]["facts"].get("name") for row in collection["containers"]}
    assert set(names) <= seen, "the containers themselves are reported"
    text = json.dumps(collection)
    assert [secret for secret in planted if secret in text] == []
    assert text.count("redacted:") >= CONTAINERS * PER_PLACE, "the mounts are, without their keys"
