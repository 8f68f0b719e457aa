"""The accounts section: who can reach the host and its runtimes."""

import base64
import subprocess

import pytest
from underpin_agent.collectors import (
    account_files,
    accounts,
    login_records,
    pam,
    ssh_keys,
    ssh_server,
    sudoers,
)
from underpin_agent.collectors.gathering import Unknown
from underpin_agent.reading import Absent

from tests.host_agent.hosts.building import ROOT_MOUNT, Machine, body, login_record

PASSWD = """root:x:0:0:root:/root:/bin/bash
toor:x:0:0::/root:/bin/sh
daemon:x:1:1::/usr/sbin:/usr/sbin/nologin
alice:x:1000:990::/home/alice:/bin/bash
bob:x:1001:1001::/home/bob:/bin/bash
guest::1002:1002::/home/guest:/bin/bash
nobody:x:65534:65534::/nonexistent:/usr/sbin/nologin
"""
SHADOW = """root:$6$salt$hash:1:0:99999:7:::
toor:!:1::::::
alice:$y$j9T$x:1::::::
bob:$1$old$md5:1::::::
guest::1::::::
daemon:*:1::::::
old:abJnggxhB/yWI:1::::::
"""
GROUP = "root:x:0:\ndocker:x:990:bob\nsudo:x:27:bob\nshadow:x:42:\n"
# Two length-prefixed strings: the kind and 32 bytes.
ED25519 = base64.b64encode(b"\0\0\0\x0bssh-ed25519\0\0\0\x20" + bytes(range(32))).decode()
SSHD = "PermitRootLogin no\nPasswordAuthentication no\nKbdInteractiveAuthentication no\n"


@pytest.fixture
def machine(tmp_path):
    built = Machine(tmp_path).files(
        **{
            "/etc/passwd": PASSWD,
            "/etc/shadow": SHADOW,
            "/etc/group": GROUP,
            "/etc/nsswitch.conf": "passwd: files systemd\n",
            "/var/log/wtmp": login_record(1000),
        }
    )
    return built.process(50, "dockerd", ["dockerd"]).socket(50, "/run/docker.sock", 7)


@pytest.fixture(autouse=True)
def no_packet_filter(monkeypatch):
    """The filter of the machine the tests run on is not the host's: its rules limit nothing."""
    empty = accounts.firewall.Filter([], [])
    monkeypatch.setattr(accounts.firewall, "read", lambda _host: empty)


@pytest.fixture(autouse=True)
def docker_group(monkeypatch):
    """Sockets of the tree belong to whoever runs the tests; the table reads them as docker's."""
    monkeypatch.setattr(
        "underpin_agent.collectors.engine_access.group_names",
        lambda _host: dict.fromkeys(range(70_000), "docker"),
    )


def collected(machine):
    return body(accounts.collect, machine.context())


def test_names_and_numbers_of_the_account_files(machine):
    facts, _ = collected(machine)
    assert facts["uid_zero_names"] == ["root", "toor"]
    assert facts["empty_password_names"] == ["guest"]
    assert facts["weak_hash_names"] == ["bob", "old"]
    assert facts["shadow_readable"] is True
    assert facts["directory_users"] is False
    assert facts["login_user_ids"] == [1000, 1001, 1002]
    assert facts["sensitive_group_ids"] == [27, 42, 990]


def test_no_hash_and_no_key_leaves_the_host(machine):
    machine.write("/root/.ssh/authorized_keys", f"ssh-ed25519 {ED25519} me@home\n")
    machine.write("/etc/ssh/sshd_config", SSHD)
    facts, _ = collected(machine)
    for secret in ("$6$", "$y$", "md5", "yWI", ED25519, "me@home"):
        assert secret not in str(facts)


@pytest.mark.parametrize(
    ("text", "weak"),
    [
        ("abJnggxhB/yWI", True),
        ("_J9..rasmBYk8r9AiWNc", True),
        ("$1$salt$hash", True),
        ("$6$salt$hash", False),
        ("!", False),
        ("*", False),
        ("!$1$locked", False),
        ("", False),
    ],
)
def test_weak_hashes(text, weak):
    assert account_files.is_weak_hash(text) is weak


def test_an_unreadable_shadow_leaves_passwords_unknown(machine):
    machine.at("/etc/shadow").unlink()
    machine.broken("/etc/shadow")
    facts, unknowns = collected(machine)
    assert facts["shadow_readable"] is False
    assert "weak_hash_names" not in facts
    assert unknowns["accounts.empty_password_names"] == "could not be read"


