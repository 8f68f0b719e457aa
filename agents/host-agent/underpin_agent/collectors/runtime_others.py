"""``runtimes[]`` of podman, containerd and CRI-O."""

import re

from ..reading import ReadFailed
from . import settings
from .attribution import attribution_methods
from .engine_access import is_off_loopback
from .engine_api import ask, without_api
from .runtime_docker import component_versions

_NOT_DOCKERS = ("live_restore", "swarm", "userland_proxy", "default_inter_container")
_NO_SUCH_SETTING = "this engine has no such setting"
_GRPC = "gRPC only, not asked"
_REGISTRIES = "/etc/containers/registries.conf"


def gather_podman(row, context, engine):
    """Store the rows of one user's podman."""
    host = context.host
    version = ask(row, host, engine, "/version")
    if version is None:
        without_api(row, ("version", "components"))
    else:
        row.store("version", str(version.get("Version", "")))
        row.store("components", component_versions(version))
    info = ask(row, host, engine, "/info") if version is not None else None
    if info is None:
        without_api(row, ("storage_driver", "oci_runtimes", "config_drift", "default_seccomp"))
    else:
        row.store("storage_driver", str(info.get("Driver", "")))
        for name in ("oci_runtimes", "config_drift", "default_seccomp"):
            row.missing(name, "its API does not say")
    _no_such(row, (*_NOT_DOCKERS, "manages_firewall", "tls", "user_namespace_remap"))
    row.store("api_service_active", bool(engine.sockets) or bool(row.facts.get("tcp_listeners")))
    row.store("authorization_plugins", [])  # podman(1) knows none
    row.store("metrics_exposed", False)
    row.fact("insecure_registries", lambda: insecure_locations(host.read(_REGISTRIES)), absent=[])
    _podman_settings(row, host, engine)
    row.fact("attribution_methods", lambda: attribution_methods(context, engine, row.facts))


def _podman_settings(row, host, engine):
    if engine.file_failure is not None:
        for name in ("events", "log_level", "default_no_new_privileges"):
            row.missing(name, "the configuration file could not be read")
        return
    values = engine.file
    row.store("default_no_new_privileges", values.get("containers.no_new_privileges") is True)
    row.missing("log_level", _NO_SUCH_SETTING)
    backend = values.get("engine.events_logger")
    if backend is None:
        # containers.conf(5): journald where the journal runs, else a file below /run.
        journal = host_has_journal(host)
        backend = "journald" if journal else "file"
    if backend in ("journald", "file", "none"):
        row.store("events", {"backend": backend, "volatile": backend != "journald"})
    else:
        row.missing("events", "an events_logger this agent does not know")


def host_has_journal(host):
    """Whether journald runs: its socket is there."""
    try:
        return host.exists("/run/systemd/journal/socket")
    except ReadFailed:
        return False


def insecure_locations(text):
    """Registries with ``insecure = true`` (containers-registries.conf(5), version 2)."""
    found = set()
    for table in re.split(r"^\s*\[\[registry\]\]\s*$", text, flags=re.MULTILINE)[1:]:
        values = settings.parse_toml(table)
        if values.get("insecure") is True:
            found.add(str(values.get("prefix") or values.get("location") or ""))
    return sorted(found - {""})


def gather_containerd(row, context, engine):
    """Store the rows of one containerd."""
    row.missing("api", _GRPC, needs="optional client program")
    for name in ("version", "components", "storage_driver", "config_drift"):
        row.missing(name, _GRPC, needs="optional client program")
    names = ("user_namespace_remap", "default_seccomp", "default_no_new_privileges", "tls")
    _no_such(row, (*_NOT_DOCKERS, *names, "manages_firewall"))
    row.store("api_service_active", bool(engine.sockets))
    row.store("authorization_plugins", [])
    row.store("events", {"backend": "none", "volatile": True})
    _containerd_settings(row, engine)
    row.fact("attribution_methods", lambda: attribution_methods(context, engine, row.facts))


def _containerd_settings(row, engine):
    if engine.file_failure is not None:
        for name in ("log_level", "metrics_exposed", "insecure_registries", "oci_runtimes"):
            row.missing(name, "the configuration file could not be read")
        return
    level = engine.options.get("log-level") or [engine.file.get("debug.level") or "info"]
    row.store("log_level", str(level[-1]))
    addresses = [str(engine.file.get(name) or "") for name in ("metrics.address",)]
    row.store("metrics_exposed", any(one and is_off_loopback(one) for one in addresses))
    row.store("insecure_registries", unchecked_registries(engine.file))
    row.store("oci_runtimes", configured_runtimes(engine.file))


def unchecked_registries(values):
    """Registries of the CRI plugin with ``insecure_skip_verify``."""
    found = set()
    for key, value in values.items():
        match = re.search(r"registry\.configs\.\"?([^\"]+?)\"?\.tls\.insecure_skip_verify$", key)
        if match and value is True:
            found.add(match.group(1))
    return sorted(found)


def configured_runtimes(values):
    """Low-level runtimes of the CRI plugin with their program, where the file names one."""
    found = {}
    for key, value in values.items():
        match = re.search(
            r"containerd\.runtimes\.([\w-]+)\.(runtime_type|options\.BinaryName)$", key
        )
        if match and (match.group(1) not in found or match.group(2) != "runtime_type"):
            found[match.group(1)] = str(value)
    return [{"name": name, "path": found[name]} for name in sorted(found)]


def gather_crio(row, context, engine):
    """Store the rows of one CRI-O."""
    info = ask(row, context.host, engine, "/info")
    if info is None:
        without_api(row, ("storage_driver",))
    else:
        row.store("storage_driver", str(info.get("storage_driver", "")))
    for name in ("version", "components", "config_drift", "default_seccomp"):
        row.missing(name, _GRPC, needs="optional client program")
    _no_such(row, (*_NOT_DOCKERS, "manages_firewall", "tls", "user_namespace_remap"))
    row.missing("default_no_new_privileges", _NO_SUCH_SETTING)
    row.store("api_service_active", bool(engine.sockets))
    row.store("authorization_plugins", [])
    row.store("events", {"backend": "none", "volatile": True})
    row.store(
        "log_level",
        str(engine.setting("log-level", engine.file.get("crio.runtime.log_level", "info"))),
    )
    metrics = settings.is_true(engine.file.get("crio.metrics.enable_metrics", False))
    row.store(
        "metrics_exposed", metrics and engine.file.get("crio.metrics.metrics_host") != "127.0.0.1"
    )
    row.store("insecure_registries", sorted(engine.file.get("crio.image.insecure_registries", [])))
    row.missing("oci_runtimes", "drop-in files are not merged")
    row.fact("attribution_methods", lambda: attribution_methods(context, engine, row.facts))


def _no_such(row, names):
    for name in names:
        if name not in row.facts:
            row.missing(name, _NO_SUCH_SETTING)
