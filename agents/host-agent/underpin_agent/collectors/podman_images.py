"""Podman's and CRI-O's image store (containers/storage): ``<store>/<driver>-images``."""

import base64

from ..reading import Absent, ReadFailed
from . import image_content
from .gathering import names_or_none
from .image_facts import image_row, read_json


def read(host, gathering, store, kept=None):
    """Rows of all named images below ``store``; an absent store has none. ``kept`` remembers
    searched layers; None: the content scan is off."""
    rows = []
    for name in names_or_none(host, store):
        if not name.endswith("-images"):
            continue
        folder = "%s/%s" % (store, name)
        try:
            listed = read_json(host, folder + "/images.json", 16_777_216)
        except Absent:
            continue
        sizes = _layer_sizes(host, "%s/%s-layers" % (store, name[: -len("-images")]))
        rows_of = listed if isinstance(listed, list) else []
        named = [one for one in rows_of if isinstance(one, dict) and one.get("names")]
        for image in named:
            row = _row(host, gathering, folder, image, sizes)
            if kept is not None:
                driver = name[: -len("-images")]
                layer = str(image.get("layer") or "")
                _search(host, gathering, row, (store, driver, layers_of(layer, sizes)), kept)
            rows.append(row)
    return rows


def _search(host, gathering, row, place, kept):
    store, driver, layers = place
    found = set()
    try:
        for layer in layers:
            if layer not in kept:
                files = image_content.content(host, store, driver, layer)
                kept[layer] = image_content.in_layer(files)
            found |= kept[layer]
        row["login_files"] = sorted(found)
    except ReadFailed as failure:
        gathering.failed("[].login_files", failure, "read access to the runtime's storage")


def layers_of(layer, sizes):
    """Ids of a layer and all below it, as far as they are listed."""
    found = []
    while layer in sizes and layer not in found:
        found.append(layer)
        layer = sizes[layer][0]
    return found


def _row(host, gathering, folder, image, sizes):
    identity = "sha256:" + str(image.get("id", ""))
    path = "%s/%s/%s" % (folder, image.get("id", ""), big_data_name(identity))
    names = [str(name) for name in image.get("names") or ()]
    digest = str(image.get("digest") or "")
    if digest:
        names += [repository(name) + "@" + digest for name in names if "@" not in name]
    try:
        row = image_row(gathering, identity, names, read_json(host, path))
    except ReadFailed as failure:
        gathering.failed("[]", failure)
        return {"id": identity}
    size = image_size(str(image.get("layer") or ""), sizes)
    if size is None:
        gathering.missing("[].size_bytes", "the layer store could not be read")
    else:
        row["size_bytes"] = size
    return row


def repository(name):
    """``registry:5000/a/b`` of ``registry:5000/a/b:tag``."""
    head, slash, last = name.rpartition("/")
    return head + slash + last.partition(":")[0]


def big_data_name(key):
    """File name of a big-data item: letters beyond a plain set are written in base64."""
    return "=" + base64.b64encode(key.encode()).decode()


def _layer_sizes(host, folder):
    """``{layer id: (parent id, bytes)}``, empty when it cannot be read."""
    try:
        rows = read_json(host, folder + "/layers.json", 16_777_216)
    except ReadFailed:
        return {}
    try:
        return {row["id"]: (row.get("parent", ""), int(row.get("diff-size", 0))) for row in rows}
    except (TypeError, KeyError, ValueError, AttributeError):
        return {}  # a user's own store may hold anything


def image_size(layer, sizes):
    """Bytes of a layer and all below it; None when one is not listed."""
    total, seen = 0, set()
    while layer:
        if layer not in sizes or layer in seen:
            return None
        seen.add(layer)
        layer, size = sizes[layer][0], sizes[layer][1]
        total += size
    return total
