"""Docker's image store below the data root: imagedb, layerdb and repositories.json."""

import hashlib
import re

from ..reading import Absent, ReadFailed
from . import image_content
from .gathering import names_or_none
from .image_facts import image_row, read_json

_REMAPPED = re.compile(r"\d+\.\d+\Z")


def read(host, gathering, store, running, kept=None):
    """Rows of images that are tagged or that a container in ``running`` (ids) uses.

    ``kept`` remembers searched layers; None: the content scan is off. Raises Absent when the
    store has no image files of this kind.
    """
    rows = []
    folders = image_folders(host, store)
    if not folders:
        raise Absent(store + "/image", "ENOENT")
    for root, folder in folders:
        names = references(read_json(host, folder + "/repositories.json"))
        wanted = sorted(_used(host, root, running) | set(names))
        rows += [_row(host, gathering, folder, one, names.get(one, [])) for one in wanted]
        if kept is not None:
            _search(host, gathering, folder, rows, kept)
    return [row for row in rows if row]


def _search(host, gathering, folder, rows, kept):
    for row in rows:
        if not row or "layers" not in row or "login_files" in row:
            continue
        try:
            chains = chain_ids(row["layers"])
            row["login_files"] = image_content.login_files(host, folder, chains, kept)
        except ReadFailed as failure:
            gathering.failed("[].login_files", failure, "read access to the runtime's storage")


def image_folders(host, store):
    """``[(root, <root>/image/<driver>)]``, the remapped roots of user namespaces among them."""
    roots = [store] + [
        "%s/%s" % (store, name) for name in names_or_none(host, store) if _REMAPPED.match(name)
    ]
    found = []
    for root in roots:
        folders = ["%s/image/%s" % (root, name) for name in names_or_none(host, root + "/image")]
        found += [(root, one) for one in folders if host.exists(one + "/repositories.json")]
    return found


def references(repositories):
    """``{image id: [names]}`` of repositories.json."""
    found = {}
    for names in (repositories.get("Repositories") or {}).values():
        for name, identity in names.items():
            found.setdefault(str(identity), []).append(str(name))
    return found


def _used(host, root, running):
    """Ids of the images of running containers whose state lies below ``root``."""
    found = set()
    for name in sorted(running):
        if not name:
            continue
        try:
            state = read_json(host, "%s/containers/%s/config.v2.json" % (root, name))
        except ReadFailed:
            continue  # of another engine, or ended meanwhile
        found.add(str(state.get("Image", "")))
    return found - {""}


def _row(host, gathering, folder, identity, names):
    algorithm, _, digest = identity.partition(":")
    if not re.fullmatch(r"[0-9a-f]{64}", digest):
        return None
    try:
        config = read_json(host, "%s/imagedb/content/%s/%s" % (folder, algorithm, digest))
        row = image_row(gathering, identity, names, config)
    except ReadFailed as failure:
        gathering.failed("[]", failure)
        return {"id": identity}
    try:
        row["size_bytes"] = sum(_layer_sizes(host, folder, row["layers"]))
    except (ReadFailed, ValueError):
        gathering.missing("[].size_bytes", "the layer store could not be read")
    return row


def _layer_sizes(host, folder, layers):
    for chain in chain_ids(layers):
        yield int(host.line("%s/layerdb/sha256/%s/size" % (folder, chain)))


def chain_ids(layers):
    """Hex ids of the stacks of layers (OCI image-spec, layer ChainID)."""
    found, chain = [], ""
    for layer in layers:
        if chain:
            chain = "sha256:" + hashlib.sha256((chain + " " + layer).encode()).hexdigest()
        else:
            chain = layer
        found.append(chain.partition(":")[2])
    return found


def row_of_inspection(gathering, detail):
    """A row from the answer to GET /images/<id>/json."""
    names = list(detail.get("RepoTags") or []) + list(detail.get("RepoDigests") or [])
    row = image_row(gathering, str(detail.get("Id", "")), names, detail)
    row["size_bytes"] = int(detail.get("Size") or 0)
    return row
