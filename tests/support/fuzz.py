"""Bodies made from valid ones by damage, the same for the same seed."""

import gzip
import json
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

DEEP_LEVELS = 3_000
BOMB_BYTES = 20_000_000
BOMBS = tuple(
    gzip.compress(part * (BOMB_BYTES // len(part))) for part in (b"0", b"[", b'{"a":', b" ")
)


class Raw(str):
    """JSON text put down as it is, valid or not."""

    __slots__ = ()


class Pairs(list[tuple[str, Any]]):
    """An object with its keys in order, also twice."""


@dataclass(frozen=True, slots=True)
class Damaged:
    """One body as it goes over the wire; ``is_bomb`` when it inflates far beyond every limit."""

    raw: bytes
    headers: dict[str, str] = field(default_factory=dict)
    is_bomb: bool = False


class Fuzzer:
    """Damages bodies; one random source decides everything."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def body(self, valid: Any) -> Damaged:
        """A damaged form of the JSON value ``valid``."""
        chance = self.random.random()
        if chance < 0.02:
            return Damaged(self.random.choice(BOMBS), {"Content-Encoding": "gzip"}, is_bomb=True)
        raw = dump(self.tree(valid)).encode("utf-8", "surrogatepass")
        if chance < 0.35:
            raw = self.damage(raw)
        return Damaged(*self.packed(raw))

    def tree(self, value: Any) -> Any:
        """``value`` with one to four places changed."""
        changed = value
        for _ in range(self.random.randint(1, 4)):
            changed = self._changed(changed)
        return changed

    def facts(self, value: Any) -> Any:
        """``value`` with places changed to what JSON can hold: its digest can be taken."""
        changed = value
        for _ in range(self.random.randint(1, 6)):
            changed = self._changed(changed, odd=self.valid_value)
        return changed

    def valid_value(self) -> Any:
        """Something unexpected that is proper JSON."""
        pick = self.random.choice
        number = pick([0, -1, 2**31, 2**53 + 1, 2**63 - 1, -(2**63), 1e308, 1e-308, 0.1])
        text = pick(["", " ", "é", "\u202e", "a" * 5_000, "<b>", "%s", "../..", "\x1b[31m", "null"])
        return pick(
            [number, text, None, True, [], {}, [[]], {"": 0}, [None] * 50, {"a": {"b": []}}]
        )

    def odd_value(self) -> Any:
        """Something unexpected, JSON or nearly."""
        texts = ["1e999", "NaN", "-Infinity", "9" * 400, "007", "0x1", '"\\ud800"', '"a\\u0000"']
        texts += ['"\\x41"', "'a'", "tru", "[1,]", "{,}", '"' + "A" * 40_000 + '"', "-0", "1.5e3"]
        texts += ["[" * DEEP_LEVELS + "]" * DEEP_LEVELS, "[" * 20 + "]" * 20, "\x00", "/**/1"]
        return self.random.choice([self.valid_value(), Raw(self.random.choice(texts))])

    def _changed(self, value: Any, *, odd: Callable[[], Any] | None = None) -> Any:
        odd = odd or self.odd_value
        if isinstance(value, dict) and value and self.random.random() < 0.85:
            return self._changed_object(value, odd=odd)
        if isinstance(value, list) and value and self.random.random() < 0.85:
            place = self.random.randrange(len(value))
            copy = list(value)
            copy[place] = self._changed(copy[place], odd=odd)
            return copy
        return odd()

    def _changed_object(self, value: dict[str, Any], *, odd: Callable[[], Any]) -> Any:
        key = self.random.choice(list(value))
        chance = self.random.random()
        if chance < 0.1:
            return {name: each for name, each in value.items() if name != key}
        if chance < 0.2:
            return {
                **value,
                self.random.choice(["__proto__", "", "id", "x" * 300, key + " "]): odd(),
            }
        if chance < 0.25 and odd == self.odd_value:
            return Pairs([*value.items(), (key, value[key])])
        return {**value, key: self._changed(value[key], odd=odd)}

    def damage(self, raw: bytes) -> bytes:
        """``raw`` cut, flipped, doubled or stuffed."""
        if not raw:
            return b"\xff"
        place = self.random.randrange(len(raw))
        match self.random.randrange(5):
            case 0:
                return raw[:place]
            case 1:
                return raw[:place] + bytes([self.random.randrange(256)]) + raw[place + 1 :]
            case 2:
                return raw[:place] + self.random.randbytes(8) + raw[place:]
            case 3:
                return raw + raw[place:]
            case _:
                return raw[:place] + raw[place:] * 3

    def packed(self, raw: bytes) -> tuple[bytes, dict[str, str]]:
        """``raw`` compressed, cut or not, and with odd headers now and then."""
        headers: dict[str, str] = {}
        chance = self.random.random()
        if chance < 0.3:
            headers["Content-Encoding"] = self.random.choice(
                ["gzip", "gzip", "GZIP", "gzip, br", "zstd"]
            )
            raw = gzip.compress(raw, mtime=0)
            if chance < 0.1:
                raw = self.damage(raw)
            elif chance < 0.12:
                raw = gzip.compress(raw)
        if self.random.random() < 0.15:
            name, value = self.random.choice(ODD_HEADERS)
            headers[name] = value
        return raw, headers


ODD_HEADERS = (
    ("Content-Type", "text/plain"),
    ("Content-Type", "application/json; charset=utf-16"),
    ("Content-Type", "application/json; charset*=klingon''x"),
    ("Content-Type", ";;;"),
    ("Content-Type", "multipart/form-data"),
    ("Content-Encoding", "\t"),
    ("Authorization", "Bearer "),
    ("Authorization", "Basic QQ=="),
    ("Authorization", "Bearer k1." + "." * 500),
    ("Authorization", "Bearer \u00ff\u00fe"),
    ("Accept", "text/html;q=x, */*;q=9"),
    ("X-Forwarded-For", "999.999.1.1, ::zz"),
    ("X-Forwarded-Proto", "gopher"),
    ("X-HTTP-Method-Override", "DELETE"),
    ("Cookie", "sessionid=" + "a" * 3_000 + "; csrftoken=\u00e9"),
    ("If-None-Match", "*"),
    ("Expect", "200-maybe"),
    ("Range", "bytes=0-0,1-1"),
    ("Accept-Language", "x" * 2_000),
    ("User-Agent", ""),
)


def dump(value: Any) -> str:
    """``value`` as JSON text, with ``Raw`` and ``Pairs`` as they are."""
    if isinstance(value, Raw):
        return str(value)
    if isinstance(value, dict | Pairs):
        items = value.items() if isinstance(value, dict) else value
        return "{%s}" % ",".join(f"{json.dumps(key)}:{dump(each)}" for key, each in items)
    if isinstance(value, list | tuple):
        return "[%s]" % ",".join(dump(each) for each in value)
    return json.dumps(value)
