"""Settings of engines: command lines as Go programs read them, JSON and simple TOML files."""

import json
import re

# Switches of dockerd, containerd, podman and crio that take no value of their own.
_SWITCHES = {
    *("bridge-accept-fwmark", "cri-containerd", "debug", "D", "experimental"),
    *("help", "h", "icc", "init", "ip-forward"),
    *("ip-forward-no-drop", "ip-masq", "ip6tables", "iptables", "ipv6"),
    *("live-restore", "no-new-privileges", "raw-logs", "rootless", "selinux-enabled"),
    *("swarm-default-advertise-addr-auto", "tls", "tlsverify", "userland-proxy", "validate"),
    *("version", "v", "allow-direct-routing", "cors-enabled"),
}
_SHORT = {"H": "host", "D": "debug", "l": "log-level", "s": "storage-driver", "g": "data-root"}
_SHORT.update({"b": "bridge", "G": "group", "p": "pidfile", "c": "config", "a": "address"})
_TOML_LINE = re.compile(r"""\s*("[^"]+"|[\w.-]+)\s*=\s*(.+?)\s*\Z""")


class NotUnderstood(ValueError):
    """The file is well-formed, but not what an engine would read."""


def parse_arguments(words):
    """``{option: [values]}`` of a command line; a switch alone has the value ``"true"``."""
    found, index = {}, 1
    while index < len(words):
        word = words[index]
        index += 1
        if not word.startswith("-") or word in ("-", "--"):
            continue
        name, equals, value = word.lstrip("-").partition("=")
        if not word.startswith("--") and not equals and len(name) > 1 and name[0] in _SHORT:
            name, value, equals = name[0], name[1:], "="
        if not equals and name in _SWITCHES:
            value = "true"
        elif not equals:
            value = words[index] if index < len(words) else ""
            index += 1
        found.setdefault(_SHORT.get(name, name), []).append(value)
    return found


def parse_json_object(text):
    """The top-level object of a JSON file. Raises ValueError for anything else."""
    found = json.loads(text) if text.strip() else {}
    if not isinstance(found, dict):
        raise NotUnderstood
    return found


def parse_toml(text):
    """``{"table.key": value}`` of the simple TOML that engines write; arrays become lists.

    Python has tomllib only since 3.11. Multi-line strings and inline tables are left out.
    """
    found, table = {}, ""
    for line in _joined(text):
        if line.startswith("["):
            table = line.strip("[]").strip() + "."
            continue
        match = _TOML_LINE.match(line)
        if match:
            found[table + match.group(1).strip('"')] = _toml_value(match.group(2))
    return found


def _joined(text):
    """Lines without comments; an array over several lines becomes one."""
    lines, open_array = [], ""
    for raw in text.splitlines():
        line = re.sub(r"""^((?:[^"'#]|"[^"]*"|'[^']*')*)#.*""", r"\1", raw).strip()
        if open_array:
            open_array += " " + line
            if "]" in line:
                lines.append(open_array)
                open_array = ""
        elif "=" in line and line.partition("=")[2].strip().startswith("[") and "]" not in line:
            open_array = line
        elif line:
            lines.append(line)
    return lines


def _toml_value(text):
    if text.startswith("["):
        return [first or second for first, second in re.findall(r'"([^"]*)"|\'([^\']*)\'', text)]
    if text in ("true", "false"):
        return text == "true"
    if re.fullmatch(r"[+-]?\d+", text):
        return int(text)
    return text.strip("\"'")


def is_true(value):
    """Whether an option value switches something on, in each form engines accept."""
    return value is True or str(value).lower() in ("1", "t", "true", "yes", "on")
