"""Rules of sudoers(5), as far as they say who may run what as whom."""

import posixpath
import re

from ..reading import Absent
from ..record import Record

_ENGINE_PROGRAMS = {
    *("docker", "dockerd", "podman", "ctr", "nerdctl", "crictl", "runc", "crun", "containerd"),
    *("buildah", "nsenter", "unshare", "chroot", "sh", "bash", "dash", "zsh", "su", "sudo"),
    *("env", "python3", "perl", "vi", "vim", "vim.basic", "nvim", "emacs", "nano", "systemctl"),
}
_ENGINE_FILES = ("/etc/docker", "/etc/containerd", "/etc/containers", "/etc/crio", "/etc/systemd")
_EDITORS = {"sudoedit", "tee", "cp", "mv", "install"}
_TAG = re.compile(r"^(?:NO)?(?:PASSWD|EXEC|SETENV|LOG_INPUT|LOG_OUTPUT|MAIL|FOLLOW|INTERCEPT):\s*")
_ALIAS = re.compile(r"(User|Runas|Host|Cmnd|Cmd)_Alias\s+(.*)")
_MAX_FILES = 200


class Sudoers(Record):
    """Everything the files say: aliases by name, rules and the flags of ``Defaults``."""

    aliases: dict = dict
    rules: list = list  # (users, run_as, no_password, commands)
    flags: dict = dict
    is_present: bool = False


def read(host, path="/etc/sudoers"):
    """The rules of ``path`` and all it includes; none when sudo is not there. Raises ReadFailed."""
    found, todo, seen = Sudoers(), [path], set()
    while todo and len(seen) < _MAX_FILES:
        one = todo.pop(0)
        if one in seen:
            continue
        seen.add(one)
        try:
            text = host.read(one, 1_048_576)
        except Absent:
            continue
        found.is_present = True
        todo[:0] = parse_into(found, text, lambda folder: _included(host, folder), one)
    return found


def _included(host, folder):
    """Files of an include folder: names with a dot or a tilde at the end are skipped."""
    try:
        names = host.names(folder)
    except Absent:
        return []
    return ["%s/%s" % (folder, name) for name in names if "." not in name and name[-1:] != "~"]


def parse_into(found, text, list_folder, path):
    """Add one file to ``found``; returns the files it includes."""
    included = []
    for line in logical_lines(text):
        match = re.match(r"[@#]include(dir)?\s+(\S+)", line)
        if match:
            target = posixpath.join(posixpath.dirname(path), match.group(2).strip('"'))
            included += list_folder(target) if match.group(1) else [target]
        elif line.startswith("Defaults"):
            _defaults(found, line)
        elif _ALIAS.match(line):
            _aliases(found, _ALIAS.match(line).group(2))
        else:
            _rule(found, line)
    return included


def logical_lines(text):
    """Lines with continuations joined and comments cut; ``#include`` and ``#1000`` stay."""
    for line in re.sub(r"\\\n", " ", text).splitlines():
        cut = re.sub(r"(^|\s)#(?!include(?:dir)?\s|\d).*", "", line).strip()
        if cut:
            yield cut


def _defaults(found, line):
    scope, _, values = line.partition(" ")
    if scope != "Defaults":
        return  # for one user, host or command only
    for word in re.findall(r'[^\s,=]+(?:\s*=\s*(?:"[^"]*"|[^,]*))?', values):
        name = word.partition("=")[0].strip()
        found.flags[name.lstrip("!")] = not name.startswith("!")


def _aliases(found, text):
    for part in re.split(r"\s:\s", text):
        name, equals, values = part.partition("=")
        if equals:
            found.aliases[name.strip()] = _list(values)


def _list(text):
    return [word.strip() for word in re.split(r"(?<!\\),", text) if word.strip()]


def _rule(found, line):
    head, equals, rest = line.partition("=")
    words = re.sub(r"\s*,\s*", ",", head).split()
    if not equals or len(words) < 2:
        return
    users = _list(words[0])
    # "user HOST = spec : HOST2 = spec": commands after a second host list follow " : ".
    parts = re.split(r"\s:\s[^=:]+=", rest)
    for part in parts:
        _specification(found, users, part)


def _specification(found, users, text):
    run_as, no_password, commands = "root", False, {}
    for piece in _list(re.sub(r"\(([^)]*)\)", lambda m: "(" + m[1].replace(",", ";") + ")", text)):
        match = re.match(r"\(([^)]*)\)\s*(.*)", piece)
        rest = piece
        if match:
            run_as, rest = match.group(1).partition(":")[0].strip() or "root", match.group(2)
        tag = _TAG.match(rest)
        while tag:
            word = tag.group(0).strip().rstrip(":")
            no_password = word == "NOPASSWD" if word.endswith("PASSWD") else no_password
            rest = rest[tag.end() :]
            tag = _TAG.match(rest)
        commands.setdefault((run_as.replace(";", ","), no_password), []).append(rest.strip())
    for (target, free), names in commands.items():
        found.rules.append((users, target, free, names))


def rows(found):
    """``accounts.sudo.rules`` with aliases resolved, distinct and sorted."""
    keys = set()
    for users, run_as, no_password, commands in found.rules:
        names = [one for one in expand(found, commands) if not one.startswith("!")]
        everything = "ALL" in names
        powerful = everything or any(is_runtime_equivalent(name) for name in names)
        for subject in expand(found, users):
            keys.add((subject, run_as, no_password, everything, powerful))
    columns = ("subject", "run_as", "no_password", "all_commands", "runtime_equivalent")
    return [dict(zip(columns, key)) for key in sorted(keys)]


def expand(found, names, depth=0):
    """Names with aliases replaced by what they stand for; loops end."""
    result = []
    for name in names:
        if name in found.aliases and depth < 8:
            result += expand(found, found.aliases[name], depth + 1)
        else:
            result.append(name)
    return result


def is_runtime_equivalent(command):
    """Whether running this as root gives the engines: they, a shell, an editor of their files."""
    words = command.split()
    if not words:
        return False
    program = posixpath.basename(words[0])
    if program in _EDITORS:
        return any(word.startswith(_ENGINE_FILES) for word in words[1:])
    return program in _ENGINE_PROGRAMS or words[0].endswith(("/*", "/"))


def logs_commands(found):
    """sudo logs to syslog unless told not to, else to its own file or as full output."""
    flags = found.flags
    if not found.is_present:
        return False
    return flags.get("syslog", True) or bool(flags.get("logfile") or flags.get("log_output"))
