"""What the server hands out for hosts: the program with its version, and manifests that agree."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.conf import LazySettings
from django.test import Client
from django.urls import reverse

from agents.selectors.program import served_version
from tests.support.joined import make_estate

pytestmark = pytest.mark.django_db
ROOT = Path(__file__).resolve().parent.parent.parent
SERVER = "https://underpin.example.org"
TOKEN = {"name": "rack 4", "days": "2", "max_uses": "3"}


@pytest.fixture(scope="module")
def built_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program, built as the server builds it."""
    builder = ROOT / "agents" / "host-agent" / "build.py"
    path = tmp_path_factory.mktemp("server") / "dist" / "underpin-agent.pyz"
    subprocess.run([sys.executable, builder, "--output", path], check=True, capture_output=True)
    return path


@pytest.fixture
def built(settings: LazySettings, built_once: Path) -> Path:
    """The program, where this server looks for it."""
    settings.BASE_DIR = built_once.parent.parent
    return built_once


def test_the_version_is_that_of_the_program_itself(built: Path) -> None:
    said = subprocess.run([sys.executable, built, "version"], check=True, capture_output=True)
    assert said.stdout.decode().split() == ["underpin-agent", served_version()]


def test_without_a_program_no_host_is_outdated(settings: LazySettings, tmp_path: Path) -> None:
    settings.BASE_DIR = tmp_path
    assert served_version() == ""
    (tmp_path / "dist").mkdir()
    (tmp_path / "dist" / "underpin-agent.pyz").write_bytes(b"no archive")
    assert served_version() == ""


def manifest(client: Client) -> Any:
    return yaml.safe_load(client.get(reverse("agent-daemonset")).text)


def pod(document: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """The pod's settings, and those of its one container."""
    spec = document["spec"]["template"]["spec"]
    return spec, spec["containers"][0]


def test_the_manifest_has_the_rights_of_the_one_in_the_source(settings: LazySettings) -> None:
    settings.PUBLIC_URL = SERVER
    text = (Path(settings.BASE_DIR) / "deploy" / "daemonset.yaml").read_text(encoding="utf-8")
    (ours, one), (theirs, other) = pod(manifest(Client())), pod(yaml.safe_load(text))
    for name in ("hostPID", "automountServiceAccountToken", "tolerations", "nodeSelector"):
        assert ours[name] == theirs[name]
    assert one["securityContext"] == other["securityContext"]
    assert one["resources"] == other["resources"]
    mounts = [mount for mount in one["volumeMounts"] if mount["name"] != "program"]
    assert mounts == other["volumeMounts"]
    assert [word for word in one["args"] if word != SERVER] == [
        word for word in other["args"] if word != "$(UNDERPIN_SERVER)"
    ]


def test_the_manifest_holds_the_address_and_no_secret(settings: LazySettings) -> None:
    settings.PUBLIC_URL = SERVER
    assert SERVER in pod(manifest(Client()))[1]["args"]
    assert "--allow-http" not in pod(manifest(Client()))[1]["args"]
    settings.PUBLIC_URL = "http://10.1.2.3"
    assert "--allow-http" in pod(manifest(Client()))[1]["args"]
    assert "ue_" not in Client().get(reverse("agent-daemonset")).text


def test_each_way_checks_the_digest_and_names_the_server(
    built: Path, settings: LazySettings
) -> None:
    settings.PUBLIC_URL = SERVER
    text = make_estate().browser().post(reverse("enrol"), TOKEN).text
    for way in ("service", "container", "kubernetes", "user", "offline"):
        start = text.index(f'id="install-{way}"')
        line = text[start : text.index("</pre>", start)]
        assert "| sha256sum -c" in line, way
        assert f"curl -fsSLO {SERVER}/agent/underpin-agent.pyz" in line, way
        assert ("ue_" in line) == (way != "offline"), way


def test_the_compose_file_on_the_page_is_one(built: Path) -> None:
    text = make_estate().browser().post(reverse("enrol"), TOKEN).text
    start = text.index(">", text.index('id="install-compose"')) + 1
    found = yaml.safe_load(text[start : text.index("</pre>", start)].replace("&quot;", '"'))
    service = found["services"]["underpin-agent"]
    assert service["environment"]["UNDERPIN_ENROL_TOKEN"].startswith("ue_")
    assert service["cap_drop"] == ["ALL"]
    assert service["read_only"] is True
