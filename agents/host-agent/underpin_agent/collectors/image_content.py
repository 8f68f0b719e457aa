"""``images[].login_files``: what in an image's layers lets somebody in, where a scan is on.

Only known places are looked at, in each layer by itself: a file that a later layer removes still
travels with the image. Links are not followed out of a layer.
"""

from ..reading import Absent, ContainedHost, ReadFailed
from .gathering import names_or_none

MAX_HOMES = 64
KEYS = ("authorized_keys", "authorized_keys2", "id_rsa", "id_dsa", "id_ecdsa", "id_ed25519")
LOCKED = ("", "*", "x")


FOLDERS = {"overlay2": "overlay2/%s/diff", "overlay": "overlay/%s/diff", "vfs": "vfs/dir/%s"}


def login_files(host, folder, chains, kept):
    """Sorted paths over the layers of ``chains`` in the store ``<root>/image/<driver>``. Raises
    ReadFailed.

    ``kept`` remembers layers by their id: images share them.
    """
    found = set()
    for chain in chains:
        if chain not in kept:
            identity = host.line("%s/layerdb/sha256/%s/cache-id" % (folder, chain))
            root, _, driver = folder.rpartition("/image/")
            kept[chain] = in_layer(content(host, root, driver, identity))
        found.update(kept[chain])
    return sorted(found)


def content(host, root, driver, identity):
    """The layer's files as a door of their own. Raises ReadFailed for drivers without folders."""
    if driver not in FOLDERS or "/" in identity:
        raise ReadFailed(root, "layers of this storage driver are no folders")
    path = "%s/%s" % (root, FOLDERS[driver] % identity)
    if not host.exists(path):
        raise Absent(path, "ENOENT")
    return ContainedHost(host.root.rstrip("/") + path)


def in_layer(layer):
    """Paths of password hashes, private and authorized keys in one layer."""
    found = {"/etc/shadow"} if _has_hash(layer) else set()
    homes = ["/root", *("/home/" + name for name in names_or_none(layer, "/home")[:MAX_HOMES])]
    places = ["%s/.ssh/%s" % (home, name) for home in homes for name in KEYS]
    places += [
        "/etc/ssh/" + name
        for name in names_or_none(layer, "/etc/ssh")
        if name.startswith("ssh_host_") and name.endswith("_key")
    ]
    return found | {path for path in places if _holds_something(layer, path)}


def _has_hash(layer):
    try:
        rows = [line.split(":") for line in layer.lines("/etc/shadow", 1_048_576)]
    except ReadFailed:
        return False
    return any(len(row) > 1 and row[1] not in LOCKED and row[1][0] not in "!*" for row in rows)


def _holds_something(layer, path):
    try:
        return layer.stat(path).st_size > 0
    except ReadFailed:
        return False
