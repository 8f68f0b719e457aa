"""Settings of the ssh server: sshd_config(5) as the server would combine them, Match included."""

import fnmatch
import posixpath
import re

from ..reading import Absent
from ..record import Record

PATH = "/etc/ssh/sshd_config"
_ALIASES = {"challengeresponseauthentication": "kbdinteractiveauthentication"}
_DEFAULTS = {
    "permitrootlogin": "prohibit-password",
    "passwordauthentication": "yes",
    "kbdinteractiveauthentication": "yes",
    "pubkeyauthentication": "yes",
    "authenticationmethods": "any",
    "authorizedkeysfile": ".ssh/authorized_keys .ssh/authorized_keys2",
    "usepam": "no",
}
_ROOT_LOGIN = ("no", "forced-commands-only", "prohibit-password", "without-password", "yes")
_MAX_FILES = 100


class Config(Record):
    """``first`` holds the global values, ``conditional`` those of Match blocks."""

    first: dict = dict
    conditional: dict = dict

    def value(self, name):
        """The global value: the first one in the files, else the server's default."""
        return self.first.get(name, _DEFAULTS.get(name, ""))

    def values(self, name):
        """The global value and every conditional one."""
        return [self.value(name), *self.conditional.get(name, [])]


def read(host):
    """The ``Config``. Raises ReadFailed; Absent when no server is installed."""
    config = Config()
    _read_file(host, config, PATH, in_match=False, depth=0)
    return config


def _read_file(host, config, path, in_match, depth):
    for line in host.lines(path, 1_048_576):
        words = line.partition("#")[0].replace("=", " ", 1).split()
        if len(words) < 2:
            continue
        name = _ALIASES.get(words[0].lower(), words[0].lower())
        value = " ".join(words[1:]).strip('"')
        if name == "match":
            in_match = value.lower() != "all"
        elif name == "include" and depth < 8:
            for one in _matching(host, words[1:]):
                _read_file(host, config, one, in_match, depth + 1)
        elif in_match:
            config.conditional.setdefault(name, []).append(value)
        else:
            config.first.setdefault(name, value)


def _matching(host, patterns):
    found = []
    for pattern in patterns:
        folder, name = posixpath.split(posixpath.join("/etc/ssh", pattern))
        try:
            names = host.names(folder)
        except Absent:
            continue
        found += [posixpath.join(folder, one) for one in names if fnmatch.fnmatch(one, name)]
    return found[:_MAX_FILES]


def weakest_root_login(config):
    """The most open of all values that can apply."""
    values = [value.lower() for value in config.values("permitrootlogin")]
    return max(values, key=lambda v: _ROOT_LOGIN.index(v) if v in _ROOT_LOGIN else 9)


def weakest_switch(config, name):
    """``yes`` when the global value or a conditional one is."""
    return "yes" if "yes" in [value.lower() for value in config.values(name)] else "no"


def two_factor(config, pam_module, key_types):
    """True when every way in needs two proofs.

    ``pam_module``: the PAM stack asks for a second one; keys pass it by unless they are switched
    off. ``key_types``: of all authorized keys; ``sk-`` ones are two factors by themselves.
    """
    methods = config.values("authenticationmethods")
    if all(_needs_two(value) for value in methods):
        return True
    passwords = weakest_switch(config, "passwordauthentication") == "yes"
    interactive = weakest_switch(config, "kbdinteractiveauthentication") == "yes"
    if pam_module and config.value("usepam").lower() == "yes":
        return weakest_switch(config, "pubkeyauthentication") == "no" and not passwords
    if passwords or interactive:
        return False
    return bool(key_types) and all(kind.startswith("sk-") for kind in key_types)


def _needs_two(value):
    return value.lower() != "any" and all("," in way for way in value.split())


def key_files(config, account):
    """Paths of the account's authorized keys (tokens %h, %u, %%)."""
    tokens = {"%%": "%", "%h": account.home, "%u": account.name}
    paths = []
    for value in config.values("authorizedkeysfile"):
        for pattern in value.split():
            if pattern.lower() == "none":
                continue
            path = re.sub("%[%hu]", lambda match: tokens[match.group(0)], pattern)
            paths.append(posixpath.join(account.home, path))
    return sorted(set(paths))
