"""The ``accounts`` section: who can reach the host and its runtimes."""

from ..mountinfo import covering, read_host_mounts
from ..reading import Absent, ReadFailed
from . import account_files, firewall, login_records, pam, ssh_keys, ssh_server, sudoers
from .gathering import Gathering, Unknown, capped
from .listening import listeners_of
from .principals import People, runtime_principals
from .programs import cut_by_hiding, running

_BLOCKERS = ("fail2ban-server", "sshguard", "crowdsec", "denyhosts")
_REMOTE_TYPES = {"nfs", "nfs4", "cifs", "smb3", "ceph", "9p", "afs", "autofs"}
_KEY_CAP = 2000


def collect(context):
    """Read accounts, groups, sudo, the ssh server and its keys."""
    host, gathering = context.host, Gathering("accounts")
    people = _people(gathering, host)
    _subordinate(gathering, host)
    rules = _sudo(gathering, host)
    config = _ssh(gathering, context, people)
    _principals(gathering, context, people, rules, config)
    login_records.gather(gathering, host)
    gathering.fact("automatic_blocking", lambda: _automatic_blocking(context))
    return gathering.section


def _sudo(gathering, host):
    """Store sudo.*; returns its rules, None when they could not be read."""
    try:
        found = sudoers.read(host)
    except ReadFailed as failure:
        gathering.failed("sudo", failure, needs="CAP_DAC_READ_SEARCH")
        return None
    rows = sudoers.rows(found)
    gathering.store("sudo.rules", rows)
    gathering.store("sudo.use_pty", found.flags.get("use_pty", False))
    gathering.store("sudo.logs_commands", sudoers.logs_commands(found))
    return rows


def _principals(gathering, context, people, rules, config):
    if people is None or rules is None:
        gathering.missing("runtime_principals", "accounts or sudo rules could not be read")
        return
    server = gathering.facts.get("ssh_server", {})
    if "running" not in server:
        cut_by_hiding(gathering, context, "runtime_principals")
        return
    people.sudo_rules, people.ssh_config = rules, config
    people.ssh_runs, people.ssh_two_factor = server["running"], server.get("two_factor")
    people.key_users = {row["user"] for row in gathering.facts.get("ssh_keys", ())}
    rows = gathering.fact("runtime_principals", lambda: runtime_principals(context, people))
    cut_by_hiding(gathering, context, "runtime_principals")
    if any("second_factor" not in row for row in rows or ()):
        gathering.missing(
            "runtime_principals[].second_factor", "settings of the ssh server are not known"
        )


def _people(gathering, host):
    """``People`` of the account files; None when they cannot be read."""
    shadow = _shadow(gathering, host)
    gathering.fact(
        "directory_users",
        lambda: account_files.has_directory(host.read("/etc/nsswitch.conf")),
        absent=False,
    )
    try:
        accounts = account_files.parse_passwd(host.read("/etc/passwd", 4_194_304))
        groups = account_files.parse_group(host.read("/etc/group", 4_194_304))
    except ReadFailed as failure:
        for key in ("uid_zero_names", "login_user_ids", "sensitive_group_ids", "ssh_keys"):
            gathering.failed(key, failure)
        return None
    gathering.store("uid_zero_names", sorted({one.name for one in accounts if one.uid == 0}))
    persons = {one.uid for one in accounts if 1000 <= one.uid <= 59_999}
    gathering.store("login_user_ids", sorted(persons))
    sensitive = {one.gid for one in groups if one.name in account_files.SENSITIVE_GROUPS}
    gathering.store("sensitive_group_ids", sorted(sensitive))
    if shadow is not None:
        empty = {name for name, text in shadow.items() if text == ""}
        empty.update(one.name for one in accounts if one.password == "")
        gathering.store("empty_password_names", sorted(empty))
    return People(accounts, groups, shadow)


