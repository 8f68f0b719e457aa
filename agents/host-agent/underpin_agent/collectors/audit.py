"""The kernel's audit system, asked read-only: state, features and rules (audit(7), netlink(7))."""

import platform
import struct
from collections import namedtuple

from ..reading import Absent, ReadFailed
from ..record import Record
from . import netlink

_PROTOCOL = 9  # NETLINK_AUDIT
_GET, _LIST_RULES, _GET_FEATURE = 1000, 1013, 1019  # include/uapi/linux/audit.h
_LOGINUID_IMMUTABLE = 1 << 1
_EXIT_LIST, _FS_LIST, _ALWAYS = 4, 6, 2
_ARCH, _LOGINUID, _LOGINUID_SET, _KEY = 11, 9, 24, 210
_WATCH, _PERM, _DIR, _EXE = 105, 106, 107, 112
_STRINGS = {_WATCH, _DIR, _EXE, _KEY, *range(13, 18), *range(19, 24)}  # values are buffer lengths
_FILTERS_ALLOWED = {_ARCH, _LOGINUID, _LOGINUID_SET, _KEY, _WATCH, _PERM, _DIR}
EXECUTE, WRITE, READ = 1, 2, 4  # AUDIT_PERM_*
_NUMBERS = {  # arch/*/include/…/unistd: connect, execve, setns, unshare
    "x86_64": {"connect": 42, "execve": 59, "setns": 308, "unshare": 272},
    "aarch64": {"connect": 203, "execve": 221, "setns": 268, "unshare": 97},
    "riscv64": {"connect": 203, "execve": 221, "setns": 268, "unshare": 97},
    "ppc64le": {"connect": 328, "execve": 11, "setns": 350, "unshare": 282},
    "s390x": {"connect": 362, "execve": 11, "setns": 339, "unshare": 303},
}


class Rule(
    namedtuple("Rule", "syscalls fields path is_folder permissions", defaults=("", False, 0))
):
    """One rule that records: numbers of its system calls and field filters; path is a file, or a
    folder."""

    __slots__ = ()


class State(Record):
    """What the kernel said. ``failure`` is the ReadFailed that kept the rest unknown."""

    enabled: int = 0
    daemon: bool = False
    backlog_limit: int = 0
    immutable_login: bool = False
    rules: list = list
    failure: object = None


def read(context):
    """The ``State``, asked once per collection and kept beside the host door."""
    kept = getattr(context.host, "audit_state", None)
    if kept is None or kept[0] is not context.processes:
        kept = (context.processes, _read(context.host))
        context.host.audit_state = kept
    return kept[1]


def _read(host):
    state = State()
    try:
        host.line("/proc/self/loginuid")
    except Absent:
        return state  # audit is not built into this kernel
    except ReadFailed as failure:
        state.failure = failure
        return state
    try:
        answers = netlink.ask(_PROTOCOL, _GET, 0)
        _mask, state.enabled, _fail, pid, _rate, limit = struct.unpack_from("=6I", answers[0][1])
        state.daemon, state.backlog_limit = pid != 0, limit
        features = netlink.ask(_PROTOCOL, _GET_FEATURE, 0)
        chosen = struct.unpack_from("=4I", features[0][1])[2]
        state.immutable_login = bool(chosen & _LOGINUID_IMMUTABLE)
        rows = netlink.ask(_PROTOCOL, _LIST_RULES, netlink.NLM_F_DUMP)
        state.rules = [rule for rule in map(parse_rule, (row[1] for row in rows)) if rule]
    except ReadFailed as failure:
        state.failure = failure
    except (IndexError, struct.error):
        state.failure = ReadFailed("netlink %d" % _PROTOCOL, "EBADMSG")
    return state


def parse_rule(data):
    """The ``Rule`` of one ``struct audit_rule_data``; None for rules that record nothing."""
    listed, action, count = struct.unpack_from("=3I", data)
    numbers = struct.unpack_from("=256I", data, 12)
    mask, kinds, values = numbers[:64], numbers[64:128], numbers[128:192]
    if action != _ALWAYS or listed not in (_EXIT_LIST, _FS_LIST) or count > 64:
        return None
    syscalls = {32 * word + bit for word in range(64) for bit in range(32) if mask[word] >> bit & 1}
    found, at = {}, 12 + 1024 + 4
    for kind, value in zip(kinds[:count], values[:count]):
        if kind in _STRINGS:
            found[kind] = data[at : at + value].decode("utf-8", "backslashreplace")
            at += value
        else:
            found[kind] = value
    return Rule(
        syscalls=frozenset(syscalls),
        fields=frozenset(found),
        path=found.get(_WATCH) or found.get(_DIR, ""),
        is_folder=_DIR in found,
        permissions=found.get(_PERM, 0),
    )


def number_of(name):
    """The system call's number on this machine, or None."""
    return _NUMBERS.get(platform.machine(), {}).get(name)


def missing_connect_rules(rules, sockets):
    """Sockets without a rule ``-S connect -F path=``; a file watch records no connection."""
    connect = number_of("connect")
    fit = [r for r in rules if _unfiltered(r) and connect in r.syscalls and not r.permissions]
    return [path for path in sockets if not any(covers(rule, path) and rule.path for rule in fit)]


def missing_permission_rules(rules, paths, permission):
    """Paths without a watch for ``permission``; for EXECUTE a rule on execve counts too."""
    execve = number_of("execve")

    def watches(rule):
        if rule.permissions:
            return bool(rule.permissions & permission and rule.path)
        return permission == EXECUTE and execve in rule.syscalls

    fit = [rule for rule in rules if _unfiltered(rule) and watches(rule)]
    return [path for path in paths if not any(covers(rule, path) for rule in fit)]


def records(rules, name):
    """True when a rule records the system call for every program and path."""
    return any(_unfiltered(r) and not r.path and number_of(name) in r.syscalls for r in rules)


def covers(rule, path):
    """Whether the rule's path filter lets ``path`` through."""
    if not rule.path or rule.path == path:
        return True
    return rule.is_folder and path.startswith(rule.path.rstrip("/") + "/")


def _unfiltered(rule):
    """No filter beside architecture, login, key and path: an extra one would leave gaps."""
    return rule.fields <= _FILTERS_ALLOWED
