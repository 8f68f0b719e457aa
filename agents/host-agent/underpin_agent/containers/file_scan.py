"""What lies in a container's file system: one bounded walk, only where a scan is switched on.

The tree is hostile. Folders are opened one below the other without following links, no file is
opened at all, and the walk stays on the root's own mount: st_dev does not stop at bind mounts of
the same device, so every mount point is left out by its path.
"""

import os
import stat
import time

from ..reading import ReadFailed, named_failure, printable

SET_ID, CONTENT = "set_id_scan", "content_scan"
MAX_FILES = 500
MAX_DEPTH = 64
MAX_ENTRIES = 400_000
CPU_SECONDS, ALL_CPU_SECONDS = 0.8, 2.0  # of one container, of all in one collection
KINDS = {
    "shells": "sh ash bash dash zsh ksh mksh fish csh tcsh busybox toybox pwsh",
    "package_managers": "apt apt-get dpkg apk yum dnf microdnf rpm zypper pacman opkg pip pip3 npm "
    "gem cargo conda snap flatpak nix",
    "login_servers": "sshd dropbear telnetd in.telnetd rlogind rshd vsftpd xrdp Xvnc vncserver",
    "tools": "gcc cc clang tcc make go rustc gdb strace ltrace nmap masscan tcpdump tshark curl "
    "wget nc ncat netcat socat telnet ssh scp docker kubectl crictl ctr nsenter",
}
NAMES = {name: kind for kind, names in KINDS.items() for name in names.split()}


def gather(material):
    """Store set_id_files and files.* as far as their scans are switched on."""
    options = material.view.context.options
    wanted = [name for name in (SET_ID, CONTENT) if options.get(name)]
    paths = {SET_ID: ("set_id_files",), CONTENT: tuple("files." + kind for kind in KINDS)}
    for option, names in paths.items():
        for name in names if option not in wanted else ():
            material.missing(name, "scan switched off", "", "option " + option)
    if not wanted:
        return
    walk = Walk(material.mounts or [])
    try:
        walk.run(material)
    except ReadFailed as failure:
        for option in wanted:
            for name in paths[option]:
                material.failed(name, failure, "read access to the container's root")
        return
    _store(material, walk, [name for option in wanted for name in paths[option]])


def _store(material, walk, names):
    for name in names:
        found = sorted(walk.found[name.rpartition(".")[2]])
        if found or not walk.is_cut:  # an empty list of a walk that was cut would look like none
            material.put(name, found[:MAX_FILES])
        if walk.is_cut or len(found) > MAX_FILES:
            material.missing(name, "truncated")


class Walk:
    """One walk; ``found`` maps the kind (``shells``, ``set_id_files``) to paths inside."""

    def __init__(self, mounts):
        self.found = {kind: set() for kind in ("set_id_files", *KINDS)}
        self.is_cut = False
        self._others = {mount.point for mount in mounts if mount.point != "/"}
        self._left = MAX_ENTRIES

    def run(self, material):
        """Walk the container's root. Raises ReadFailed when its root cannot be opened."""
        view = material.view
        spent = view.scan_seconds
        started = time.process_time()
        self._end = started + min(CPU_SECONDS, ALL_CPU_SECONDS - spent)
        root = next((one for one in material.mounts or () if one.point == "/"), None)
        if root is None or root.mount_id in material.inside.blocked_mounts:
            raise ReadFailed(material.inside.root, "on a network or user-space file system")
        with material.inside.folder("/") as folder:
            self._folder(folder.fd, "", MAX_DEPTH)
        view.scan_seconds = spent + time.process_time() - started

    def _folder(self, fd, path, depth):
        try:
            with os.scandir(fd) as entries:
                for entry in entries:
                    self._left -= 1
                    if self._left < 0 or time.process_time() > self._end:
                        self.is_cut = True
                        return
                    self._entry(fd, entry, "%s/%s" % (path, entry.name), depth)
        except OSError:
            self.is_cut = True

    def _entry(self, fd, entry, path, depth):
        if entry.is_dir(follow_symlinks=False):
            if path not in self._others:
                self._below(fd, entry.name, path, depth - 1)
            return
        shown = printable(os.fsencode(path))
        kind = NAMES.get(entry.name)
        if entry.is_symlink():
            if kind:
                self.found[kind].add(shown)
            return
        if not entry.is_file(follow_symlinks=False):
            return
        mode = entry.stat(follow_symlinks=False).st_mode
        if kind and mode & 0o111:
            self.found[kind].add(shown)
        if mode & (stat.S_ISUID | stat.S_ISGID) and mode & 0o111:
            self.found["set_id_files"].add(shown)

    def _below(self, fd, name, path, depth):
        if depth == 0:
            self.is_cut = True
            return
        flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            inner = os.open(name, flags, dir_fd=fd)
        except OSError as error:
            self.is_cut = self.is_cut or named_failure(path, error).errno_name != "ENOENT"
            return
        try:
            self._folder(inner, path, depth)
        finally:
            os.close(inner)
