"""What the runtime was told: restart, health, log, terminal, origin; and how init behaves."""

import os
import platform
import re
import stat

from .. import derive
from ..reading import ReadFailed
from .isolation import PTRACE

SIGTERM_BIT, SIGCHLD_BIT = 1 << 14, 1 << 16
SIGTIMEDWAIT = {
    "x86_64": "128",
    "aarch64": "137",
    "riscv64": "137",
    "ppc64le": "176",
    "s390x": "177",
}
REAPERS = {
    *("tini", "docker-init", "catatonit", "dumb-init", "systemd", "init", "s6-svscan", "runit"),
    *("supervisord", "podman-init", "pause", "conmon", "runsvdir", "sh", "bash", "dash", "ash"),
}
DEFAULT_BUFFER_BYTES = 1_048_576  # docker's non-blocking mode without max-buffer-size
SIZE = re.compile(r"(\d+)\s*([kmgt]?)i?b?")
MACHINE = re.compile(r"shim-(?:kata|\w*vm)|cloud-hypervisor|qemu-system")
OWN_PROGRAM = re.compile(r"/proc/\d+/exe")
SYSTEM_FOLDERS = re.compile(
    r"/(?:usr/)?(?:s?bin|lib\w*|libexec)/|/usr/local/(?:s?bin|lib\w*|libexec)/"
)
HOOK_KINDS = (
    *("prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"),
)
POD_NOTES = ("io.kubernetes.cri.", "io.kubernetes.cri-o.SandboxID", "io.kubernetes.pod.")
LABEL_DIRECT_IO, LABEL_ONE_SHOT = "underpin.direct-io", "underpin.one-shot"


def gather(material):
    """All rows of this module."""
    _restart_and_health(material)
    _log(material)
    _origin(material)
    _init(material)
    _keyring(material)
    _sandbox(material)
    _hooks(material)
    _score(material)


def _restart_and_health(material):
    claim = material.claim
    policy, retries = claim.restart if claim.restart is not None else (None, None)
    material.claimed("restart.policy", policy)
    material.claimed("restart.max_retries", retries)
    material.claimed("health.defined", claim.health)
    material.claimed("terminal", claim.terminal)
    material.claimed("stdin_open", claim.stdin_open)
    material.claimed("declared.privileged", claim.privileged)
    material.claimed("writable_layer.quota_set", claim.quota_set)


def bytes_of(text):
    """Bytes of ``4m`` or ``1048576`` (go-units RAMInBytes), or None."""
    match = SIZE.fullmatch(text.strip().lower())
    if not match:
        return None
    return int(match.group(1)) << {"": 0, "k": 10, "m": 20, "g": 30, "t": 40}[match.group(2)]


def _log(material):
    claim = material.claim
    if claim.log is None:
        for name in ("driver", "rotates", "mode", "buffer_bytes", "matches_default", "other_read"):
            material.claimed("log." + name, None)
        return
    driver, options = claim.log
    material.put("log.driver", driver)
    rotates = derive.log_rotates(driver, options)
    if rotates is None:
        material.missing("log.rotates", "no rule for this log driver")
    else:
        material.put("log.rotates", rotates)
    blocking = options.get("mode", "blocking") != "non-blocking"
    material.put("log.mode", "blocking" if blocking else "non-blocking")
    size = bytes_of(options.get("max-buffer-size", "")) or DEFAULT_BUFFER_BYTES
    material.put("log.buffer_bytes", 0 if blocking else size)
    matches = None if claim.log_default is None else tuple(claim.log_default) == (driver, options)
    material.claimed("log.matches_default", matches)
    _log_file(material)


def _log_file(material):
    path = material.claim.log_path
    if not path:
        material.missing("log.other_read", "the log driver keeps no file")
        return
    try:
        material.put("log.other_read", others_may_read(material.host, path))
    except ReadFailed as failure:
        material.failed("log.other_read", failure)


def others_may_read(host, path):
    """True when any user reaches and reads ``path``: the file and all folders above. ReadFailed."""
    if not host.stat(path).st_mode & stat.S_IROTH:
        return False
    folder = os.path.dirname(path)
    while folder not in ("/", ""):
        if not host.stat(folder).st_mode & stat.S_IXOTH:
            return False
        folder = os.path.dirname(folder)
    return True


def _origin(material):
    claim = material.claim
    notes, labels = claim.annotations, claim.labels
    parent = material.posture.facts.get("cgroup", {}).get("parent", "")
    kubernetes = "kubepods" in parent or any(key.startswith(POD_NOTES) for key in notes)
    if labels is None and not kubernetes and not parent.endswith(".service"):
        for name in ("origin", "orchestrated", "one_shot", "direct_io_workload"):
            material.claimed(name, None)
        return
    labels = labels or {}
    kubernetes = kubernetes or "io.kubernetes.pod.name" in labels
    systemd = parent.endswith(".service") or "PODMAN_SYSTEMD_UNIT" in labels
    swarm = "com.docker.swarm.service.id" in labels
    material.put("origin", _origin_word(labels, kubernetes=kubernetes, systemd=systemd))
    material.put("orchestrated", kubernetes or systemd or swarm)
    if claim.labels is None:
        material.claimed("one_shot", None)
        material.claimed("direct_io_workload", None)
        return
    once = labels.get("com.docker.compose.oneoff", "").lower() == "true"
    material.put("one_shot", once or labels.get(LABEL_ONE_SHOT, "").lower() == "true")
    material.put("direct_io_workload", labels.get(LABEL_DIRECT_IO, "").lower() == "true")