@pytest.mark.parametrize("line", ["passwd: files sss", "group:files ldap # x", "passwd: winbind"])
def test_a_directory_makes_lists_incomplete(machine, line):
    machine.write("/etc/nsswitch.conf", line + "\n")
    assert collected(machine)[0]["directory_users"] is True


def test_ranges_overlap_only_between_two_owners():
    text = "a:100000:65536\nb:165535:10\nc:165545:5\na:100000:5\nbad:x:1\nd:900000:0\n"
    ranges = account_files.parse_subordinate(text)
    assert account_files.overlaps(ranges) == [("a", "b")]


SUDOERS = r"""
# comment
Defaults        use_pty, logfile="/var/log/sudo.log"
Defaults:alice  !syslog
User_Alias ADMINS = alice, \
    %wheel
Cmnd_Alias ENGINE = /usr/bin/docker, /usr/bin/podman
root ALL=(ALL:ALL) ALL
%ops ALL=(ALL) NOPASSWD: ALL
ADMINS web1=(root) ENGINE, NOPASSWD: /usr/bin/less /var/log/syslog
#1002 ALL = (www-data) /usr/bin/id : db1 = /bin/ls
@includedir /etc/sudoers.d
"""


def test_rules_of_sudo(machine):
    machine.write("/etc/sudoers", SUDOERS)
    machine.write("/etc/sudoers.d/10-deploy", "bob ALL=NOPASSWD:SETENV: sudoedit /etc/docker/x\n")
    machine.write("/etc/sudoers.d/ignored.bak", "evil ALL=(ALL) ALL\n")
    facts, _ = collected(machine)
    rows = [tuple(row.values()) for row in facts["sudo"]["rules"]]
    assert rows == [
        ("#1002", "root", False, False, False),
        ("#1002", "www-data", False, False, False),
        ("%ops", "ALL", True, True, True),
        ("%wheel", "root", False, False, True),
        ("%wheel", "root", True, False, False),
        ("alice", "root", False, False, True),
        ("alice", "root", True, False, False),
        ("bob", "root", True, False, True),
        ("root", "ALL", False, True, True),
    ]
    assert facts["sudo"]["use_pty"] is True
    assert facts["sudo"]["logs_commands"] is True


def test_without_sudo_there_are_no_rules_and_no_records(machine):
    assert collected(machine)[0]["sudo"] == {"rules": [], "use_pty": False, "logs_commands": False}


def test_unreadable_rules_are_unknown_and_so_are_the_principals(machine):
    machine.broken("/etc/sudoers")
    facts, unknowns = collected(machine)
    assert "sudo" not in facts
    assert "runtime_principals" not in facts
    assert {"accounts.sudo", "accounts.runtime_principals"} <= set(unknowns)


@pytest.mark.parametrize(
    ("flags", "logs"),
    [("", True), ("Defaults !syslog", False), ("Defaults !syslog,log_output", True)],
)
def test_sudo_logs_to_syslog_unless_told_not_to(machine, flags, logs):
    machine.write("/etc/sudoers", flags + "\nroot ALL=(ALL) ALL\n")
    assert collected(machine)[0]["sudo"]["logs_commands"] is logs


def test_a_loop_of_includes_and_aliases_ends(machine):
    machine.write(
        "/etc/sudoers", "User_Alias A = B\nUser_Alias B = A\nA ALL=ALL\n#include sudoers\n"
    )
    found = sudoers.read(machine.context().host)
    assert len(sudoers.rows(found)) == 1


def test_members_of_the_sockets_group_hold_the_engine(machine):
    rows = collected(machine)[0]["runtime_principals"]
    assert [(row["user"], row["via"]) for row in rows] == [
        ("alice", ["group:docker"]),  # by primary group
        ("bob", ["group:docker"]),
    ]
    assert all(row["runtime"] == "docker" and not row["remote"] for row in rows)


def test_sudo_adds_a_way_and_an_account(machine):
    machine.write("/etc/sudoers", "%sudo ALL=(ALL:ALL) ALL\nguest ALL=(bob) /usr/bin/docker\n")
    rows = {row["user"]: row["via"] for row in collected(machine)[0]["runtime_principals"]}
    assert rows == {"alice": ["group:docker"], "bob": ["group:docker", "sudo"]}


