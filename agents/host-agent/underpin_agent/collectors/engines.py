"""Container engines that run on this host, with the settings they run by.

One ``Engine`` per instance: a daemon, or the podman of one user. Other sections need them too: for
the stores on disk, the sockets that give power over the host, and the accounts that may use them.
"""

import re

from ..reading import Absent, Denied, ReadFailed
from ..record import Record
from . import settings
from .programs import host_programs
from .unix_sockets import held_listening, listening_paths, resolved

_DAEMONS = {"dockerd": "docker", "containerd": "containerd", "crio": "crio"}
_DEFAULT_SOCKET = {
    "docker": "/run/docker.sock",
    "containerd": "/run/containerd/containerd.sock",
    "crio": "/run/crio/crio.sock",
    "podman": "/run/podman/podman.sock",
}
_PODMAN_SOCKET = re.compile(r"(?:/run|/run/user/(\d+))/podman/podman\.sock")
_ADDRESS_KEYS = ("grpc.address", "crio.api.listen")
_DEFAULT_STORE = {
    "docker": "/var/lib/docker",
    "containerd": "/var/lib/containerd",
    "crio": "/var/lib/containers/storage",
    "podman": "/var/lib/containers/storage",
}
_DEFAULT_FILE = {
    "docker": "/etc/docker/daemon.json",
    "containerd": "/etc/containerd/config.toml",
    "crio": "/etc/crio/crio.conf",
    "podman": "/etc/containers/containers.conf",
}


class Engine(Record):
    """One instance. ``options`` are those of the command line, ``file`` those of ``file_path``."""

    kind: str
    key: str
    processes: list
    user: str = ""  # the owner of a rootless instance
    options: dict = dict
    file_path: str = ""
    file: dict = dict
    file_failure: object = None
    sockets: list = list  # API sockets that listen, links resolved
    sockets_failure: object = None
    store: str = ""

    @property
    def rootless(self):
        """True when the engine works for one user."""
        return bool(self.user)

    def setting(self, name, default):
        """The last value of ``name``: command line before file, as engines refuse both."""
        if name in self.options:
            return self.options[name][-1]
        return self.file.get(name, default)

    def switch(self, name, default):
        """``setting`` as a boolean."""
        return settings.is_true(self.setting(name, default))

    def all_of(self, *names):
        """Every value given under one of ``names``, command line and file."""
        found = []
        for name in names:
            found.extend(self.options.get(name, []))
            value = self.file.get(name, [])
            found.extend(value if isinstance(value, list) else [value])
        return [str(value) for value in found]


def find_engines(context):
    """All instances, sorted by key. Read once per collection and kept in ``context``'s host."""
    kept = getattr(context.host, "engines", None)
    if kept is None or kept[0] is not context.processes:
        kept = (context.processes, sorted(_find(context), key=lambda engine: engine.key))
        context.host.engines = kept
    return kept[1]


def _find(context):
    programs = host_programs(context)
    users = user_names(context.host)
    daemons = [process for process in programs if process.comm in _DAEMONS]
    engines = [_daemon(context.host, process, users) for process in daemons]
    engines.extend(_podmans(context.host, programs, users))
    name_engines(engines)
    return engines


def user_names(host):
    """``{uid: name}`` of /etc/passwd; empty when it cannot be read."""
    try:
        rows = [line.split(":") for line in host.lines("/etc/passwd")]
    except ReadFailed:
        return {}
    return {int(row[2]): row[0] for row in reversed(rows) if len(row) > 3 and row[2].isdigit()}


def _owner(process, users):
    """The user of a rootless instance, ``""`` for the system's own."""
    uid = process.uids[0] if process.uids else 0
    return users.get(uid, str(uid)) if uid else ""


def _daemon(host, process, users):
    kind = _DAEMONS[process.comm]
    engine = Engine(kind, kind, [process], _owner(process, users))
    engine.options = settings.parse_arguments(process.arguments())
    _read_file(host, engine)
    engine.store = _store(engine)
    engine.sockets = _api_sockets(host, engine)
    return engine


def _read_file(host, engine):
    names = engine.options.get("config-file") or engine.options.get("config")
    engine.file_path = names[-1] if names else _DEFAULT_FILE[engine.kind]
    parse = settings.parse_json_object if engine.kind == "docker" else settings.parse_toml
    try:
        engine.file = parse(host.read(engine.file_path, 1_048_576))
    except Absent:
        pass
    except ReadFailed as failure:
        engine.file_failure = failure
    except ValueError:
        engine.file_failure = ReadFailed(engine.file_path, "not understood")


