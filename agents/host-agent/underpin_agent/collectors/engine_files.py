"""``runtimes[]``: the files an engine is configured by, and its TLS key and certificate."""

import base64
import posixpath
import re
import stat

from ..reading import Absent, ReadFailed
from .gathering import Unknown

_UNIT_FOLDERS = ("/etc/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system")
_UNITS = {
    "docker": ("docker.service", "docker.socket"),
    "containerd": ("containerd.service",),
    "podman": ("podman.service", "podman.socket"),
    "crio": ("crio.service",),
}
_EXTRA = {
    "docker": ("/etc/default/docker", "/etc/sysconfig/docker"),
    "podman": ("/usr/share/containers/containers.conf", "/etc/containers/registries.conf"),
    "crio": ("/etc/containers/registries.conf",),
    "containerd": (),
}
_CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----(.+?)-----END CERTIFICATE-----", re.DOTALL)


def gather(row, host, engine):
    """Store config_files and tls."""
    row.fact("config_files", lambda: config_files(row, host, engine))
    _tls(row, host, engine)


def config_files(row, host, engine):
    """Owner and write bits of each file that exists; a link counts as the file behind it."""
    found = {}
    for path in _candidates(host, engine):
        try:
            real, info = followed(host, path)
        except Absent:
            continue
        except ReadFailed as failure:
            row.failed("config_files[]", failure)
            continue
        found[real] = {
            "path": real,
            "uid": info.st_uid,
            "group_writable": bool(info.st_mode & stat.S_IWGRP),
            "other_writable": bool(info.st_mode & stat.S_IWOTH),
        }
    return [found[path] for path in sorted(found)]


def followed(host, path):
    """``(path, stat)`` behind symbolic links. Raises ReadFailed, also for more than eight."""
    for _ in range(8):
        info = host.stat(path)
        if not stat.S_ISLNK(info.st_mode):
            return path, info
        path = posixpath.normpath(posixpath.join(posixpath.dirname(path), host.link(path)))
    raise ReadFailed(path, "ELOOP")


def _candidates(host, engine):
    yield engine.file_path
    if engine.rootless:
        return
    yield from _EXTRA[engine.kind]
    # /lib is a link to /usr/lib on merged systems: one file would count twice.
    merged = _is_link(host, "/lib")
    for folder in _UNIT_FOLDERS[: 2 if merged else 3]:
        for unit in _UNITS[engine.kind]:
            yield "%s/%s" % (folder, unit)
            drop_ins = "%s/%s.d" % (folder, unit)
            try:
                names = host.names(drop_ins)
            except ReadFailed:
                continue
            for name in names:
                yield "%s/%s" % (drop_ins, name)


def _is_link(host, path):
    try:
        return stat.S_ISLNK(host.stat(path).st_mode)
    except ReadFailed:
        return False


def _tls(row, host, engine):
    if not any(one["tls"] for one in row.facts.get("tcp_listeners", [])):
        row.missing("tls", "no TLS listener")
        return
    key = str(engine.setting("tlskey", "/root/.docker/key.pem"))
    certificate = str(engine.setting("tlscert", "/root/.docker/cert.pem"))
    row.fact("tls.key_exposed", lambda: bool(followed(host, key)[1].st_mode & 0o077))
    row.fact("tls.not_after", lambda: not_after(host.read(certificate)))


def not_after(text):
    """End of validity of the first certificate in PEM text, RFC 3339. Raises Unknown."""
    match = _CERTIFICATE.search(text)
    if match is None:
        raise Unknown(reason="no certificate in the file")
    return validity_end(base64.b64decode("".join(match.group(1).split()), validate=True))


def validity_end(der):
    """``notAfter`` of a DER certificate (RFC 5280, 4.1). Raises ValueError for other bytes."""
    _, certificate, _ = _element(der, 0)
    _, body, _ = _element(certificate, 0)
    at, fields = 0, []
    while at < len(body) and len(fields) < 6:
        tag, content, at = _element(body, at)
        if tag != 0xA0:  # the version may be left out
            fields.append(content)
    _, _, second = _element(fields[3], 0)
    tag, time, _ = _element(fields[3], second)
    digits = time.decode("ascii")
    if tag == 0x17:  # UTCTime: two digits of the year, 50 and above are 19xx
        digits = ("19" if int(digits[:2]) >= 50 else "20") + digits
    return "%s-%s-%sT%s:%s:%sZ" % (
        digits[:4],
        *(digits[at : at + 2] for at in (4, 6, 8, 10, 12)),
    )


def _element(data, at):
    """``(tag, content, offset of the next)`` of the DER element at ``at``."""
    if at + 2 > len(data):
        raise ValueError(len(data))
    tag, length, start = data[at], data[at + 1], at + 2
    if length & 0x80:
        count = length & 0x7F
        length, start = int.from_bytes(data[start : start + count], "big"), start + count
    if start + length > len(data):
        raise ValueError(length)
    return tag, data[start : start + length], start + length
