"""Docker's state files: ``<data root>/containers/<id>/config.v2.json`` and ``hostconfig.json``."""

import re

from ..reading import Absent, ReadFailed
from ..record import Record
from .bundle import read_json

DEFAULT_DATA_ROOT = "/var/lib/docker"
DEFAULT_CONFIG = "/etc/docker/daemon.json"
REMAPPED = re.compile(r"\d+\.\d+")
QUOTA = re.compile(r"(?:overlay2|btrfs|zfs|dm)\.(?:size|basesize)=")


class Engine(Record):
    """One docker daemon: where its state lies, and its present defaults."""

    pid: int
    uid: int = 0
    data_root: str = DEFAULT_DATA_ROOT
    log_driver: str = "json-file"
    log_options: dict = dict
    cgroup_parent: str = ""
    storage_options: list = list
    config_failure: object = None


def engines(host, processes):
    """Every dockerd of the process table, its options from argv over daemon.json."""
    found = [
        engine_from(host, process)
        for process in processes
        if process.comm == "dockerd" and not process.kernel_thread and not process.zombie
    ]
    return found or [Engine(0)]


def engine_from(host, process):
    """The ``Engine`` of one dockerd."""
    options = parse_arguments(process.arguments())
    engine = Engine(process.pid, uid=process.uids[1])
    try:
        config = read_json(host, (options.get("config-file") or [DEFAULT_CONFIG])[-1])
    except Absent:
        config = {}
    except ReadFailed as failure:
        config, engine.config_failure = {}, failure
    roots = options.get("data-root") or options.get("g") or options.get("graph")
    engine.data_root = (roots or [config.get("data-root") or config.get("graph")])[-1] or (
        DEFAULT_DATA_ROOT
    )
    engine.log_driver = (options.get("log-driver") or [config.get("log-driver") or "json-file"])[-1]
    engine.log_options = dict(config.get("log-opts") or {})
    engine.log_options.update(row.partition("=")[::2] for row in options.get("log-opt", []))
    engine.cgroup_parent = (options.get("cgroup-parent") or [config.get("cgroup-parent") or ""])[-1]
    engine.storage_options = list(config.get("storage-opts") or [])
    engine.storage_options += options.get("storage-opt", [])
    return engine


def parse_arguments(arguments):
    """``{option: [values]}`` of ``--name value``, ``--name=value`` and ``-g value``."""
    found = {}
    for index, word in enumerate(arguments):
        if not word.startswith("-"):
            continue
        name, separator, value = word.lstrip("-").partition("=")
        if not separator:
            value = arguments[index + 1] if index + 1 < len(arguments) else ""
        found.setdefault(name, []).append(value)
    return found


def state_folder(host, engine, container_id):
    """The folder of one container, also below a remapped root, or ``""``. Raises ReadFailed."""
    folder = "%s/containers/%s" % (engine.data_root.rstrip("/"), container_id)
    if host.exists(folder):
        return folder
    try:
        names = host.names(engine.data_root)
    except Absent:
        return ""
    for name in names:
        if REMAPPED.fullmatch(name):
            folder = "%s/%s/containers/%s" % (engine.data_root, name, container_id)
            if host.exists(folder):
                return folder
    return ""


def fill(claim, host, engine, folder):
    """Complete ``claim`` from the state files below ``folder``. Raises ReadFailed."""
    state = read_json(host, folder + "/config.v2.json")
    fill_from(claim, engine, state, read_json(host, folder + "/hostconfig.json"))
    claim.reference = "bundle"
    if claim.log[0] == "local" and not claim.log_path:
        claim.log_path = folder + "/local-logs/container.log"  # the state does not name it


def fill_from(claim, engine, state, settings):
    """Complete ``claim`` from a state and host settings; the API answers in the same words."""
    config = _part(state, "Config")
    claim.runtime, claim.reference, claim.engine_pid = "docker", "api", engine.pid
    claim.name = str(state.get("Name", "")).lstrip("/")
    claim.image_id = str(state.get("Image", ""))
    claim.image_reference = str(config.get("Image", ""))
    claim.pod = ""
    claim.labels = {str(key): str(value) for key, value in _part(config, "Labels").items()}
    claim.terminal = bool(config.get("Tty"))
    claim.stdin_open = bool(config.get("OpenStdin"))
    claim.health = _has_health_check(config.get("Healthcheck"))
    claim.privileged = bool(settings.get("Privileged"))
    restart = _part(settings, "RestartPolicy")
    retries = restart.get("MaximumRetryCount")
    claim.restart = (str(restart.get("Name", "")), retries if isinstance(retries, int) else 0)
    log = _part(settings, "LogConfig")
    options = {str(key): str(value) for key, value in _part(log, "Config").items()}
    claim.log = (str(log.get("Type") or engine.log_driver), options)
    claim.log_path = str(state.get("LogPath") or "")
    if engine.pid and engine.config_failure is None:
        claim.log_default = (engine.log_driver, engine.log_options)
    claim.quota_set = _quota_set(engine, settings)
    claim.ports = published_ports(_part(state, "NetworkSettings").get("Ports"))
    claim.networks = attached(_part(_part(state, "NetworkSettings"), "Networks"))
    claim.declared_limits = declared_limits(settings)
    claim.cgroup_parent_default = engine.cgroup_parent or None
    claim.reason = "the runtime does not record it"


def _part(found, name):
    part = found.get(name)
    return part if isinstance(part, dict) else {}


def _has_health_check(check):
    test = check.get("Test") if isinstance(check, dict) else None
    return bool(test) and test[0] != "NONE"


def _quota_set(engine, settings):
    if "size" in _part(settings, "StorageOpt"):
        return True
    return any(QUOTA.match(row) for row in engine.storage_options)


def published_ports(ports):
    """Rows of ``containers[].published_ports`` of ``NetworkSettings.Ports``."""
    rows = []
    for inside, bindings in sorted((ports or {}).items()):
        number = inside.partition("/")[0]
        for binding in bindings or []:
            address, port = binding.get("HostIp") or "0.0.0.0", str(binding.get("HostPort"))  # noqa: S104
            if number.isdigit() and port.isdigit():
                rows.append((address, int(port), int(number)))
    return [
        {
            "host_address": address,
            "host_port": port,
            "container_port": inside,
            "loopback": address.startswith("127.") or address == "::1",
        }
        for address, port, inside in sorted(set(rows))
    ]


def attached(networks):
    """``{network: (mac address, network id)}`` of networks the container is really in."""
    found = {}
    for name, row in networks.items():
        if name in ("host", "none") or not isinstance(row, dict) or not row.get("EndpointID"):
            continue
        found[str(name)] = (str(row.get("MacAddress") or ""), str(row.get("NetworkID") or ""))
    return found


def declared_limits(settings):
    """Limits the runtime wants, in the names of ``containers[].limits``; None: not limited."""
    memory, pids = settings.get("Memory") or 0, settings.get("PidsLimit") or 0
    cores = None
    if settings.get("NanoCpus"):
        cores = settings["NanoCpus"] / 1e9
    elif settings.get("CpuQuota", 0) and settings["CpuQuota"] > 0:
        cores = settings["CpuQuota"] / (settings.get("CpuPeriod") or 100_000)
    return {
        "memory_max_bytes": memory if memory > 0 else None,
        "pids_max": pids if pids > 0 else None,
        "cpu_cores": cores,
    }
