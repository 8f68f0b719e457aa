"""Canonical bytes: equal facts give equal digests."""

import math

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agents.facts.canonical import canonical_bytes, digest, root_digest

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text('aZ0\n"\u00fc\u2028\U0001f600', max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("ab"), inner, max_size=4),
)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(st.text("abc", max_size=3), JSON, max_size=5))
def test_the_order_of_keys_does_not_matter(facts: dict[str, object]) -> None:
    turned = dict(reversed(list(facts.items())))
    assert canonical_bytes(facts) == canonical_bytes(turned)


def test_the_form_is_exactly_the_one_agents_send() -> None:
    assert canonical_bytes({"b": [1, True], "a": "ü"}) == '{"a":"ü","b":[1,true]}'.encode()


def test_the_digest_is_sha_256_of_the_bytes() -> None:
    # FIPS 180-2, appendix B.1
    assert digest(b"abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


@pytest.mark.parametrize("value", [math.nan, math.inf, {"a": object()}, "\ud800"])
def test_what_json_cannot_hold_is_refused(value: object) -> None:
    with pytest.raises((ValueError, TypeError)):
        canonical_bytes(value)


def test_a_failed_section_changes_the_root() -> None:
    whole = root_digest({"kernel": "aa"}, {"c1": ("bb", "cc")})
    assert whole == digest(b'{"containers":{"c1":["bb","cc"]},"sections":{"kernel":"aa"}}')
    assert whole != root_digest({"kernel": {"err": "EACCES"}}, {"c1": ("bb", "cc")})
