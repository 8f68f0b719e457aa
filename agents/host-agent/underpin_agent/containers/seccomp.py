"""The system call filter of one container, judged from the OCI bundle (never by ptrace)."""

ALLOWING = {"SCMP_ACT_ALLOW", "SCMP_ACT_LOG"}
RISKY = (  # noqa: SIM905 a table
    "acct add_key bpf clone3 finit_module fsopen init_module io_uring_setup ioperm iopl "
    "kexec_file_load kexec_load keyctl mount move_mount open_by_handle_at perf_event_open "
    "pidfd_getfd process_vm_writev quotactl reboot request_key setns settimeofday swapon "
    "unshare userfaultfd"
).split()
AF_ALG, AF_VSOCK = 38, 40  # include/linux/socket.h
NO_FILTER, STRICT, FILTER = 0, 1, 2  # Seccomp line of /proc/<pid>/status


def gather(material):
    """Rows of ``containers[].seccomp``; a process without filter decides for all."""
    modes = [process.status.get("Seccomp") for process in material.members]
    if None in modes:
        material.missing("seccomp", "this kernel does not show it", "ENOENT")
        return
    weakest = min(int(mode) for mode in modes)
    material.put("seccomp.weakest_mode", weakest)
    profile = _profile(material.claim.spec)
    if weakest != FILTER:
        open_ = weakest == NO_FILTER
        _put_lists(material, "none", list(RISKY) if open_ else [], vsock=open_, alg=open_)
    elif profile is None:
        _unknown(material)
    else:
        _put_lists(
            material,
            "oci",
            [name for name in RISKY if allowed_without_filter(profile, name)],
            vsock=socket_allowed(profile, AF_VSOCK),
            alg=socket_allowed(profile, AF_ALG),
        )


def _profile(spec):
    linux = spec.get("linux")
    profile = linux.get("seccomp") if isinstance(linux, dict) else None
    return profile if isinstance(profile, dict) else None


def _put_lists(material, source, risky, *, vsock, alg):
    material.put("seccomp.source", source)
    material.put("seccomp.risky_allowed", sorted(risky))
    material.put("seccomp.vsock_allowed", vsock)
    material.put("seccomp.alg_allowed", alg)


def _unknown(material):
    spec, claim = material.claim.spec, material.claim
    why = "the bundle holds no filter" if spec else "a filter is active, its bundle not readable"
    material.put("seccomp.source", "none")
    for name in ("risky_allowed", "vsock_allowed", "alg_allowed"):
        material.missing("seccomp." + name, why, claim.errno, "the container's OCI bundle")


def _rules(profile, name):
    for rule in profile.get("syscalls") or []:
        if name in (rule.get("names") or [rule.get("name")]):
            yield rule


def allowed_without_filter(profile, name):
    """True when ``name`` ends in ALLOW whatever its arguments are.

    A deny rule with arguments below an allowing default leaves other arguments open: allowed.
    """
    for rule in _rules(profile, name):
        if not rule.get("args"):
            return rule.get("action") in ALLOWING
    return profile.get("defaultAction") in ALLOWING


def socket_allowed(profile, family):
    """True when socket(2) with address family ``family`` is allowed for some type and protocol."""
    allowed = profile.get("defaultAction") in ALLOWING
    for rule in _rules(profile, "socket"):
        if not _may_match(rule.get("args") or [], family):
            continue
        if rule.get("action") not in ALLOWING:
            if all(argument.get("index") == 0 for argument in rule.get("args") or []):
                return False
            continue
        allowed = True
    return allowed


def _may_match(arguments, family):
    return all(
        _compare(argument, family) for argument in arguments if argument.get("index", 0) == 0
    )


def _compare(argument, value):
    other, second = argument.get("value", 0), argument.get("valueTwo", 0)
    tests = {
        "SCMP_CMP_NE": value != other,
        "SCMP_CMP_LT": value < other,
        "SCMP_CMP_LE": value <= other,
        "SCMP_CMP_EQ": value == other,
        "SCMP_CMP_GE": value >= other,
        "SCMP_CMP_GT": value > other,
        "SCMP_CMP_MASKED_EQ": value & other == second,
    }
    return tests.get(argument.get("op"), True)