def _store(engine):
    for name in ("data-root", "graph", "root"):
        value = engine.setting(name, "")
        if value:
            return str(value).rstrip("/")
    # A user's engine keeps its store at home, where only its user knows.
    return "" if engine.user else _DEFAULT_STORE[engine.kind]


def name_engines(engines):
    """Give each instance its key: the plain kind (``docker:alice`` for a user's own) to one of
    each, else with the socket or store that tells it apart.

    The one on the default socket comes first, then the oldest, so that an engine started later
    never takes the name of one that findings already stand on.
    """
    taken = set()
    for engine in sorted(engines, key=_seniority):
        key = "%s:%s" % (engine.kind, engine.user) if engine.user else engine.kind
        if key in taken:
            key = "%s:%s" % (key, engine.sockets[0] if engine.sockets else engine.store)
        taken.add(key)
        engine.key = key


def _seniority(engine):
    started = [process.start_ticks for process in engine.processes]
    default = _DEFAULT_SOCKET[engine.kind]
    return default not in engine.sockets, min(started, default=0), engine.sockets


def _podmans(host, programs, users):
    """One instance per user with a monitor, a service or a listening API socket."""
    found = {}
    for process in programs:
        if process.comm == "podman" or (process.comm == "conmon" and not _of_crio(process)):
            user = _owner(process, users)
            engine = found.setdefault(user, Engine("podman", "podman", [], user))
            engine.processes.append(process)
            engine.store = engine.store or graph_root(process.arguments())
    for path in listening_paths(host, "1") or listening_paths(host, "self"):
        match = _PODMAN_SOCKET.fullmatch(resolved(host, path))
        if match:
            user = users.get(int(match.group(1)), match.group(1)) if match.group(1) else ""
            engine = found.setdefault(user, Engine("podman", "podman", [], user))
            engine.sockets = sorted({*engine.sockets, resolved(host, path)})
    for engine in found.values():
        _read_file(host, engine)
        if not engine.store and not engine.user:
            engine.store = _DEFAULT_STORE["podman"]
    return list(found.values())


def _of_crio(monitor):
    """CRI-O starts its monitors in scopes of their own, with folders of its own."""
    if any("crio-conmon-" in path for _controllers, path in monitor.cgroups):
        return True
    return any("/crio/" in word for word in monitor.arguments())


def graph_root(arguments):
    """Where podman keeps images: above the bundle that its monitor was given, or ``""``."""
    for word, value in zip(arguments, arguments[1:]):
        if word in ("-b", "--bundle"):
            return value.partition("-containers/")[0].rpartition("/")[0]
    return ""


def _api_sockets(host, engine):
    """The sockets of the daemon that take requests; its private ones are left out.

    ``sockets_failure`` says when they are not known. Without the right to see the daemon's
    descriptors, the addresses it was told count where something listens on them.
    """
    process = engine.processes[0]
    try:
        paths = held_listening(host, process.pid)
    except Denied as failure:
        told, listed = _told_paths(host, engine), listening_paths(host, process.pid)
        paths = [path for path in listed if resolved(host, path) in told]
        if not paths:
            engine.sockets_failure = failure
    except ReadFailed as failure:
        engine.sockets_failure = failure
        return []
    found = {resolved(host, path) for path in paths}
    return sorted(path for path in found if not _is_private(engine, path))


def _told_paths(host, engine):
    """Paths of unix sockets in the settings, the default one included."""
    found = {_DEFAULT_SOCKET[engine.kind]}
    for address in engine.all_of("host", "hosts"):
        if address.startswith("unix://"):
            found.add(resolved(host, address[len("unix://") :]))
    for name in ("address", "listen"):
        found.update(resolved(host, path) for path in engine.options.get(name, ()))
    found.update(str(engine.file[key]) for key in _ADDRESS_KEYS if engine.file.get(key))
    return found


def _is_private(engine, path):
    """Docker serves metrics and network plugins below its exec root, containerd its debugger."""
    own = str(engine.setting("exec-root", "/run/docker")).rstrip("/") + "/"
    return path.endswith("debug.sock") or (engine.kind == "docker" and path.startswith(own))
