"""PAM stacks (pam.d(5)): which modules a service really runs."""

from ..reading import Absent

_SECOND_FACTORS = (
    *("pam_google_authenticator.so", "pam_oath.so", "pam_duo.so", "pam_u2f.so"),
    *("pam_yubico.so", "pam_radius_auth.so", "pam_privacyidea.so"),
)
_LOCKS = ("pam_faillock.so", "pam_tally2.so")


def modules(host, service, depth=0):
    """Names of the auth modules of ``service`` with everything it includes. Raises ReadFailed."""
    try:
        lines = host.lines("/etc/pam.d/" + service)
    except Absent:
        return set()
    found = set()
    for control, name in parse_auth(lines):
        if control in ("include", "substack", "@include"):
            if depth < 8 and "/" not in name:
                found |= modules(host, name, depth + 1)
        else:
            found.add(name.rpartition("/")[2])
    return found


def parse_auth(lines):
    """``[(control, module)]`` of the auth lines; ``@include`` lines have that control."""
    found = []
    for line in lines:
        text = line.partition("#")[0].strip()
        if text.startswith("@include"):
            found.append(("@include", text.split()[-1]))
            continue
        kind, _, rest = text.partition(" ") if " " in text else text.partition("\t")
        rest = rest.strip()
        if kind.lstrip("-") != "auth" or not rest:
            continue
        if rest.startswith("["):
            control, _, rest = rest.partition("]")
        else:
            control, _, rest = rest.replace("\t", " ").partition(" ")
        if rest.split():
            found.append((control, rest.split()[0]))
    return found


def has_second_factor(host):
    """Whether sshd's stack holds a module that asks for something beside the password."""
    return bool(modules(host, "sshd").intersection(_SECOND_FACTORS))


def locks_accounts(host):
    """Whether sshd's stack locks accounts after failures."""
    return bool(modules(host, "sshd").intersection(_LOCKS))
