"""What podman keeps about one container in its own database: bbolt, or SQLite since 4.8."""

import json
import os

from ..reading import Absent, ReadFailed
from . import bolt

BOLT, SQLITE = "libpod/bolt_state.db", "db.sql"  # below the graph root
MAX_BYTES = 33_554_432


def settings_of(host, graph_root, container_id):
    """The configuration podman stored for the container. Raises ReadFailed."""
    try:
        text = _from_bolt(host, "%s/%s" % (graph_root, BOLT), container_id)
    except Absent:
        text = None
    if text is None:
        text = _from_sqlite(host, "%s/%s" % (graph_root, SQLITE), container_id)
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        raise ReadFailed(graph_root, "EBADMSG") from None
    if not isinstance(found, dict):
        raise ReadFailed(graph_root, "EBADMSG")
    return found


def _from_bolt(host, path, container_id):
    kept = getattr(host, "podman_states", None)
    if kept is None:
        kept = host.podman_states = {}  # one door serves one collection
    if path not in kept:
        kept[path] = host.read_bytes(path, MAX_BYTES)
    try:
        return bolt.value(kept[path], (b"ctr", container_id.encode(), b"config"))
    except bolt.NotBolt:
        raise ReadFailed(path, "EBADMSG") from None


def _from_sqlite(host, path, container_id):
    """Only of a file that root or the agent's own user owns: SQLite is not fed by strangers."""
    if host.stat(path).st_uid not in (0, os.geteuid()):
        raise ReadFailed(path, "the database belongs to another user")
    import sqlite3  # noqa: PLC0415 some MB that most hosts never need

    folder, name = os.path.split(path)
    with host.folder(folder) as opened:
        # Through the descriptor: below --root a path would resolve in the agent's own root.
        address = "file:/proc/self/fd/%d/%s?mode=ro&immutable=1" % (opened.fd, name)
        try:
            database = sqlite3.connect(address, uri=True)
            try:
                query = "SELECT JSON FROM ContainerConfig WHERE ID = ?"
                row = database.execute(query, (container_id,)).fetchone()
            finally:
                database.close()
        except sqlite3.Error:
            raise ReadFailed(path, "EBADMSG") from None
    if row is None:
        raise Absent(path, "ENOENT")
    return row[0]


def fill(claim, found):
    """Complete ``claim`` from the stored configuration."""
    policy, retries = found.get("restart_policy"), found.get("restart_retries")
    claim.restart = (str(policy or ""), retries if isinstance(retries, int) else 0)
    check = found.get("healthcheck")
    test = check.get("Test") if isinstance(check, dict) else None
    claim.health = bool(test) and test[0] != "NONE"
    labels = found.get("labels")
    labels = labels if isinstance(labels, dict) else {}
    claim.labels = {str(key): str(value) for key, value in labels.items()}
    claim.pod = str(found.get("pod") or "")
    claim.stdin_open = bool(found.get("stdin"))
    claim.privileged = bool(found.get("privileged"))
    claim.ports = published_ports(found.get("newPortMappings") or found.get("portMappings") or [])
    image = str(found.get("rootfsImageID") or "")
    claim.image_id = claim.image_id or ("sha256:" + image if image else None)
    claim.image_reference = claim.image_reference or found.get("rootfsImageName") or None
    claim.reason = "the runtime does not record it"


def published_ports(mappings):
    """Rows of ``containers[].published_ports``; a mapping may stand for a range of ports."""
    rows = set()
    for one in mappings if isinstance(mappings, list) else ():
        address = str(one.get("host_ip") or one.get("hostIP") or "0.0.0.0")  # noqa: S104
        outside = one.get("host_port", one.get("hostPort"))
        inside = one.get("container_port", one.get("containerPort"))
        if not isinstance(outside, int) or not isinstance(inside, int):
            continue
        for step in range(min(max(int(one.get("range") or 1), 1), 65_535)):
            rows.add((address, outside + step, inside + step))
    return [
        {
            "host_address": address,
            "host_port": outside,
            "container_port": inside,
            "loopback": address.startswith("127.") or address == "::1",
        }
        for address, outside, inside in sorted(rows)
    ]
