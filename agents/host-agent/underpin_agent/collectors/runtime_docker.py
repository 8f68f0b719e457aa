"""``runtimes[]`` of docker: settings of the daemon, completed by GET /version and GET /info."""

import os
import re

from ..reading import ReadFailed
from . import engine_claims, settings
from .attribution import attribution_methods
from .engine_access import is_off_loopback
from .engine_api import ask, without_api

_FROM_API = ("live_restore", "swarm", "storage_driver", "oci_runtimes", "default_seccomp")
_LOOPBACK_REGISTRIES = ("127.0.0.0/8", "::1/128")  # always allowed, not a setting


def gather(row, context, engine):
    """Store the rows of one docker daemon."""
    version = ask(row, context.host, engine, "/version")
    info = ask(row, context.host, engine, "/info") if version is not None else None
    _versions(row, version)
    if engine.file_failure is None:
        _settings(row, engine)
    else:
        for name in (*_SETTINGS, "insecure_registries", "metrics_exposed", "authorization_plugins"):
            row.missing(name, "the configuration file could not be read")
    _running(row, engine, info)
    if info is not None and info.get("ContainersRunning"):
        _compare(row, context, engine)
    row.store("api_service_active", bool(engine.sockets))
    # The engine keeps its last 256 events in memory (docker system events).
    row.store("events", {"backend": "memory", "volatile": True})
    row.fact("attribution_methods", lambda: attribution_methods(context, engine, row.facts))


def _compare(row, context, engine):
    try:
        if engine_claims.not_shown(context, engine):
            reason = "an engine runs containers that the kernel does not show to the agent"
            needs = "the host's PID namespace, CAP_SYS_PTRACE"
            row.section.missing("containers", reason, "", needs)
    except (ReadFailed, TypeError):
        return  # what the engine does not say is no contradiction


_SETTINGS = {
    "default_no_new_privileges": ("no-new-privileges", False),
    "default_inter_container": ("icc", True),
    "manages_firewall": ("iptables", True),
    "userland_proxy": ("userland-proxy", True),
}


def _versions(row, version):
    if version is None:
        without_api(row, ("version", "components"))
        return
    row.store("version", str(version.get("Version", "")))
    row.store("components", component_versions(version))


def component_versions(version):
    """``{name: version}`` of the programs beside the engine."""
    parts = version.get("Components") or ()
    found = {str(part.get("Name", "")).lower(): str(part.get("Version", "")) for part in parts}
    return {name: text for name, text in sorted(found.items()) if name not in ("engine", "")}


def _settings(row, engine):
    for name, (option, default) in _SETTINGS.items():
        row.store(name, engine.switch(option, default))
    row.store("user_namespace_remap", engine.setting("userns-remap", "") != "")
    debug = engine.switch("debug", default=False)
    row.store("log_level", "debug" if debug else str(engine.setting("log-level", "info")))
    plugins = engine.all_of("authorization-plugin", "authorization-plugins")
    row.store("authorization_plugins", sorted(set(plugins)))
    registries = engine.all_of("insecure-registry", "insecure-registries")
    row.store("insecure_registries", sorted(set(registries)))
    metrics = str(engine.setting("metrics-addr", ""))
    row.store("metrics_exposed", bool(metrics) and is_off_loopback(metrics))


def _running(row, engine, info):
    if info is None:
        without_api(row, (*_FROM_API, "config_drift"))
        return
    options = info.get("SecurityOptions") or []
    row.store("user_namespace_remap", any("name=userns" in str(option) for option in options))
    row.store("rootless", engine.rootless or any("name=rootless" in str(one) for one in options))
    row.store("default_seccomp", default_seccomp(options))
    row.store("live_restore", bool(info.get("LiveRestoreEnabled")))
    row.store("swarm", (info.get("Swarm") or {}).get("LocalNodeState") == "active")
    row.store("storage_driver", str(info.get("Driver", "")))
    row.store("oci_runtimes", oci_runtimes(info.get("Runtimes") or {}))
    row.store("insecure_registries", insecure_registries(info.get("RegistryConfig") or {}))
    row.store("config_drift", config_drift(engine.file, info, engine.sockets))


def default_seccomp(options):
    """``builtin``, a path or ``unconfined`` from the security options of /info."""
    for option in options:
        words = dict(part.partition("=")[::2] for part in str(option).split(","))
        if words.get("name") == "seccomp":
            profile = words.get("profile", "builtin")
            return "builtin" if profile == "default" else profile
    return "unconfined"  # the kernel or the build lacks it, so containers run without a filter


def oci_runtimes(runtimes):
    """Rows of name and path, as the engine would start them."""
    rows = []
    for name in sorted(runtimes):
        path = (runtimes[name] or {}).get("path") or (runtimes[name] or {}).get("runtimeType")
        rows.append({"name": str(name), "path": str(path or "")})
    return rows


def insecure_registries(config):
    """Registries the engine talks to without checking a certificate."""
    found = {str(network) for network in config.get("InsecureRegistryCIDRs") or ()}
    for name, index in (config.get("IndexConfigs") or {}).items():
        if isinstance(index, dict) and not index.get("Secure", True):
            found.add(str(name))
    return sorted(found.difference(_LOOPBACK_REGISTRIES))


def config_drift(file, info, sockets):
    """Options of daemon.json whose value differs from what the running daemon says."""
    running = {
        # With a remapped user namespace the store lies one level deeper (100000.100000).
        "data-root": re.sub(r"/\d+\.\d+$", "", str(info.get("DockerRootDir") or "")) or None,
        "storage-driver": info.get("Driver"),
        "live-restore": info.get("LiveRestoreEnabled"),
        "log-driver": info.get("LoggingDriver"),
        "default-runtime": info.get("DefaultRuntime"),
        "debug": info.get("Debug"),
        "experimental": info.get("ExperimentalBuild"),
    }
    drift = [name for name, value in running.items() if _differs(file, name, value)]
    if _unix_paths(file.get("hosts") or ()) - set(sockets):
        drift.append("hosts")
    return sorted(drift)


def _unix_paths(addresses):
    paths = {str(one)[len("unix://") :] for one in addresses if str(one).startswith("unix://")}
    return {path[len("/var") :] if path.startswith("/var/run/") else path for path in paths}


def _differs(file, name, value):
    if name not in file or value is None:
        return False
    if isinstance(value, bool):
        return settings.is_true(file[name]) != value
    return os.path.normpath(str(file[name])) != os.path.normpath(str(value))
