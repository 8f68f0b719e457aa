"""Podman and CRI-O: the arguments of conmon, annotations of the bundle, containers.json."""

import json
import os

from ..reading import ReadFailed

FILELESS = ("journald", "passthrough", "none", "null", "off")  # conmon(8), --log-path


def fill(claim, host, container):
    """Complete ``claim`` from conmon; what only podman's database knows stays unknown."""
    supervisor = container.supervisor
    notes = claim.annotations
    claim.runtime = "crio" if _is_crio(notes) else "podman"
    claim.engine_pid = supervisor.process.pid if claim.runtime == "podman" else 0
    claim.name = supervisor.argument("-n", "--name") or None
    claim.pod = notes.get("io.kubernetes.cri-o.SandboxID", notes.get("io.podman.annotations.pod"))
    claim.log, claim.log_path = _log(supervisor), _log_path(supervisor)
    privileged = notes.get("io.podman.annotations.privileged")
    claim.privileged = None if privileged is None else privileged == "TRUE"
    claim.needs = "read access to podman's storage"
    record = _storage_record(host, supervisor.argument("-b", "--bundle"), container.id)
    _fill_image(claim, record, notes)


def _is_crio(notes):
    """Podman too writes annotations whose names begin with ``io.kubernetes.cri-o.``."""
    manager = notes.get("io.container.manager")
    return manager == "cri-o" or (manager is None and "io.kubernetes.cri-o.SandboxID" in notes)


def _log(supervisor):
    """``(driver, options)`` of ``-l k8s-file:/path``, ``-l journald`` and ``--log-size-max``."""
    value = supervisor.argument("-l", "--log-path")
    if not value:
        return None
    driver = value.partition(":")[0] if ":" in value or value in FILELESS else "k8s-file"
    driver = "none" if driver in ("null", "off") else driver
    size = supervisor.argument("--log-size-max")
    return driver, {"max-size": size} if size.isdigit() and int(size) > 0 else {}


def _log_path(supervisor):
    """The file of ``-l k8s-file:/path``; other drivers of conmon write none."""
    driver, separator, path = supervisor.argument("-l", "--log-path").partition(":")
    if not separator:
        return "" if driver in FILELESS else driver
    return path if driver in ("k8s-file", "json-file") else ""


def _storage_record(host, bundle, container_id):
    """The row of containers/storage about this container, or ``{}``."""
    folder = os.path.dirname(os.path.dirname(bundle))
    try:
        rows = json.loads(host.read(folder + "/containers.json", 4_194_304))
    except (ReadFailed, ValueError, RecursionError):
        return {}
    for row in rows if isinstance(rows, list) else []:
        if isinstance(row, dict) and row.get("id") == container_id:
            return row
    return {}


def _fill_image(claim, record, notes):
    try:
        detail = json.loads(record.get("metadata") or "{}")
    except (ValueError, TypeError):
        detail = {}
    image = str(record.get("image") or detail.get("image-id") or "")
    claim.image_id = "sha256:" + image if image else None
    name = detail.get("image-name") or notes.get("io.kubernetes.cri-o.ImageName")
    claim.image_reference = str(name) if name else None
