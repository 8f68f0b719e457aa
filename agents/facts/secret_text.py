"""Finding secrets in text that a host shows, and replacing them by a mark.

Facts name options, sources of mounts, images, programs: all of it text that people put passwords
into. The agent cleans every fact before it leaves the host and the server cleans again, with this
one module (the agent's package links to it, so it is plain Python 3.9).

Hexadecimal words are never taken for random keys: they are ids and digests, which facts are full
of. A key in hexadecimal is found by the name before it only.
"""

import hashlib
import hmac
import re
from collections import namedtuple

MARK = "\u2039redacted:{kind}:{length}:{hash}\u203a"
MIN_RANDOM_LETTERS = 20
MIN_LETTERS = 16  # of the shortest secret that needs no separator before it
# Of 20 random letters of base64 about 16 differ; words of languages and paths repeat theirs.
MIN_DIFFERENT_SHARE = 0.55

# ``needed``: without one of these texts the pattern cannot match; looking for them is cheap.
Rule = namedtuple("Rule", ("kind", "needed", "pattern"))
RULES = (
    Rule(
        "pem",
        ("-----BEGIN",),
        re.compile(
            r"-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----(?P<secret>.{0,4096}?)(?:-----END|\Z)",
            re.DOTALL,
        ),
    ),
    Rule(
        "userinfo",
        ("://",),
        re.compile(r"[A-Za-z][A-Za-z0-9+.-]{1,20}://(?P<secret>[^\s/@\"'<>]{1,256})@"),
    ),
    Rule(
        "header",
        ("earer", "EARER", "asic", "ASIC"),
        re.compile(r"(?i:\b(?:Bearer|Basic))\s+(?P<secret>[A-Za-z0-9+/=._~-]{8,})"),
    ),
    Rule(
        "key",
        ("_", "-", "AKIA", "ASIA", "AIza", "hvs.", "SG.", "eyJ", "k1."),
        re.compile(
            r"\b(?P<secret>(?:gh[pousr]_|github_pat_|glpat-|glptt-|xox[abeoprs]-|sk_live_|rk_live_"
            r"|npm_|pypi-|dckr_pat_|hvs\.|AKIA|ASIA|AIza|SG\.|shpat_|dop_v1_|hf_|ue_|k1\.)"
            r"[A-Za-z0-9_.+/=-]{12,}|eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.?[A-Za-z0-9_-]*)"
        ),
    ),
    Rule(
        "named",
        ("=", ":"),
        re.compile(
            r"(?i:passwd|password|passphrase|passcode|secret|token|api[_-]?key|access[_-]?key"
            r"|private[_-]?key|auth[_-]?key|client[_-]?key|encryption[_-]?key|credentials?"
            r"|(?<!by)(?<!com)(?<!tres)pass|(?<![a-z])(?:pwd|dsn|pw))[A-Za-z0-9_]{0,12}[\"']?\s{0,3}[=:]\s{0,3}[\"']?"
            r"(?P<secret>[^\s\"',;&\u2039]{3,})"
        ),
    ),
    Rule(
        "random",
        (),
        re.compile(
            r"(?<![A-Za-z0-9+/_:.-])(?P<secret>[A-Za-z0-9+/_-]{20,}={0,2})(?![A-Za-z0-9+/_.-])"
        ),
    ),
)
# After a name these say how something is set, not what it is: files, switches, numbers, kinds.
HARMLESS = re.compile(
    r"(?i:true|false|yes|no|on|off|none|null|never|always|default|disabled|enabled|unset|\*+"
    r"|shadow|sha\d+|md5|yescrypt|bcrypt|\d{1,4}|/[\w./-]*|required|optional|sufficient)\Z"
)
HEX = re.compile(r"[0-9a-fA-F=+/_-]+\Z")


def cleaned(text: str, key: bytes = b"") -> str:
    """``text`` with each secret as ``MARK``; the rest stays as it was.

    The hash has 16 bits of an HMAC with ``key``: enough to see that a secret changed, too little to
    confirm a guess.
    """
    if len(text) < MIN_LETTERS and "=" not in text and ":" not in text:
        return text  # most facts are short words
    for kind, needed, pattern in RULES:
        if kind == "random" and len(text) < MIN_RANDOM_LETTERS:
            continue
        if not needed or any(word in text for word in needed):
            text = pattern.sub(lambda found, kind=kind: _replaced(found, kind, key), text)
    return text


def cleaned_value(value: object, key: bytes = b"") -> object:
    """A JSON value with every text in it cleaned, names of members too; new lists and objects."""
    return _cleaned_value(value, key, {})


def _cleaned_value(value: object, key: bytes, known: dict[str, str]) -> object:
    """``known``: texts of this value that were cleaned already; most come many times."""
    if isinstance(value, str):
        if value not in known:
            known[value] = cleaned(value, key)
        return known[value]
    if isinstance(value, dict):
        return {
            str(_cleaned_value(str(name), key, known)): _cleaned_value(one, key, known)
            for name, one in value.items()
        }
    if isinstance(value, list):
        return [_cleaned_value(one, key, known) for one in value]
    return value


def looks_random(word: str) -> bool:
    """True for a long word that mixes capitals, small letters and digits with few repetitions."""
    if HEX.match(word) or word.count("/") > 2 or word.count("-") > 3 or word.count("_") > 3:
        return False
    kinds = sum(bool(re.search(one, word)) for one in ("[A-Z]", "[a-z]", "[0-9]"))
    return kinds == 3 and len(set(word)) >= MIN_DIFFERENT_SHARE * min(len(word), 40)


def _replaced(found: "re.Match[str]", kind: str, key: bytes) -> str:
    secret, start = found.group("secret"), found.start("secret") - found.start()
    if kind == "named" and HARMLESS.match(secret):
        return found.group()
    if kind == "random" and not looks_random(secret):
        return found.group()
    mark = MARK.format(kind=kind, length=len(secret), hash=_short_hash(secret, key))
    return found.group()[:start] + mark + found.group()[start + len(secret) :]


def _short_hash(secret: str, key: bytes) -> str:
    return hmac.new(key, secret.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()[:4]
