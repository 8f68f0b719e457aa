"""Bodies that must never break the server: name, bytes, headers. A found bug adds its body."""

import gzip
import json
from collections.abc import Iterator
from dataclasses import dataclass, field

JSON = "application/json"


@dataclass(frozen=True, slots=True)
class Body:
    """One body as it goes over the wire."""

    name: str
    raw: bytes
    content_type: str = JSON
    headers: dict[str, str] = field(default_factory=dict)


def _plain() -> Iterator[Body]:
    texts = {
        "empty": b"",
        "null": b"null",
        "list": b"[]",
        "zero": b"0",
        "text": b'"x"',
        "object": b"{}",
        "space": b" \n\t ",
        "true": b"true",
        "bom": b"\xef\xbb\xbf{}",
        "utf16": '{"a": 1}'.encode("utf-16"),
        "utf32": '{"a": 1}'.encode("utf-32"),
        "latin1": '{"name": "\u00e9"}'.encode("latin-1"),
        "byte_ff": b"\xff",
        "overlong_utf8": b'{"name": "\xc0\xaf"}',
        "cut_utf8": b'{"name": "\xe2\x82"}',
        "cut_object": b'{"token": "x"',
        "cut_text": b'{"token": "x',
        "trailing_comma": b'{"token": "x",}',
        "trailing_garbage": b"{} x",
        "two_values": b"{}{}",
        "comment": b"{/* x */}",
        "single_quotes": b"{'token': 'x'}",
        "bare_words": b"{token: x}",
        "form": b"token=x&name=y",
        "xml": b"<?xml version='1.0'?><!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>",
        "python_pickle": b"\x80\x04K\x01.",
        "raw_nul": b'{"token": "a\x00b"}',
        "raw_newline_in_text": b'{"token": "a\nb"}',
        "only_nul": b"\x00",
    }
    for name, raw in texts.items():
        yield Body(name, raw)


def _deep() -> Iterator[Body]:
    for depth in (15, 16, 17, 31, 32, 33, 990, 5_000, 100_000):
        yield Body(f"lists_{depth}", b"[" * depth + b"]" * depth)
        yield Body(f"objects_{depth}", b'{"a":' * depth + b"1" + b"}" * depth)
    yield Body("open_lists", b"[" * 100_000)
    yield Body("mixed_depth", b'[{"a":' * 2_500 + b"1" + b"}]" * 2_500)


def _numbers() -> Iterator[Body]:
    words = {
        "infinite": "1e999",
        "minus_infinite": "-1e999",
        "tiny": "1e-400",
        "minus_zero": "-0",
        "nan": "NaN",
        "infinity": "Infinity",
        "minus_infinity": "-Infinity",
        "2_31": str(2**31),
        "2_40": str(2**40),
        "2_53_1": str(2**53 + 1),
        "2_62_1": str(2**62 + 1),
        "2_63": str(2**63),
        "2_64": str(2**64),
        "minus_2_63_1": str(-(2**63) - 1),
        "400_digits": "9" * 400,
        "5000_digits": "9" * 5_000,
        "negative": "-1",
        "fraction": "1.5",
        "true": "true",
        "null": "null",
        "text": '"1"',
        "list": "[1]",
        "hex": "0x10",
        "leading_zero": "007",
    }
    for name, word in words.items():
        yield Body(f"number_{name}", _around(word))


def _around(word: str) -> bytes:
    """A body with ``word`` at every place where some endpoint wants a number."""
    fields = {"n": word, "gen": word, "q": word, "from": word, "mono_ms": word, "sent_ms": word}
    rest = '"b":"0","root":"%s","sections":{},"containers":[]' % ("a" * 64)
    rest += ',"epoch":"%s","ev":[],"drop":[{"from":%s,"to":9,"why":"full"}]' % ("0" * 16, word)
    return (
        "{%s,%s}" % (",".join(f'"{key}":{value}' for key, value in fields.items()), rest)
    ).encode()


