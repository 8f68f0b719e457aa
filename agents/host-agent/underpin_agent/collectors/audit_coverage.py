"""``logging.audit.*``: whether the audit rules record who uses the engines."""

from ..reading import ReadFailed
from . import audit
from .engine_files import config_files
from .engines import find_engines
from .gathering import Gathering
from .kernel import command_line
from .programs import cut_by_hiding

_PROGRAMS = (
    *("docker", "dockerd", "docker-proxy", "docker-init", "containerd", "containerd-shim"),
    *("containerd-shim-runc-v2", "ctr", "runc", "crun", "podman", "conmon", "crio", "crictl"),
    *("nerdctl", "buildah", "skopeo"),
)
_FOLDERS = ("/usr/bin", "/usr/sbin", "/usr/local/bin", "/usr/local/sbin")
_NEED = "CAP_AUDIT_CONTROL"
_ASKED = (
    *("enabled", "daemon_running", "backlog_limit", "login_uid_immutable", "missing_connect_rules"),
    *("missing_exec_rules", "missing_write_rules", "namespace_rules", "log_read_rules"),
)
_DISK_ACTIONS = {  # auditd.conf(5): what must not be left at ignoring the loss of records
    "disk_full_action": {"syslog", "exec", "single", "halt", "suspend"},
    "disk_error_action": {"syslog", "exec", "single", "halt", "suspend"},
    "space_left_action": {"syslog", "email", "exec", "single", "halt", "suspend"},
    "admin_space_left_action": {"syslog", "email", "exec", "single", "halt", "suspend"},
}


def gather(gathering, context):
    """Store audit.*."""
    host, engines = context.host, find_engines(context)
    gathering.fact(
        "audit.boot_parameter",
        lambda: "1" in command_line(host.line("/proc/cmdline")).get("audit", []),
    )
    gathering.fact(
        "audit.disk_full_actions_set",
        lambda: disk_full_actions_set(host.read("/etc/audit/auditd.conf")),
        absent=False,
    )
    sockets = sorted({path for engine in engines for path in engine.sockets})
    hidden = [one.sockets_failure for one in engines if one.sockets_failure is not None]
    if hidden:
        sockets = None
        for name in ("socket_paths", "missing_connect_rules"):
            gathering.failed("audit." + name, hidden[0], needs="CAP_SYS_PTRACE")
    else:
        gathering.store("audit.socket_paths", sockets)
        for name in ("socket_paths", "missing_connect_rules", "missing_write_rules"):
            cut_by_hiding(gathering, context, "audit." + name)
    state = audit.read(context)
    if state.failure is not None:
        for name in _ASKED:
            gathering.failed("audit." + name, state.failure, needs=_NEED)
        return
    _store(gathering, context, state, sockets)


def _store(gathering, context, state, sockets):
    host, rules, engines = context.host, state.rules, find_engines(context)
    for name, value in (
        ("enabled", state.enabled),
        ("daemon_running", state.daemon),
        ("backlog_limit", state.backlog_limit),
        ("login_uid_immutable", state.immutable_login),
        ("namespace_rules", audit.records(rules, "setns") and audit.records(rules, "unshare")),
    ):
        gathering.store("audit." + name, value)
    if sockets is not None:
        missing = audit.missing_connect_rules(rules, sockets)
        gathering.store("audit.missing_connect_rules", missing)
    gathering.fact(
        "audit.missing_exec_rules",
        lambda: audit.missing_permission_rules(rules, programs(host), audit.EXECUTE),
    )
    gathering.fact(
        "audit.missing_write_rules",
        lambda: audit.missing_permission_rules(rules, kept_paths(host, engines), audit.WRITE),
    )
    logs = ["%s/containers" % one.store for one in engines if one.kind == "docker"]
    missing = audit.missing_permission_rules(rules, logs, audit.READ)
    if logs or not context.processes.hidden:
        gathering.store("audit.log_read_rules", bool(logs) and not missing)
    else:
        cut_by_hiding(gathering, context, "audit.log_read_rules")


def disk_full_actions_set(text):
    """Whether each action of auditd.conf(5) does something when records would be lost."""
    chosen = {}
    for line in text.splitlines():
        name, equals, value = line.partition("#")[0].partition("=")
        if equals:
            chosen[name.strip().lower()] = value.split()[0].lower() if value.split() else ""
    return all(chosen.get(name) in good for name, good in _DISK_ACTIONS.items())


def programs(host):
    """Paths of the engines' programs that exist. Raises ReadFailed."""
    found = []
    for folder in _FOLDERS:
        try:
            names = set(host.names(folder))
        except ReadFailed:
            continue
        found += ["%s/%s" % (folder, name) for name in _PROGRAMS if name in names]
    return sorted(found)


def kept_paths(host, engines):
    """Configuration files and stores of the engines, whose change should be recorded."""
    found = set()
    for engine in engines:
        rows = config_files(Gathering("runtimes[]"), host, engine)
        found.update(row["path"] for row in rows)
        if engine.store and host.exists(engine.store):
            found.add(engine.store)
    return sorted(found)
