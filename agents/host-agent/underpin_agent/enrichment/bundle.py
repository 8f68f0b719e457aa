"""The OCI bundle (config.json) of a container, found through its supervisor."""

import json
import os

from ..reading import ReadFailed

MAX_BYTES = 4_194_304


def read_json(host, path, max_bytes=MAX_BYTES):
    """A JSON object of the host. Raises ReadFailed, also for text that is no JSON object."""
    text = host.read(path, max_bytes)
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        raise ReadFailed(path, "not JSON") from None
    if not isinstance(found, dict):
        raise ReadFailed(path, "not a JSON object")
    return found


def bundle_folder(container):
    """Where the bundle lies: working directory of a shim, ``-b`` of conmon, or ``""``.

    A shim that serves a pod works in the sandbox's bundle; its containers' bundles lie beside it.
    """
    supervisor = container.supervisor
    if supervisor is None:
        return ""
    if supervisor.kind == "conmon":
        return supervisor.argument("-b", "--bundle")
    folder = supervisor.folder
    if container.id and container.id != supervisor.container_id:
        return os.path.join(os.path.dirname(folder), container.id)
    return folder


def read_bundle(host, container):
    """``config.json`` of the container. Raises ReadFailed when none can be read."""
    folder = bundle_folder(container)
    if not folder.startswith("/"):
        name = "config.json"
        raise ReadFailed(name, "no supervisor")
    return read_json(host, folder + "/config.json")
