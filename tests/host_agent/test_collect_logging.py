"""The logging section: audit rules, journal, shipping, files and clock."""

import struct
import time

import pytest
from underpin_agent.collectors import (
    attribution,
    audit,
    audit_coverage,
    clock,
    journal,
    log_files,
    logging,
    shipping,
)
from underpin_agent.collectors.engines import Engine
from underpin_agent.collectors.gathering import Unknown
from underpin_agent.reading import ReadFailed

from tests.host_agent.hosts.building import Machine, body

WATCH, PERM, FOLDER, EXE, KEY, ARCH, UID, LOGIN = 105, 106, 107, 112, 210, 11, 1, 9
ALWAYS, NEVER, EXIT, EXCLUDE = 2, 0, 4, 5


@pytest.fixture(autouse=True)
def x86(monkeypatch):
    """Rules hold numbers of system calls: those of x86-64."""
    monkeypatch.setattr(audit.platform, "machine", lambda: "x86_64")


@pytest.fixture
def machine(tmp_path):
    built = Machine(tmp_path).files(
        **{
            "/proc/cmdline": "audit=1 quiet\n",
            "/usr/bin/docker": "x",
            "/usr/sbin/dockerd": "x",
            "/etc/docker/daemon.json": "{}",
            "/etc/passwd": "root:x:0:0::/root:/bin/sh\nsyslog:x:104:110::/:/usr/sbin/nologin\n",
            "/etc/machine-id": "ab12\n",
        }
    )
    return built.process(50, "dockerd", ["dockerd"]).socket(50, "/run/docker.sock", 7)


