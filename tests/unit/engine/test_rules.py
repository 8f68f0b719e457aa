"""What the loader refuses: the rules and limits of the language, with the column."""

import time

import pytest

from assessments.engine.expression.errors import ExpressionError
from tests.unit.engine.world import read

REFUSED = [
    # rule 1: paths, parameters and values of enumerations exist
    ("container.privilegd", "unknown field 'privilegd'", 11),
    ("contaner.privileged", "unknown name 'contaner'", 1),
    ("policy.nothing == 1", "unknown field 'nothing'", 8),
    ('host.mode == "v3"', "'v3' is not one of", 14),
    ('host.mode in ["v1", "v3"]', "'v3' is not one of", 14),
    ('container.mounts.exists(m, m.role == "hots")', "'hots' is not one of", 38),
    ('kernel.lockdown["later"]', "'later' is not one of", 17),
    ("kernel.lockdown.later", "unknown field 'later'", 17),
    ("kernel.sysctl.later", "has no field 'later'", 15),
    # rule 2: both sides have one type; number fields stand inside double()
    ("container.pids == 1.0", "do not go together", 19),
    ('container.pids == "1"', "do not go together", 19),
    ("container.load > 0.5", "inside double()", 11),
    ("container.load + 0.5 > 1.0", "inside double()", 11),
    ("double(container.load) > 1", "do not go together", 26),
    ("policy.share < 1.0", "inside double()", 8),
    ("1 in container.caps", "cannot be in a list of string", 3),
    ("container.privileged < true", "cannot be compared with <", 22),
    ("container.caps == container.caps", "cannot be compared with ==", 16),
    # rule 3: has() never meets a missing parent
    ("has(container.extra.flag)", "test the parent", 1),
    ("has(container.extra) || has(container.extra.flag)", "test the parent", 25),
    ("has(container)", "has() takes one field", 1),
    # rule 4: size() is a function, strings have double quotes
    ("container.caps.size() == 0", "unknown method 'size'", 16),
    ("container.name == 'a'", "cannot read", 19),
    # rule 5: the result is boolean
    ("container.pids", "expected boolean, found integer", 11),
    ("container.pids && true", "expected boolean, found integer", 11),
    ("1", "expected boolean", 1),
    ("container.caps.map(x, x)", "expected boolean, found list", 16),
    # what the subset leaves out
    ("container.name == null", "'null' cannot be used", 19),
    ("dyn(container.name) == 1", "unknown function 'dyn'", 1),
    ("type(container.name) == 1", "unknown function 'type'", 1),
    ('b"a" == "a"', "unexpected 'a'", 2),
    ("1u == 1u", "cannot read '1'", 1),
    ("0x10 == 16", "cannot read '0'", 1),
    ("1e3 == 1.0", "cannot read '1'", 1),
    ("1 < 2 < 3", "cannot be chained", 7),
    ("container.caps.all(i, v, true)", "expected ')'", 24),
    ("container.?name == 1", "a field name belongs here", 11),
    ("kernel.sysctl.all(x, true)", "expected list, found map", 8),
    ("container.caps[container.pids] == 1", "whole number", 26),
    ('container.caps[-1] == "a"', "whole number", 16),
    ("[] == []", "an empty list", 1),
    ('size([1, "a"]) == 2', "have one type", 6),
    ("size([[1]]) == 1", "cannot hold a list", 6),
    ('{"a": 1} == 1', "cannot read '{'", 1),
    ("int(1.5) == 1", "does not take a decimal", 5),
    ("int(container.pids) == 1", "does not take a integer", 15),
    ("double(container.name) == 1.0", "does not take a string", 18),
    ('container.name - "a" == "b"', "has no operator -", 16),
    ('-container.name == "a"', "expected a number", 12),
    ("container.caps.exists(container, true)", "already a name", 16),
    ("container.caps.exists(true, true)", "a variable belongs here", 23),
    ('"\\x41" == "A"', "unknown escape", 1),
    ('"a\nb" == "a"', "cannot read", 1),
    ("9223372036854775808 > 0", "at most 64 bits", 1),
    ("container..name == 1", "a field name belongs here", 11),
    ("(true", "expected ')'", 6),
    ("true)", "unexpected ')'", 5),
    ("", "unexpected 'end'", 1),
    ("true; true", "cannot read ';'", 5),
]


@pytest.mark.parametrize(("text", "message", "column"), REFUSED)
def test_it_is_refused_with_its_column(text: str, message: str, column: int) -> None:
    with pytest.raises(ExpressionError) as refusal:
        read(text)
    assert message in refusal.value.message
    assert refusal.value.column == column


HOSTILE = [
    "(" * 900 + "true" + ")" * 900,
    "[" * 900,
    "!" * 1_500 + "true",
    "-" * 1_500 + "1 == 1",
    "!(" * 300 + "true" + ")" * 300,
    "true ? " * 200 + "true" + " : true" * 200,
    "1" + " + 1" * 450 + " == 1",
    "1" + " * 1" * 450 + " == 1",
    "container" + ".name" * 300,
    "container" + "[0]" * 500,
    " || ".join(["true"] * 490),
    "true || " * 300 + "true",
    "containers.all(a, containers.all(b, containers.all(c, true)))",
    'open("/etc/passwd") == ""',
    "().__class__.__bases__",
    '__import__("os") == 1',
    "9 ** 9 ** 9 == 1",
    "a" * 2_001,
    "has(" * 400,
    "size(" * 380,
    '"' + "\\" * 1_501,
]


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_text_is_refused_quickly(text: str) -> None:
    started = time.process_time()
    with pytest.raises(ExpressionError):
        read(text)
    assert time.process_time() - started < 0.5


def test_the_limits_are_where_the_language_says() -> None:
    assert read("(" * 8 + "true" + ")" * 8).text == "true"
    assert read(" || ".join(["true"] * 249)).text.count("true") == 249
    two = "containers.all(a, containers.all(b, a.key == b.key))"
    assert read(two).text == two


def test_a_tested_parent_is_sure_to_the_right_of_the_test() -> None:
    for text in (
        "has(container.extra) && has(container.extra.flag) && container.extra.flag",
        "!has(container.extra) || has(container.extra.flag)",
        "container.mounts.exists(m, has(m.path))",
    ):
        assert read(text).text == text
