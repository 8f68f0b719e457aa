"""``accounts.runtime_principals[]``: accounts that hold a runtime, and so the host."""

from ..record import Record
from . import account_files, ssh_server
from .engine_access import socket_rows, tcp_listeners
from .engines import find_engines
from .gathering import Gathering

EVERYBODY = "*"  # not one account: whoever reaches the socket or the port


class People(Record):
    """The account files and what the ssh server makes of them; None where not readable."""

    accounts: list
    groups: list
    shadow: object = None
    sudo_rules: object = None
    ssh_config: object = None
    ssh_runs: bool = False
    ssh_two_factor: object = None
    key_users: object = None

    def in_group(self, name):
        """Names of the members of a group."""
        for group in self.groups:
            if group.name == name:
                return account_files.members(group, self.accounts)
        return []

    def subject(self, text):
        """Names a subject of sudoers stands for: user, ``#uid``, ``%group``, ``%#gid``, ALL."""
        if text == "ALL":
            return [EVERYBODY]
        if text.startswith("%#"):
            return [n for g in self.groups if str(g.gid) == text[2:] for n in self.in_group(g.name)]
        if text.startswith("%"):
            return self.in_group(text[1:])
        if text.startswith("#"):
            return [one.name for one in self.accounts if str(one.uid) == text[1:]]
        return [] if text.startswith(("+", "!")) else [text]

    def is_remote(self, name):
        """Whether the account can come in over ssh: by a key of its own or by a password."""
        if not self.ssh_runs or self.ssh_config is None:
            return False
        config = self.ssh_config
        is_root = any(one.name == name and one.uid == 0 for one in self.accounts)
        root_login = ssh_server.weakest_root_login(config) if is_root else "yes"
        if root_login == "no":
            return False
        if name in (self.key_users or ()):
            return True
        passwords = ssh_server.weakest_switch(config, "passwordauthentication") == "yes"
        usable = self.shadow is None or account_files.is_usable(self.shadow.get(name, ""))
        return passwords and usable and root_login == "yes"


def runtime_principals(context, people):
    """Rows per account and runtime, sorted. Raises ReadFailed."""
    found = {}
    for engine in find_engines(context):
        if engine.sockets_failure is not None:
            raise engine.sockets_failure  # a list without its members would look complete
        for name, way, from_afar in _ways(context.host, engine, people):
            ways = found.setdefault((name, engine.key), {})
            ways[way] = ways.get(way, False) or from_afar
    rows = []
    for (name, key), ways in sorted(found.items()):
        row = {
            "user": name,
            "runtime": key,
            "via": sorted(ways),
            "remote": any(ways.values()) or people.is_remote(name),
        }
        if people.ssh_two_factor is not None or any(ways.values()):
            row["second_factor"] = bool(people.ssh_two_factor) and not any(ways.values())
        rows.append(row)
    return rows


def _ways(host, engine, people):
    """``(account, way, whether the way itself comes over the network)``."""
    for row in socket_rows(Gathering("runtimes[]"), host, engine.sockets):
        yield from _through_socket(row, people)
    for door in tcp_listeners(host, engine):
        if not door["verifies_clients"]:
            yield EVERYBODY, "tcp", not door["loopback"]
    if engine.user:
        yield engine.user, "owner", False
        return
    for rule in people.sudo_rules or ():
        if rule["runtime_equivalent"] and rule["run_as"] in ("ALL", "root", "#0"):
            for name in people.subject(rule["subject"]):
                yield name, "sudo", False


def _through_socket(row, people):
    if row.get("other_read_write"):
        yield EVERYBODY, "socket", False
    if not row.get("group_read_write") or "group" not in row:
        return
    roots = {one.name for one in people.accounts if one.uid == 0}
    for name in people.in_group(row["group"]):
        if name not in roots:  # who is root already needs no group
            yield name, "group:" + row["group"], False