def kernel_rule(*fields, syscalls=(), action=ALWAYS, listed=EXIT):
    """``struct audit_rule_data`` as the kernel sends it; text values go to the buffer."""
    mask, buffer = [0] * 64, b""
    for number in syscalls:
        mask[number // 32] |= 1 << number % 32
    kinds, values = [], []
    for kind, value in fields:
        kinds.append(kind)
        if isinstance(value, str):
            buffer += value.encode()
            value = len(value)  # noqa: PLW2901
        values.append(value)
    padding = [0] * (64 - len(kinds))
    numbers = mask + kinds + padding + values + padding + [0] * 64
    head = struct.pack("=3I256I", listed, action, len(kinds), *numbers)
    return head + struct.pack("=I", len(buffer)) + buffer


def rule(*fields, **more):
    return audit.parse_rule(kernel_rule(*fields, **more))


def test_a_rule_of_the_kernel_is_taken_apart():
    found = rule((ARCH, 0xC000003E), (WATCH, "/run/docker.sock"), (KEY, "docker"), syscalls=[42])
    assert found == audit.Rule(
        syscalls=frozenset([42]),
        fields=frozenset([ARCH, WATCH, KEY]),
        path="/run/docker.sock",
    )


@pytest.mark.parametrize("more", [{"action": NEVER}, {"listed": EXCLUDE}])
def test_a_rule_that_records_nothing_is_none(more):
    assert rule((WATCH, "/x"), **more) is None


CONNECT = ((ARCH, 1), (WATCH, "/run/docker.sock"))
COVERING = [rule(*CONNECT, syscalls=[42])]


@pytest.mark.parametrize(
    ("found", "covered"),
    [
        (rule(*CONNECT, syscalls=[42]), True),
        (rule(*CONNECT, (KEY, "k"), (LOGIN, 1000), syscalls=[42]), True),
        (rule((FOLDER, "/run"), syscalls=[42]), True),
        (rule(*CONNECT, (UID, 0), syscalls=[42]), False),  # other users stay unseen
        (rule((WATCH, "/run/docker.sock"), (PERM, 15), syscalls=range(512)), False),  # a watch
        (rule((WATCH, "/run/other.sock"), syscalls=[42]), False),
        (rule(*CONNECT, syscalls=[59]), False),
        (rule((FOLDER, "/ru"), syscalls=[42]), False),
    ],
)
def test_only_a_rule_on_connect_records_who_uses_a_socket(found, covered):
    missing = audit.missing_connect_rules([found], ["/run/docker.sock"])
    assert missing == ([] if covered else ["/run/docker.sock"])


@pytest.mark.parametrize(
    ("found", "permission", "covered"),
    [
        (rule((WATCH, "/usr/bin/docker"), (PERM, 1)), audit.EXECUTE, True),
        (rule((FOLDER, "/usr/bin"), (PERM, 15)), audit.EXECUTE, True),
        (rule((ARCH, 1), syscalls=[59]), audit.EXECUTE, True),
        (rule((ARCH, 1), (EXE, "/bin/x"), syscalls=[59]), audit.EXECUTE, False),
        (rule((WATCH, "/usr/bin/docker"), (PERM, 2)), audit.EXECUTE, False),
        (rule((WATCH, "/usr/bin/docker"), (PERM, 2)), audit.WRITE, True),
        (rule((WATCH, "/usr/bin/docker"), (PERM, 4)), audit.READ, True),
        (rule((WATCH, "/usr/bin/podman"), (PERM, 15)), audit.READ, False),
        (rule((ARCH, 1), syscalls=[59]), audit.WRITE, False),
    ],
)
def test_a_watch_covers_its_permissions_only(found, permission, covered):
    missing = audit.missing_permission_rules([found], ["/usr/bin/docker"], permission)
    assert (missing == []) is covered


def test_a_system_call_is_recorded_only_without_further_filters():
    assert audit.records([rule((ARCH, 1), syscalls=[308, 272])], "setns") is True
    assert audit.records([rule((ARCH, 1), (UID, 0), syscalls=[308])], "setns") is False
    assert audit.records([rule((ARCH, 1), syscalls=[42])], "unshare") is False


def known(machine, monkeypatch, **state):
    monkeypatch.setattr(audit, "_read", lambda _host: audit.State(**state))
    return body(logging.collect, machine.context())


def test_without_rules_everything_is_missing(machine, monkeypatch):
    facts, _ = known(machine, monkeypatch, enabled=1, daemon=True, backlog_limit=64)
    assert facts["audit"] == {
        "enabled": 1,
        "daemon_running": True,
        "backlog_limit": 64,
        "boot_parameter": True,
        "login_uid_immutable": False,
        "disk_full_actions_set": False,
        "socket_paths": ["/run/docker.sock"],
        "missing_connect_rules": ["/run/docker.sock"],
        "missing_exec_rules": ["/usr/bin/docker", "/usr/sbin/dockerd"],
        "missing_write_rules": ["/etc/docker/daemon.json"],
        "namespace_rules": False,
        "log_read_rules": False,
    }


def test_audit_that_may_not_be_asked_is_unknown_not_off(machine, monkeypatch):
    facts, unknowns = known(machine, monkeypatch, failure=ReadFailed("netlink 9", "EPERM"))
    assert "enabled" not in facts["audit"]
    assert unknowns["logging.audit.enabled"] == "could not be read"
    assert facts["audit"]["socket_paths"] == ["/run/docker.sock"]


def test_a_kernel_without_audit_has_it_off(machine):
    facts, _ = body(logging.collect, machine.context())  # no /proc/self/loginuid
    assert facts["audit"]["enabled"] == 0


@pytest.mark.parametrize(
    ("state", "kind", "methods"),
    [
        ({"enabled": 1, "daemon": True, "rules": COVERING}, "docker", ["audit-connect"]),
        ({"enabled": 0, "daemon": True, "rules": COVERING}, "docker", []),
        ({"enabled": 1, "daemon": False, "rules": COVERING}, "docker", []),
        ({"enabled": 1, "daemon": True}, "docker", []),
        ({"enabled": 1, "daemon": True}, "podman", ["inherit"]),
    ],
)
def test_what_ties_a_request_to_a_person(machine, monkeypatch, state, kind, methods):
    monkeypatch.setattr(audit, "_read", lambda _host: audit.State(**state))
    engine = Engine(kind, kind, [], sockets=["/run/docker.sock"])
    assert attribution.attribution_methods(machine.context(), engine, {}) == methods


def test_a_verified_door_with_a_plugin_names_the_person(machine, monkeypatch):
    monkeypatch.setattr(audit, "_read", lambda _host: audit.State())
    engine = Engine("docker", "docker", [])
    facts = {"tcp_listeners": [{"verifies_clients": True}], "authorization_plugins": ["authz"]}
    found = attribution.attribution_methods(machine.context(), engine, facts)
    assert found == ["authz-tls"]


def test_unknown_audit_leaves_attribution_unknown(machine, monkeypatch):
    failed = audit.State(failure=ReadFailed("netlink 9", "EPERM"))
    monkeypatch.setattr(audit, "_read", lambda _host: failed)
    with pytest.raises(Unknown):
        attribution.attribution_methods(machine.context(), Engine("docker", "docker", []), {})


GOOD_ACTIONS = """
disk_full_action = HALT # comment
disk_error_action = single
space_left_action = email
admin_space_left_action = suspend
"""


@pytest.mark.parametrize(
    ("text", "are_set"),
    [
        (GOOD_ACTIONS, True),
        (GOOD_ACTIONS.replace("HALT", "IGNORE"), False),
        (GOOD_ACTIONS.replace("space_left_action = email", ""), False),
        ("", False),
    ],
)
def test_each_action_must_do_something(text, are_set):
    assert audit_coverage.disk_full_actions_set(text) is are_set


def sealed_header(flags, magic=b"LPKSHHRH"):
    return magic + struct.pack("<II", flags, 0)


def test_a_journal_on_disk(machine):
    facts, _ = body(logging.collect, machine.context())
    assert facts["journal"] == {"running": False, "persistent": False, "sealed": False}
    machine.process(60, "systemd-journal", ("/usr/lib/systemd/systemd-journald",))
    machine.write("/var/log/journal/ab12/system.journal", sealed_header(1))
    facts, _ = body(logging.collect, machine.context())
    assert facts["journal"] == {"running": True, "persistent": True, "sealed": False}
    machine.write("/var/log/journal/ab12/fss", "key")
    facts, _ = body(logging.collect, machine.context())
    assert facts["journal"]["sealed"] is True


def test_a_journal_of_another_machine_is_not_this_ones(machine):
    machine.process(60, "systemd-journal", ("/usr/lib/systemd/systemd-journald",))
    machine.write("/var/log/journal/other/system.journal", sealed_header(1))
    facts, _ = body(logging.collect, machine.context())
    assert facts["journal"]["persistent"] is False


def test_a_damaged_journal_is_unknown(machine):
    with pytest.raises(ReadFailed):
        journal.header_is_sealed(sealed_header(1, b"XXXXXXXX"))
    assert journal.header_is_sealed(sealed_header(2)) is False


RSYSLOG = """
# *.* @commented.example
*.* @@(o)logs.example:6514
local0.*   @10.0.0.1
action(type="omfwd" target="x" protocol="tcp" StreamDriverMode="1"
       queue.filename="q")
action(type="omfile" file="/var/log/x")
action(type="omrelp" target="y" tls="on")
"""


def test_destinations_of_rsyslog_in_both_languages(machine):
    machine.process(60, "rsyslogd").write("/etc/rsyslog.conf", RSYSLOG)
    machine.write("/etc/rsyslog.d/1.conf", "mail.* /var/log/mail.log\n")
    facts, _ = body(logging.collect, machine.context())
    assert [tuple(row.values())[1:] for row in facts["shipping"]] == [
        ("tcp", False, False),
        ("udp", False, False),
        ("tcp", True, True),
        ("relp", True, False),
    ]


def test_a_shipper_that_does_not_run_ships_nothing(machine):
    machine.write("/etc/rsyslog.conf", RSYSLOG)
    assert body(logging.collect, machine.context())[0]["shipping"] == []


def test_a_shipper_whose_settings_are_not_read_keeps_its_name(machine):
    machine.process(60, "fluent-bit")
    facts, unknowns = body(logging.collect, machine.context())
    assert facts["shipping"] == [{"name": "fluent-bit"}]
    assert "logging.shipping[].tls" in unknowns


@pytest.mark.parametrize(("url", "tls"), [("URL=https://x:19532", True), ("URL=http://x", False)])
def test_the_journal_is_uploaded_over_tls_unless_the_url_says_http(url, tls):
    assert shipping.upload_row("[Upload]\n" + url + "\n")["tls"] is tls


def test_files_others_may_write(machine):
    machine.write("/var/log/auth.log").mode("/var/log/auth.log", 0o642)
    machine.write("/var/log/wtmp").mode("/var/log/wtmp", 0o664)
    facts, unknowns = body(logging.collect, machine.context())
    found = {row["path"]: row for row in facts["files"]}
    assert found["/var/log/auth.log"]["other_write"] is True
    assert found["/var/log/wtmp"]["other_write"] is False
    assert found["/var/log/wtmp"]["append_only"] is False
    assert unknowns["logging.files[].shrunk"] == "needs 24 h of watching"


def test_rotation_is_planned_and_ran_lately(machine):
    host = machine.context().host
    assert log_files.rotation_running(host) is False
    machine.write("/etc/cron.daily/logrotate", "x")
    assert log_files.rotation_running(host) is False
    machine.write("/var/lib/logrotate/status", "x")
    assert log_files.rotation_running(host) is True
    import os  # noqa: PLC0415

    old = time.time() - 30 * 86_400
    os.utime(machine.at("/var/lib/logrotate/status"), (old, old))
    assert log_files.rotation_running(host) is False


@pytest.mark.parametrize(
    ("lines", "answer"),
    [
        (["server a nts", "server b nts iburst"], (2, True)),
        (["server a nts", "server b"], (2, False)),
        (["pool p"], (4, False)),
        (["pool p maxsources 2 key 1", "# server c"], (2, True)),
        ([], (0, False)),
    ],
)
def test_sources_of_chrony(lines, answer):
    assert clock.chrony_sources(lines) == answer


def test_further_files_of_chrony_count(machine):
    machine.process(60, "chronyd").write("/etc/chrony/chrony.conf", "sourcedir /etc/chrony/d\n")
    machine.write("/etc/chrony/d/a.sources", "server x nts\n").write(
        "/etc/chrony/d/b.txt", "server y"
    )
    facts, _ = body(logging.collect, machine.context())
    assert (facts["clock"]["sources"], facts["clock"]["authenticated"]) == (1, True)


@pytest.mark.parametrize(
    ("text", "count"),
    [("[Time]\nNTP=a b\n", 2), ("[Time]\n#NTP=a\n", 4), ("NTP=a\nNTP=\nFallbackNTP=x\n", 1)],
)
def test_servers_of_timesyncd(text, count):
    assert clock.timesyncd_sources(text) == count


def test_a_time_daemon_this_agent_does_not_read_is_unknown(machine):
    machine.process(60, "ntpd")
    facts, unknowns = body(logging.collect, machine.context())
    assert "sources" not in facts["clock"]
    assert "logging.clock.authenticated" in unknowns


def test_the_status_word_of_the_clock():
    raw = bytearray(256)
    struct.pack_into("=i", raw, 40, 0x2041)
    assert clock.status_of(bytes(raw)) & 0x40
    assert isinstance(clock.synchronised(), bool)


def test_the_journal_is_not_taken_for_its_upload(machine):
    """The kernel shows both as systemd-journal."""
    machine.process(50, "systemd-journal", ("/usr/lib/systemd/systemd-journald",))
    facts, unknowns = body(logging.collect, machine.context())
    assert facts["shipping"] == []
    assert "logging.shipping" not in unknowns
