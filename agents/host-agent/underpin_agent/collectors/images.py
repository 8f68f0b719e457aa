"""The ``images`` section: images that containers run from, and tagged ones."""

from ..reading import Absent, ReadFailed
from . import docker_images, podman_images
from .engine_api import get_json
from .engines import find_engines
from .gathering import Gathering, capped
from .programs import cut_by_hiding

_SCAN = "content_scan"
_CAP = 500
_ASKED_CAP = 100  # one request each


def collect(context):
    """Read the stores on disk; ask the engine only where its store cannot be read."""
    gathering, found = Gathering("images"), {}
    for engine in find_engines(context):
        try:
            rows = _rows(context, gathering, engine)
        except ReadFailed as failure:
            gathering.failed("", failure, needs="read access to the runtime's storage")
            continue
        for row in rows:
            found.setdefault(row["id"], row)
    rows = [found[key] for key in sorted(found)]
    _unsearched(context, gathering, rows)
    gathering.store("items", capped(gathering, "", rows, _CAP))
    cut_by_hiding(gathering, context, "")
    return gathering.section


def _unsearched(context, gathering, rows):
    if all("login_files" in row for row in rows):
        return
    path = gathering.path("[].login_files")
    if any(entry["path"] == path for entry in gathering.section.unknowns):
        return
    if context.options.get(_SCAN):
        gathering.missing("[].login_files", "layers of this engine are not searched")
    else:
        gathering.missing("[].login_files", "scan switched off", needs="option " + _SCAN)


def _rows(context, gathering, engine):
    if engine.kind == "docker":
        return _docker_rows(context, gathering, engine)
    if engine.kind == "podman" and engine.store:
        kept = {} if context.options.get(_SCAN) else None
        return podman_images.read(context.host, gathering, engine.store, kept)
    if engine.kind == "containerd" and _has_cri(context):
        gathering.missing("", "containerd keeps images in its own database", needs="client program")
    return []


def _has_cri(context):
    """Whether containers run that only containerd itself knows: docker's live in ``moby``."""
    shims = [
        container.supervisor
        for container in context.discovery.containers
        if container.supervisor is not None and container.supervisor.kind == "shim"
    ]
    return any(shim.argument("-namespace", "--namespace") != "moby" for shim in shims)


def _docker_rows(context, gathering, engine):
    running = {container.id for container in context.discovery.containers}
    try:
        kept = {} if context.options.get(_SCAN) else None
        return docker_images.read(context.host, gathering, engine.store, running, kept)
    except Absent:
        return _asked(context.host, gathering, engine)


def _asked(host, gathering, engine):
    """By the API: with its containerd store docker keeps no image files of its own."""
    if not engine.sockets:
        raise Absent(engine.store, "ENOENT")
    listed = get_json(host, engine.sockets[0], "/images/json")
    rows = []
    for one in capped(gathering, "", listed if isinstance(listed, list) else [], _ASKED_CAP):
        identity = str(one.get("Id", ""))
        detail = get_json(host, engine.sockets[0], "/images/%s/json" % identity)
        rows.append(docker_images.row_of_inspection(gathering, detail))
    return rows