def test_a_socket_everybody_may_write_belongs_to_everybody(machine):
    machine.mode("/run/docker.sock", 0o666)
    assert "*" in [row["user"] for row in collected(machine)[0]["runtime_principals"]]


def test_whoever_can_log_in_from_afar_is_remote(machine):
    machine.process(60, "sshd").write("/proc/60/net/tcp", "")
    machine.write("/etc/ssh/sshd_config", "PasswordAuthentication no\n")
    machine.write("/home/bob/.ssh/authorized_keys", f"ssh-ed25519 {ED25519}\n")
    rows = {row["user"]: row for row in collected(machine)[0]["runtime_principals"]}
    assert (rows["alice"]["remote"], rows["bob"]["remote"]) == (False, True)
    assert rows["bob"]["second_factor"] is False
    machine.write("/etc/ssh/sshd_config", "PasswordAuthentication yes\n")
    rows = {row["user"]: row for row in collected(machine)[0]["runtime_principals"]}
    assert rows["alice"]["remote"] is True


def test_the_first_value_of_the_server_wins_and_a_match_block_may_weaken_it(machine):
    machine.write(
        "/etc/ssh/sshd_config",
        "Include /etc/ssh/sshd_config.d/*.conf\nPermitRootLogin yes\n"
        "Match Address 10.0.0.0/8\n  PasswordAuthentication yes\nMatch all\nUsePAM yes\n",
    )
    machine.write(
        "/etc/ssh/sshd_config.d/50-first.conf",
        "permitrootlogin=no\nPasswordAuthentication no\nChallengeResponseAuthentication no\n",
    )
    facts, _ = collected(machine)
    server = facts["ssh_server"]
    assert server["permit_root_login"] == "no"
    assert server["password_authentication"] == "yes"
    assert server["keyboard_interactive"] == "no"
    config = ssh_server.read(machine.context().host)
    assert config.value("usepam") == "yes"


@pytest.mark.parametrize(
    ("text", "pam_module", "keys", "both"),
    [
        ("AuthenticationMethods publickey,keyboard-interactive", False, [], True),
        ("AuthenticationMethods publickey,password password", False, [], False),
        (
            "AuthenticationMethods publickey,password\nMatch User x\nAuthenticationMethods any",
            False,
            [],
            False,
        ),
        ("UsePAM yes", True, [], False),
        ("UsePAM yes\nPubkeyAuthentication no\nPasswordAuthentication no", True, [], True),
        (SSHD, False, ["sk-ssh-ed25519@openssh.com"], True),
        (SSHD, False, ["sk-ssh-ed25519@openssh.com", "ssh-rsa"], False),
        (SSHD, False, [], False),
        ("", False, ["sk-ssh-ed25519@openssh.com"], False),
    ],
)
def test_two_factors_on_every_way_in(machine, text, pam_module, keys, both):
    machine.write("/etc/ssh/sshd_config", text + "\n")
    config = ssh_server.read(machine.context().host)
    assert ssh_server.two_factor(config, pam_module, keys) is both


def test_without_a_server_its_settings_are_unknown_and_keys_are_still_read(machine):
    machine.write("/home/bob/.ssh/authorized_keys2", f"ssh-ed25519 {ED25519}\n")
    facts, unknowns = collected(machine)
    assert facts["ssh_server"] == {"running": False, "listens_on_all": False}
    assert unknowns["accounts.ssh_server.permit_root_login"] == "not present on this host"
    assert [row["user"] for row in facts["ssh_keys"]] == ["bob"]


def test_homes_on_network_file_systems_are_not_touched(machine):
    machine.mounts(ROOT_MOUNT, "50 22 0:60 / /home rw - nfs4 server:/home rw")
    machine.write("/home/bob/.ssh/authorized_keys", f"ssh-ed25519 {ED25519}\n")
    facts, unknowns = collected(machine)
    assert facts["ssh_keys"] == []
    assert unknowns["accounts.ssh_keys[]"] == "homes on network file systems are not read"


@pytest.mark.parametrize(
    ("line", "restricted", "service"),
    [
        (f"ssh-ed25519 {ED25519} bob@laptop", False, False),
        (f"ssh-ed25519 {ED25519} deploy@ci", False, True),
        (f'from="10.0.0.1",command="echo ssh-rsa AAAA" ssh-ed25519 {ED25519} x', True, False),
        (f"restrict ssh-ed25519 {ED25519}", True, False),
        (f"no-pty ssh-ed25519 {ED25519}", False, False),
    ],
)
def test_a_line_of_authorized_keys(line, restricted, service):
    row = ssh_keys.parse_key(line)
    assert (row["type"], row["bits"]) == ("ssh-ed25519", 256)
    assert (row["restricted"], row["service_comment"]) == (restricted, service)


