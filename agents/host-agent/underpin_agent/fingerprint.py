"""Evidence of which machine this is; every value leaves the host as an HMAC only."""

import hashlib
import hmac

from .reading import ReadFailed

JUNK = {
    *("", "none", "to be filled by o.e.m.", "not specified", "default string", "not applicable"),
    *("0123456789", "123456789", "system serial number", "uninitialized"),
    "03000200-0400-0500-0006-000700080009",  # a board maker's constant
}
DEFAULT_SALT = b"underpin/1"
SOURCES = {
    "cloud_instance": "/sys/class/dmi/id/board_asset_tag",
    "product_uuid": "/sys/class/dmi/id/product_uuid",
    "machine_id": "/etc/machine-id",
}


def evidence(host, org_salt=b""):
    """``{name: HMAC hex}`` of what identifies the machine, without known junk values."""
    found = {}
    for name, path in SOURCES.items():
        try:
            value = host.line(path).lower()
        except ReadFailed:
            continue
        if value in JUNK or not value.strip("0-fF"):
            continue
        if name == "cloud_instance" and not value.startswith("i-"):
            continue  # only cloud instance ids; other boards print a model here
        found[name] = hmac.new(org_salt or DEFAULT_SALT, value.encode(), hashlib.sha256).hexdigest()
    return found


def combined(found):
    """One hash of all evidence, kept in the state to notice a copied image."""
    text = "\n".join("%s=%s" % row for row in sorted(found.items()))
    return hashlib.sha256(text.encode()).hexdigest()


def boot_id(host):
    """The first eight hexadecimal digits of the kernel's boot id, ``00000000`` if unreadable."""
    try:
        return host.line("/proc/sys/kernel/random/boot_id")[:8]
    except ReadFailed:
        return "00000000"