def _shadow(gathering, host):
    try:
        shadow = account_files.parse_shadow(host.read("/etc/shadow", 4_194_304))
    except ReadFailed as failure:
        gathering.store("shadow_readable", False)
        for key in ("empty_password_names", "weak_hash_names"):
            gathering.failed(key, failure, needs="CAP_DAC_READ_SEARCH")
        return None
    gathering.store("shadow_readable", True)
    weak = [name for name, text in shadow.items() if account_files.is_weak_hash(text)]
    gathering.store("weak_hash_names", sorted(weak))
    return shadow


def _subordinate(gathering, host):
    def pairs():
        found = set()
        for path in ("/etc/subuid", "/etc/subgid"):
            try:
                ranges = account_files.parse_subordinate(host.read(path))
            except Absent:
                continue
            found.update(account_files.overlaps(ranges))
        return [{"first": first, "second": second} for first, second in sorted(found)]

    gathering.fact("subordinate_id_overlaps", pairs)


def _ssh(gathering, context, people):
    """Store ssh_server.* and ssh_keys[]; returns the server's settings or None."""
    host = context.host
    gathering.fact("ssh_server.running", lambda: bool(running(context, ("sshd",))))
    gathering.fact("ssh_server.listens_on_all", lambda: _listens_on_all(context))
    try:
        config = ssh_server.read(host)
    except ReadFailed as failure:
        for key in _SETTINGS:
            gathering.failed("ssh_server." + key, failure, needs="")
        config = None if not isinstance(failure, Absent) else ssh_server.Config()
        _keys(gathering, host, people, config)
        return None
    rows = _keys(gathering, host, people, config)
    gathering.store("ssh_server.permit_root_login", ssh_server.weakest_root_login(config))
    for key, name in _SWITCHES.items():
        gathering.store("ssh_server." + key, ssh_server.weakest_switch(config, name))
    types = [row["type"] for row in rows or ()]
    gathering.fact(
        "ssh_server.two_factor",
        lambda: ssh_server.two_factor(config, pam.has_second_factor(host), types),
    )
    return config


_SWITCHES = {
    "password_authentication": "passwordauthentication",
    "keyboard_interactive": "kbdinteractiveauthentication",
}
_SETTINGS = ("permit_root_login", *_SWITCHES, "two_factor")


def _listens_on_all(context):
    if not running(context, ("sshd",)):
        return False
    addresses = listeners_of(context, "sshd")
    if not addresses:
        raise Unknown(reason="the listening socket of the server was not found")
    return any(one in ("0.0.0.0", "::") for one in addresses)  # noqa: S104 compared, not bound


def _keys(gathering, host, people, config):
    """Store ssh_keys[]. Homes on network file systems are not touched: a dead one blocks."""
    if people is None or config is None:
        gathering.missing("ssh_keys", "accounts or server settings could not be read")
        return None
    try:
        mounts = read_host_mounts(host)
    except ReadFailed as failure:
        gathering.failed("ssh_keys", failure)
        return None
    rows = []
    for account in people.accounts:
        mount = covering(mounts, account.home)
        remote = mount is not None and mount.filesystem in _REMOTE_TYPES
        if remote or (mount is not None and mount.filesystem.startswith("fuse")):
            gathering.missing("ssh_keys[]", "homes on network file systems are not read")
            continue
        for path in ssh_server.key_files(config, account):
            rows += _keys_in(gathering, host, account, path)
    rows.sort(key=lambda row: (row["user"], row["file"], row["fingerprint"]))
    gathering.store("ssh_keys", capped(gathering, "ssh_keys", rows, _KEY_CAP))
    return rows


def _keys_in(gathering, host, account, path):
    try:
        found = ssh_keys.parse_keys(host.read(path, 1_048_576))
    except Absent:
        return []
    except ReadFailed as failure:
        gathering.failed("ssh_keys[]", failure, needs="CAP_DAC_READ_SEARCH")
        return []
    rows = []
    for key in found:
        service = key.pop("service_comment") or not account_files.may_log_in(account)
        rows.append({"user": account.name, "file": path, **key, "service": service})
    return rows


def _automatic_blocking(context):
    if pam.locks_accounts(context.host) or running(context, _BLOCKERS):
        return True
    return firewall.read(context.host).limits_input()