def _origin_word(labels, *, kubernetes, systemd):
    """docker keeps no trace of who asked: a command line or the API directly is ``unknown``."""
    if kubernetes:
        return "kubernetes"
    if "com.docker.compose.project" in labels:
        return "compose"
    return "systemd" if systemd else "unknown"


def _init(material):
    caught, ignored, blocked = (
        int(material.leader.status.get(name, "0"), 16) for name in ("SigCgt", "SigIgn", "SigBlk")
    )
    if caught & SIGTERM_BIT:
        material.put("init.sigterm", "handler")
    elif ignored & SIGTERM_BIT:
        material.put("init.sigterm", "ignored")
    else:
        _waiting(material, otherwise="ignored" if blocked & SIGTERM_BIT else "default")
    material.put("init.reaper", _reaps(material, caught | ignored))
    if material.leader.ns_pids:
        material.put("init.pid_one", material.leader.ns_pids[-1] == 1)
    else:
        material.missing("init.pid_one", "this kernel does not show it", "ENOENT")


def _waiting(material, *, otherwise):
    """SIGTERM is waited for by signalfd(2) or sigtimedwait(2); where by nobody: ``otherwise``.

    While a task waits in sigtimedwait the kernel shows the signals it waits for as not blocked,
    so the mask of blocked signals says nothing about it.
    """
    rows, failure, _cut = material.descriptors()
    mine = [text for process, _number, text in rows if process is material.leader]
    if "anon_inode:[signalfd]" in mine:
        material.put("init.sigterm", "sigwait")
        return
    wanted = SIGTIMEDWAIT.get(platform.machine())
    try:
        folder = "/proc/%d/task" % material.leader.pid
        tasks = material.host.names(folder)
        calls = [material.host.line("%s/%s/syscall" % (folder, task)) for task in tasks[:64]]
    except ReadFailed as error:
        material.failed("init.sigterm", error, PTRACE)
        return
    if wanted is None or (failure is not None and not mine):
        material.missing("init.sigterm", "how it waits for SIGTERM cannot be seen", "", PTRACE)
        return
    waits = any(call.split(" ")[:1] == [wanted] for call in calls)
    material.put("init.sigterm", "sigwait" if waits else otherwise)


def _reaps(material, handled):
    """Whether orphans are waited for: by a known init, a SIGCHLD handler, or the runtime."""
    leader = material.leader
    if leader.ns_pids and leader.ns_pids[-1] != 1:
        first = _namespace_init(material)
        if first is None:
            return True  # orphans go to the supervisor, which is a child subreaper
        leader = first
        masks = (leader.status.get(name, "0") for name in ("SigCgt", "SigIgn"))
        handled = int(next(masks), 16) | int(next(masks), 16)
    return leader.comm in REAPERS or bool(handled & SIGCHLD_BIT)


def _namespace_init(material):
    """PID 1 of the joined PID namespace when it is another container's, else None."""
    discovery, own = material.view.context.discovery, material.leader.namespaces.get("pid")
    if own is None or own == discovery.host_inodes.get("pid"):
        return None
    for container in discovery.containers:
        for process in container.processes:
            if process.namespaces.get("pid") == own and process.ns_pids[-1:] == [1]:
                return process
    return None


def _keyring(material):
    """The runtime names a session keyring after the container; child namespaces hide theirs."""
    known = material.view.session_keyrings
    initial = material.posture.facts.get("user_namespace", {}).get("initial")
    if known is not None and material.found.id in known:
        material.put("own_session_keyring", True)
    elif known is None or not known or initial is not True or not material.found.id:
        why = "keys of other users and namespaces are not shown"
        material.missing("own_session_keyring", why, "", "the initial user namespace as root")
    else:
        material.put("own_session_keyring", False)


def _sandbox(material):
    supervisor = material.found.supervisor
    words = (supervisor.arguments[:1] if supervisor else []) + [material.leader.comm]
    text = " ".join(words)
    if "runsc" in text or "gvisor" in text:
        material.put("sandbox", "gvisor")
    elif MACHINE.search(text):
        material.put("sandbox", "vm")
    else:
        material.put("sandbox", "shared-kernel")


def _hooks(material):
    claim = material.claim
    if not claim.spec:
        material.missing("oci.hooks", claim.reason, claim.errno, "the container's OCI bundle")
        return
    hooks, rows = claim.spec.get("hooks") or {}, {}
    for kind in HOOK_KINDS:
        for hook in hooks.get(kind) or []:
            path = _hook_path(material.host, str(hook.get("path", "")))
            rows[path] = {"path": path, "trusted": _trusted(material.host, path)}
    material.put("oci.hooks", [rows[path] for path in sorted(rows)])


def _hook_path(host, path):
    """``/proc/<pid>/exe`` (docker) is the daemon's own program: show that instead of a number."""
    if OWN_PROGRAM.fullmatch(path):
        try:
            return host.link(path)
        except ReadFailed:
            return "/proc/<pid>/exe"
    return path


def _trusted(host, path):
    if not SYSTEM_FOLDERS.match(path) or "/../" in path:
        return False
    try:
        found = host.stat(path)
    except ReadFailed:
        return False
    return found.st_uid == 0 and (stat.S_ISLNK(found.st_mode) or not found.st_mode & 0o022)


def _score(material):
    try:
        material.put("oom_score_adjust", int(material.read("oom_score_adj")))
    except (ReadFailed, ValueError):
        material.missing("oom_score_adjust", "could not be read")