def _texts() -> Iterator[Body]:
    words = {
        "nul_escape": '"a\\u0000b"',
        "high_surrogate": '"\\ud800"',
        "low_surrogate": '"\\udfff"',
        "swapped_surrogates": '"\\udc00\\ud800"',
        "noncharacter": '"\\uffff"',
        "emoji": '"\\ud83d\\ude00"',
        "rtl_override": '"\\u202eevil"',
        "bom_inside": '"\\ufeff"',
        "bad_escape": '"\\x41"',
        "cut_escape": '"\\u12"',
        "long": json.dumps("A" * 300_000),
        "very_long": json.dumps("A" * 1_048_577),
        "combining": json.dumps("a" + "\u0301" * 10_000),
        "script": '"<script>alert(1)</script>"',
        "template": '"{{7*7}}{% debug %}${7*7}"',
        "sql": '"\' OR 1=1--"',
        "format": '"%s%(x)s{0.__class__}"',
        "path": '"../../etc/passwd"',
        "ansi": '"\\u001b[31mred"',
        "header": '"a\\r\\nSet-Cookie: x=y"',
    }
    for name, word in words.items():
        yield Body(
            f"text_{name}", ('{"token":%s,"name":%s,"title":%s}' % (word, word, word)).encode()
        )


def _keys() -> Iterator[Body]:
    yield Body("duplicate_key", b'{"token":"a","token":"b"}')
    yield Body("duplicate_key_other_type", b'{"n":1,"n":"1"}')
    yield Body("duplicate_key_deep", b'{"labels":{"a":"1","a":"2"}}')
    yield Body("many_keys", _object(20_001))
    yield Body("more_keys", _object(100_000))
    yield Body("long_key", json.dumps({"k" * 65_536: 1}).encode())
    yield Body("empty_key", b'{"":1}')
    yield Body("nul_key", b'{"a\\u0000":1}')
    yield Body("surrogate_key", b'{"\\ud800":1}')
    yield Body("proto_key", b'{"__proto__":{"x":1},"constructor":1,"__class__":"x"}')
    yield Body("unknown_fields", b'{"id":"1","workspace":"2","is_superuser":true}')
    yield Body("many_items", b"[" + b"0," * 200_000 + b"0]")


def _object(keys: int) -> bytes:
    return json.dumps({f"k{index}": 0 for index in range(keys)}).encode()


def _packed() -> Iterator[Body]:
    zipped = {"Content-Encoding": "gzip"}
    whole = gzip.compress(b"{}")
    yield Body("gzip_of_object", whole, headers=zipped)
    yield Body("gzip_header_only", whole[:10], headers=zipped)
    yield Body("gzip_cut", whole[:-4], headers=zipped)
    yield Body("gzip_bad_crc", whole[:-8] + b"\x00" * 8, headers=zipped)
    yield Body("gzip_trailing", whole + b"x", headers=zipped)
    yield Body("gzip_two_members", whole + whole, headers=zipped)
    yield Body("gzip_not_gzip", b"{}", headers=zipped)
    yield Body("gzip_empty", b"", headers=zipped)
    yield Body("gzip_nested", gzip.compress(whole), headers=zipped)
    yield Body("gzip_bomb", gzip.compress(b"0" * 20_000_000), headers=zipped)
    yield Body(
        "gzip_bomb_of_json", gzip.compress(b'{"a":"' + b" " * 9_000_000 + b'"}'), headers=zipped
    )
    yield Body("zstd_unasked", b"(\xb5/\xfd", headers={"Content-Encoding": "zstd"})
    yield Body("two_encodings", whole, headers={"Content-Encoding": "gzip, gzip"})
    yield Body("deflate", b"x\x9c", headers={"Content-Encoding": "deflate"})


def _typed() -> Iterator[Body]:
    yield Body("charset_utf7", b"{}", "application/json; charset=utf-7")
    yield Body("charset_unknown", b"{}", "application/json; charset=klingon")
    yield Body("charset_utf16", '{"a":1}'.encode("utf-16"), "application/json; charset=utf-16")
    yield Body("type_text", b"{}", "text/plain")
    yield Body("type_form", b"a=1", "application/x-www-form-urlencoded")
    yield Body(
        "type_form_nul", b"title=%00&name=%00&email=%00", "application/x-www-form-urlencoded"
    )
    yield Body(
        "type_form_surrogate", b"title=%ed%a0%80&name=%ff", "application/x-www-form-urlencoded"
    )
    yield Body("type_multipart_without_boundary", b"x", "multipart/form-data")
    yield Body("type_multipart_empty", b"", "multipart/form-data; boundary=b")
    yield Body("type_multipart_cut", b"--b\r\nContent-Dis", "multipart/form-data; boundary=b")
    yield Body("type_odd", b"{}", "a/b; c")
    yield Body("type_many_fields", b"a=1&" * 3_000, "application/x-www-form-urlencoded")


BODIES = (*_plain(), *_deep(), *_numbers(), *_texts(), *_keys(), *_packed(), *_typed())
