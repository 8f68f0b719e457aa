"""The one door: what passes can be stored on both databases, what does not changes nothing."""

import gzip
import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.core.door import decode as door
from workbench.core.door.decode import decode, parse
from workbench.core.door.inflate import inflate
from workbench.core.door.limits import Limits
from workbench.core.errors import DomainError, Invalid, TooLarge, Unsupported

LIMITS = Limits(max_wire_bytes=10_000, max_raw_bytes=100_000, max_depth=4, max_keys=50)


class Beat(msgspec.Struct):
    n: int


REFUSED = {
    "nul in a text": b'{"a":"x\\u0000"}',
    "nul in a key": b'{"a\\u0000":1}',
    "lone high surrogate": b'{"a":"\\ud800"}',
    "lone low surrogate": b'{"a":"\\udfff"}',
    "duplicate key": b'{"a":1,"a":2}',
    "duplicate key below": b'{"a":{"b":1,"b":1}}',
    "NaN": b'{"a":NaN}',
    "infinity": b'{"a":1e999}',
    "65 bit": b'{"a":18446744073709551616}',
    "5000 digits": b'{"a":' + b"9" * 5_000 + b"}",
    "too deep": b"[[[[[]]]]]",
    "endless lists": b"[" * 200_000,
    "not UTF-8": b'{"a":"\xff"}',
    "byte order mark": b"\xef\xbb\xbf{}",
    "nothing": b"",
}


@pytest.mark.parametrize("raw", REFUSED.values(), ids=REFUSED.keys())
def test_a_body_that_a_database_would_refuse_is_invalid(raw: bytes) -> None:
    limits = Limits(max_wire_bytes=300_000, max_raw_bytes=300_000, max_depth=4)
    with pytest.raises(Invalid):
        parse(raw, limits=limits)


def test_a_good_body_comes_back_as_it_was() -> None:
    value = {"a": ["ü", 1, 1.5, None, True, "\U0001f600"], "n": {"b": -(2**63)}}
    assert parse(json.dumps(value).encode(), limits=LIMITS) == value


def test_depth_at_the_limit_passes() -> None:
    assert parse(b"[[[[]]]]", limits=LIMITS) == [[[[]]]]


def test_too_many_keys_over_the_whole_body_are_too_large() -> None:
    rows = [{"a": 1, "b": 2}] * 26
    with pytest.raises(TooLarge):
        parse(json.dumps(rows).encode(), limits=LIMITS)


def test_a_long_text_is_too_large() -> None:
    with pytest.raises(TooLarge):
        parse(json.dumps("x" * 32_769).encode(), limits=LIMITS)


def test_a_wrong_type_names_its_place() -> None:
    with pytest.raises(Invalid, match=r"\$\.n"):
        decode(b'{"n":"1"}', shape=Beat, limits=LIMITS)


def test_gzip_is_undone() -> None:
    assert inflate(gzip.compress(b"{}"), encoding="gzip", limits=LIMITS) == b"{}"


BAD_GZIP = {
    "cut": gzip.compress(b"{}")[:-3],
    "second member": gzip.compress(b"{}") * 2,
    "trailing bytes": gzip.compress(b"{}") + b"x",
    "not gzip": b"{}",
    "empty": b"",
}


@pytest.mark.parametrize("body", BAD_GZIP.values(), ids=BAD_GZIP.keys())
def test_a_broken_gzip_stream_is_invalid(body: bytes) -> None:
    with pytest.raises(Invalid):
        inflate(body, encoding="gzip", limits=LIMITS)


def test_a_bomb_is_stopped_at_the_limit() -> None:
    bomb = gzip.compress(b"0" * 50_000_000)
    with pytest.raises(TooLarge):
        inflate(bomb, encoding="gzip", limits=LIMITS)


def test_an_unasked_encoding_is_unsupported() -> None:
    with pytest.raises(Unsupported):
        inflate(b"{}", encoding="zstd", limits=LIMITS)


def test_every_refusal_is_an_answerable_error() -> None:
    for error in (Invalid("x"), TooLarge("x"), Unsupported("x")):
        assert isinstance(error, DomainError)
        assert error.as_body()["error"]["message"] == "x"  # type: ignore[index]


class Flat(msgspec.Struct):
    b: str
    n: int
    d: str = ""


def outcome(raw: bytes, *, limits: Limits) -> object:
    try:
        return decode(raw, shape=Flat, limits=limits)
    except DomainError as error:
        return type(error)


NAMES = st.sampled_from(["b", "n", "d", "x", "b_c"])
VALUES = st.one_of(
    st.integers(-(2**70), 2**70).map(str),
    st.text(max_size=12).map(json.dumps),
    st.sampled_from(["1e999", "NaN", "true", "null", "[]", "{}", "007", "-0", "1.5", '"\\ud800"']),
)
BODIES = st.lists(st.tuples(NAMES, VALUES), min_size=1, max_size=5).map(
    lambda fields: ("{%s}" % ",".join(f'"{name}":{value}' for name, value in fields)).encode()
)


@given(raw=BODIES, room=st.integers(1, 6))
def test_the_short_way_for_flat_bodies_decides_as_the_long_way(raw: bytes, room: int) -> None:
    limits = Limits(max_wire_bytes=10_000, max_raw_bytes=100_000, max_keys=room)
    short = outcome(raw, limits=limits)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(door, "_is_flat", lambda *_args, **_words: False)
        assert outcome(raw, limits=limits) == short
