"""passwd(5), shadow(5), group(5), subuid(5): parsing only, safe on any text."""

import re
from collections import namedtuple

Account = namedtuple("Account", "name password uid gid home shell")
Group = namedtuple("Group", "name gid members")

SENSITIVE_GROUPS = {
    *("disk", "docker", "kvm", "shadow", "video", "render", "input", "kmem", "tty", "adm"),
    *("lxd", "sudo", "wheel"),
}
_NO_LOGIN = ("/nologin", "/false", "/sync", "/shutdown", "/halt")


def parse_passwd(text):
    """Accounts in file order; lines that are not seven fields are skipped."""
    rows = [line.split(":") for line in text.splitlines() if not line.startswith("#")]
    return [
        Account(row[0], row[1], int(row[2]), int(row[3]), row[5], row[6])
        for row in rows
        if len(row) == 7 and row[2].isdigit() and row[3].isdigit()
    ]


def parse_shadow(text):
    """``{name: hash}``."""
    rows = [line.split(":") for line in text.splitlines() if not line.startswith("#")]
    return {row[0]: row[1] for row in rows if len(row) > 1 and row[0]}


def parse_group(text):
    """Groups in file order."""
    rows = [line.split(":") for line in text.splitlines() if not line.startswith("#")]
    return [
        Group(row[0], int(row[2]), [name for name in row[3].split(",") if name])
        for row in rows
        if len(row) == 4 and row[2].isdigit()
    ]


def is_weak_hash(text):
    """DES (crypt(5): 13 letters, or ``_`` and 19) and MD5 (``$1$``); a locked one is not weak."""
    return text.startswith("$1$") or bool(
        re.fullmatch(r"[./0-9A-Za-z]{13}|_[./0-9A-Za-z]{19}", text)
    )


def is_usable(text):
    """Whether somebody may log in with a password: not empty, not locked."""
    return bool(text) and text[0] not in "!*" and text != "x"


def may_log_in(account):
    """Whether the shell lets a person in; an empty one is /bin/sh."""
    return not account.shell.endswith(_NO_LOGIN)


def parse_subordinate(text):
    """``[(owner, first, last)]`` of /etc/subuid or /etc/subgid."""
    rows = [line.split(":") for line in text.splitlines() if not line.startswith("#")]
    return [
        (row[0], int(row[1]), int(row[1]) + int(row[2]) - 1)
        for row in rows
        if len(row) == 3 and row[1].isdigit() and row[2].isdigit() and int(row[2]) > 0
    ]


def overlaps(ranges):
    """Sorted pairs of different owners whose ranges share an id."""
    found, ordered = set(), sorted(ranges, key=lambda one: one[1])
    for index, (owner, _first, last) in enumerate(ordered):
        for other, start, _end in ordered[index + 1 :]:
            if start > last:
                break
            if other != owner:
                found.add(tuple(sorted((owner, other))))
    return sorted(found)


def has_directory(text):
    """Whether nsswitch.conf(5) asks a directory for accounts or groups."""
    for line in text.splitlines():
        name, _, sources = line.partition("#")[0].partition(":")
        is_database = name.strip() in ("passwd", "group", "passwd_compat", "group_compat")
        if is_database and {"sss", "ldap", "winbind", "nis", "nisplus"} & set(sources.split()):
            return True
    return False


def members(group, accounts):
    """Names in the group, by its list and by primary group."""
    return sorted({*group.members, *(one.name for one in accounts if one.gid == group.gid)})
