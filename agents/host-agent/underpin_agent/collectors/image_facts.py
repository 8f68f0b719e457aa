"""Rows of ``images[]`` from an image's configuration (OCI image-spec, config.md)."""

import json
import re

from ..reading import ReadFailed
from .gathering import Gathering

_BASE_NAME = "org.opencontainers.image.base.name"
_NO_TIME = ("0001-", "1970-01-01", "1980-01-01")  # what reproducible builds write


def read_json(host, path, max_bytes=4_194_304):
    """The JSON value in a file. Raises ReadFailed, also for other text."""
    try:
        return json.loads(host.read(path, max_bytes))
    except (ValueError, RecursionError):
        raise ReadFailed(path, "EBADMSG") from None


def image_row(gathering, identity, references, config):
    """A row without its size. ``config`` is the image configuration as a dict."""
    row = Gathering("images[]", gathering.section, {})
    tags = sorted({name for name in references if "@" not in name})
    digests = sorted({name for name in references if "@" in name})
    inner = config.get("config") or config.get("Config") or {}
    root = config.get("rootfs") or config.get("RootFS") or {}
    row.store("id", identity)
    row.store("tags", tags)
    row.store("digests", digests)
    row.store("layers", [str(one) for one in root.get("diff_ids") or root.get("Layers") or []])
    row.store("user", str(inner.get("User") or ""))
    row.store("exposed_ports", ports(inner.get("ExposedPorts") or ()))
    row.store("base_name", str((inner.get("Labels") or {}).get(_BASE_NAME) or ""))
    row.store("has_healthcheck", has_health_check(inner.get("Healthcheck")))
    _registry(row, tags + digests)
    _created(row, str(config.get("created") or config.get("Created") or ""))
    return row.facts


def ports(exposed):
    """Port numbers of ``80/tcp``, ``8000-8002/udp``."""
    found = set()
    for text in exposed:
        match = re.match(r"(\d+)(?:-(\d+))?", str(text))
        if match:
            first, last = int(match.group(1)), int(match.group(2) or match.group(1))
            found.update(range(first, min(last, 65_535) + 1))
    return sorted(found)


def has_health_check(check):
    """Whether a test is declared and not switched off."""
    test = check.get("Test") if isinstance(check, dict) else None
    return bool(test) and test[0] != "NONE"


def registry_of(reference):
    """The first part of a reference when it names a host, else the default registry."""
    first, slash, _ = reference.partition("/")
    if slash and ("." in first or ":" in first or first == "localhost"):
        return first
    return "docker.io"


def _registry(row, references):
    if references:
        row.store("registry", registry_of(references[0]))
    else:
        row.missing("registry", "the image has no name")


def _created(row, text):
    if not text or text.startswith(_NO_TIME):
        row.missing("created", "the build recorded no time")
        return
    row.store("created", text)
