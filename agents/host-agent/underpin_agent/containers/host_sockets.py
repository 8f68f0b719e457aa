"""Listening control sockets of container runtimes, in the host's network namespace."""

import os
import re

from ..collectors.unix_sockets import socket_inodes
from ..reading import Absent, ReadFailed

ACCEPTS = 0x0001_0000  # __SO_ACCEPTCON, include/uapi/linux/net.h
NAMES = {
    *("docker.sock", "podman.sock", "containerd.sock", "containerd.sock.ttrpc", "crio.sock"),
    *("cri-dockerd.sock", "dockershim.sock", "buildkitd.sock", "kubelet.sock", "garden.sock"),
}
DAEMONS = {"dockerd", "podman", "containerd", "crio", "cri-dockerd", "buildkitd"}
NO_CONTROL = re.compile(r"/libnetwork/|/metrics\.sock$|debug\.sock$|/plugins/|/containerd/s/")


def listening_runtime_sockets(host, processes):
    """``(sorted paths with links resolved, failure)``; None for paths: no socket table.

    With a failure, a daemon's descriptors could not be read: a socket of it whose name says
    nothing is not among the paths.
    """
    table = _socket_table(host)
    if table is None:
        return None, None
    held, failure = _held_by_daemons(host, processes)
    found = set()
    for inode, path in parse_listening(table):
        if NO_CONTROL.search(path):
            continue
        if os.path.basename(path) in NAMES or inode in held:
            found.add(resolved(host, path))
    return sorted(found), failure


def _socket_table(host):
    for owner in ("1", "self"):
        try:
            return host.read("/proc/%s/net/unix" % owner, 8_388_608)
        except ReadFailed:
            continue
    return None


def parse_listening(text):
    """``[(inode, path)]`` of listening sockets that have a path in the file system."""
    rows = []
    for line in text.split("\n")[1:]:
        fields = line.split(None, 7)
        if len(fields) == 8 and int(fields[3], 16) & ACCEPTS and fields[7].startswith("/"):
            rows.append((int(fields[6]), fields[7]))
    return rows


def _held_by_daemons(host, processes):
    held, failed = set(), None
    for process in processes:
        if process.comm not in DAEMONS or process.kernel_thread or process.zombie:
            continue
        try:
            held.update(map(int, socket_inodes(host, process.pid)))
        except Absent:
            continue  # ended meanwhile
        except ReadFailed as failure:
            failed = failure
    return held, failed


def resolved(host, path):
    """``path`` with its links followed below the host's root; unchanged when that fails."""
    done, todo, links = "", [part for part in path.split("/") if part][::-1], 0
    while todo:
        part = todo.pop()
        if part == ".." or part == ".":
            done = os.path.dirname(done) if part == ".." else done
            continue
        try:
            target = host.link(done + "/" + part)
        except ReadFailed:
            done += "/" + part
            continue
        links += 1
        if links > 40:
            return path
        done = "" if target.startswith("/") else done
        todo.extend(step for step in reversed(target.split("/")) if step)
    return done or "/"
