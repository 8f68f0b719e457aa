"""``logging.shipping[]``: programs that send records to another machine, as configured."""

import re

from ..reading import ReadFailed
from .gathering import Unknown, names_or_none
from .programs import cut_by_hiding, running

_RSYSLOG = "/etc/rsyslog.conf"
_UPLOAD = "/etc/systemd/journal-upload.conf"
_UNREAD = ("fluent-bit", "fluentd", "vector", "filebeat", "promtail", "syslog-ng", "alloy")
_LEGACY = re.compile(r"^\s*[^#$\s]\S*\s+(@@?)(?:\([^)]*\))?\[?[\w.:-]+\]?", re.MULTILINE)
_ACTION = re.compile(r"action\s*\(([^)]*)\)", re.IGNORECASE | re.DOTALL)
_OPTION = re.compile(r'([\w.]+)\s*=\s*"([^"]*)"')


def gather(gathering, context):
    """Store shipping[], one row per destination of a shipper that runs."""
    names = ("rsyslogd", "systemd-journal-upload", *_UNREAD)
    # Each process is looked for by the 15 letters the kernel keeps of its name.
    cut_by_hiding(gathering, context, "shipping")
    rows = []
    try:
        present = running(context, names)
        if "rsyslogd" in present:
            rows += rsyslog_rows(_with_includes(context.host))
        if "systemd-journal-upload" in present:
            rows.append(upload_row(context.host.read(_UPLOAD)))
    except ReadFailed as failure:
        gathering.failed("shipping", failure, needs="root")
        return
    except Unknown:
        return
    for name in sorted(set(present).intersection(_UNREAD)):
        rows.append({"name": name})
        for key in ("protocol", "tls", "disk_queue"):
            gathering.missing("shipping[]." + key, "the configuration of %s is not read" % name)
    gathering.store("shipping", rows)


def _with_includes(host):
    text = host.read(_RSYSLOG, 1_048_576)
    for name in names_or_none(host, "/etc/rsyslog.d"):
        if name.endswith(".conf"):
            text += "\n" + host.read("/etc/rsyslog.d/" + name, 1_048_576)
    return re.sub(r"^\s*#.*$", "", text, flags=re.MULTILINE)


def rsyslog_rows(text):
    """Rows for each forwarding action of rsyslog.conf(5), in both of its languages."""
    rows = []
    legacy_tls = bool(re.search(r"^\s*\$ActionSendStreamDriverMode\s+1", text, re.MULTILINE))
    legacy_queue = bool(re.search(r"^\s*\$ActionQueueFileName\s+\S", text, re.MULTILINE))
    for match in _LEGACY.finditer(text):
        is_tcp = match.group(1) == "@@"
        rows.append(_row("tcp" if is_tcp else "udp", is_tcp and legacy_tls, legacy_queue))
    for match in _ACTION.finditer(text):
        options = {key.lower(): value for key, value in _OPTION.findall(match.group(1))}
        if options.get("type") == "omfwd":
            protocol = options.get("protocol", "udp").lower()
            rows.append(
                _row(
                    protocol,
                    options.get("streamdrivermode") == "1",
                    "queue.filename" in options,
                )
            )
        elif options.get("type") == "omrelp":
            rows.append(_row("relp", options.get("tls") == "on", "queue.filename" in options))
    return rows


def _row(protocol, tls, disk_queue):
    return {"name": "rsyslog", "protocol": protocol, "tls": tls, "disk_queue": disk_queue}


def upload_row(text):
    """The row of journal-upload.conf(5): it reads from the journal, which is its queue."""
    match = re.search(r"^\s*URL\s*=\s*(\S+)", text, re.MULTILINE)
    url = match.group(1) if match else ""
    scheme = "http" if url.startswith("http://") else "https"
    return {
        "name": "journal-upload",
        "protocol": scheme,
        "tls": scheme == "https",
        "disk_queue": True,
    }