@pytest.mark.parametrize(
    "line",
    ["", "# ssh-rsa AAAA", "ssh-rsa", "ssh-rsa !!!!", "ssh-rsa AAAAB3Nz", "ssh-ed25519 /w=="],
)
def test_what_is_no_key_is_skipped(line):
    assert ssh_keys.parse_key(line) is None


@pytest.mark.parametrize(("kind", "bits"), [("rsa", "3072"), ("ecdsa", "384"), ("ed25519", "256")])
def test_strength_and_fingerprint_as_ssh_keygen_prints_them(tmp_path, kind, bits):
    path = tmp_path / "key"
    subprocess.run(
        ["ssh-keygen", "-q", "-t", kind, "-N", "", "-f", path]
        + (["-b", bits] if kind != "ed25519" else []),
        check=True,
    )
    public = (tmp_path / "key.pub").read_text()
    shown = subprocess.run(
        ["ssh-keygen", "-l", "-f", tmp_path / "key.pub"], check=True, capture_output=True, text=True
    )
    size, fingerprint = shown.stdout.split()[:2]
    row = ssh_keys.parse_key(public)
    assert (str(row["bits"]), row["fingerprint"]) == (size, fingerprint)


def test_patterns_of_key_files(machine):
    machine.write("/etc/ssh/sshd_config", "AuthorizedKeysFile /etc/keys/%u .ssh/k%%\n")
    config = ssh_server.read(machine.context().host)
    account = account_files.Account("bob", "x", 1001, 1001, "/home/bob", "/bin/sh")
    assert ssh_server.key_files(config, account) == ["/etc/keys/bob", "/home/bob/.ssh/k%"]


def test_modules_of_a_stack_with_its_includes(machine):
    machine.write("/etc/pam.d/sshd", "@include common-auth\nauth [success=1] pam_oath.so x\n")
    machine.write("/etc/pam.d/common-auth", "-auth\trequired\t/lib/pam_faillock.so\n#auth x y.so\n")
    host = machine.context().host
    assert pam.modules(host, "sshd") == {"pam_oath.so", "pam_faillock.so"}
    assert pam.has_second_factor(host) is True
    assert pam.locks_accounts(host) is True
    assert collected(machine)[0]["automatic_blocking"] is True


def test_a_blocker_that_runs_counts(machine):
    assert collected(machine)[0]["automatic_blocking"] is False
    machine.process(90, "fail2ban-server"[:15])
    assert collected(machine)[0]["automatic_blocking"] is True


@pytest.mark.parametrize(
    ("data", "gap"),
    [
        (login_record(1000) + login_record(2000), False),
        (login_record(2000) + login_record(1900), False),
        (login_record(2000) + login_record(1000), True),
        (login_record(2000)[:300], True),
        (b"", False),
    ],
)
def test_login_records_that_go_back_or_are_cut_are_not_whole(data, gap):
    assert login_records.has_gap(data) is gap


def test_whole_looking_records_prove_nothing_by_themselves(machine):
    facts, unknowns = collected(machine)
    assert facts["login_records"] == {"source": "wtmp"}
    assert "two collections" in unknowns["accounts.login_records.complete"]


def test_the_place_of_login_records(machine):
    machine.at("/var/log/wtmp").unlink()
    host = machine.context().host
    assert login_records.source_of(host) == "none"
    machine.write("/run/log/journal/x", "")
    assert login_records.source_of(host) == "journal"


def test_missing_account_files_are_unknown_not_empty(machine):
    machine.at("/etc/passwd").unlink()
    facts, unknowns = collected(machine)
    assert "uid_zero_names" not in facts
    assert "ssh_keys" not in facts
    assert unknowns["accounts.uid_zero_names"] == "not present on this host"
    with pytest.raises(Absent):
        machine.context().host.read("/etc/passwd")


def test_a_server_whose_socket_is_not_found_may_listen_anywhere(machine):
    machine.process(60, "sshd").write("/proc/1/net/tcp", "head\n")
    _, unknowns = collected(machine)
    assert "accounts.ssh_server.listens_on_all" in unknowns
    with pytest.raises(Unknown):
        accounts._listens_on_all(machine.context())
