"""What the language means, operator by operator, on the fast path and on the reference."""

import pytest

from tests.unit.engine.world import answer

TRUE_AND_FALSE = [
    ("true", "false"),
    ("!false", "!true"),
    ("true && true", "true && false"),
    ("false || true", "false || false"),
    ("1 == 1", "1 == 2"),
    ("1 != 2", "1 != 1"),
    ("1 < 2", "2 < 2"),
    ("2 <= 2", "3 <= 2"),
    ("3 > 2", "2 > 2"),
    ("2 >= 2", "1 >= 2"),
    ('"a" < "b"', '"b" < "a"'),
    ("1 + 2 == 3", "1 - 2 == 1"),
    ("2 * 3 == 6", "7 / 2 == 4"),
    ("7 / -2 == -3", "7 / -2 == -4"),
    ("-7 % 3 == -1", "-7 % 3 == 2"),
    ("0.5 + 0.25 == 0.75", "1.0 / 2.0 == 0.4"),
    ("1.0 / 0.0 > 1000.0", "-1.0 / 0.0 > 0.0"),
    ('"a" + "b" == "ab"', '"a" + "b" == "a"'),
    ("true ? true : false", "true ? false : true"),
    ('"a" in ["a", "b"]', '"c" in ["a", "b"]'),
    ("1 in [1, 2]", "3 in [1, 2]"),
    ('size("äö") == 2', 'size("") == 1'),
    ("size([1, 2]) == 2", "size([1]) == 2"),
    ('int("-42") == -42', 'int("7") == 8'),
    ("double(2) == 2.0", "double(2) == 2.5"),
    ('string(5) == "5"', 'string(true) == "false"'),
    ('"abc".startsWith("ab")', '"abc".startsWith("b")'),
    ('"abc".endsWith("bc")', '"abc".endsWith("b")'),
    ('"abc".contains("b")', '"abc".contains("d")'),
    ('"abc".matches("^a.c$")', '"abc\\n".matches("c$")'),
    ("[1, 2].all(x, x > 0)", "[1, 2].all(x, x > 1)"),
    ("[1, 2].exists(x, x > 1)", "[1, 2].exists(x, x > 2)"),
    ("[1, 2].exists_one(x, x > 1)", "[1, 2].exists_one(x, x > 0)"),
    ("size([1, 2].filter(x, x > 1)) == 1", "size([1, 2].filter(x, x > 2)) == 1"),
    ("[1, 2].map(x, x + 1).all(x, x > 1)", "[1, 2].map(x, x + 1).all(x, x > 2)"),
    ('["a"].exists(x, x in ["a", "b"])', '["c"].exists(x, x in ["a", "b"])'),
    ('["a"].all(x, x in ["a", "b"])', '["a", "c"].all(x, x in ["a", "b"])'),
    ("!!true", "!!false"),
    ("-(-1) == 1", "--1 == -1"),
]


@pytest.mark.parametrize(("true", "false"), TRUE_AND_FALSE)
def test_each_operator_has_a_true_and_a_false_side(true: str, false: str) -> None:
    assert (answer(true), answer(false)) == (True, False)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("true || container.privileged", True),
        ("container.privileged || true", True),
        ("false && container.privileged", False),
        ("container.privileged && false", False),
        ("container.privileged || false", "container.privileged"),
        ("container.privileged && true", "container.privileged"),
        ("!container.privileged", "container.privileged"),
        ("container.privileged ? true : true", "container.privileged"),
        ("container.extra.flag", "container.extra.flag"),
        ('kernel.sysctl["a.b"] == "1"', 'kernel.sysctl["a.b"]'),
        ("container.ports[0] == 1", "container.ports[0]"),
        ("size(container.caps) == 0", "container.caps"),
        ("container.pids + 1 > 0", "container.pids"),
    ],
)
def test_a_missing_fact_decides_only_where_it_matters(text: str, expected: bool | str) -> None:
    assert answer(text, container={}) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("container.mounts.exists(m, m.read_only)", True),
        ("container.mounts.all(m, !m.read_only)", False),
        ("container.mounts.all(m, m.read_only)", "container.mounts[1].read_only"),
        ("container.mounts.exists(m, !m.read_only)", "container.mounts[1].read_only"),
        ("container.mounts.exists_one(m, m.read_only)", "container.mounts[1].read_only"),
        ("size(container.mounts.filter(m, m.read_only)) == 1", "container.mounts[1].read_only"),
    ],
)
def test_one_unreadable_item_does_not_hide_what_the_others_decide(
    text: str, expected: bool | str
) -> None:
    facts = {"mounts": [{"read_only": True}, {}]}
    assert answer(text, container=facts) == expected


def test_the_path_of_an_item_survives_a_filter() -> None:
    text = 'container.mounts.filter(m, m.role == "host").all(m, m.read_only)'
    facts = {"mounts": [{"role": "volume", "read_only": True}, {"role": "host"}]}
    assert answer(text, container=facts) == "container.mounts[1].read_only"


@pytest.mark.parametrize("value", ["<absent>", "", "1x", "0x10", " 1", "+1", "9" * 19, "1.0"])
def test_a_text_that_is_no_integer_is_unknown(value: str) -> None:
    found = answer('int(kernel.sysctl["x"]) > 0', kernel={"sysctl": {"x": value}})
    assert found == 'kernel.sysctl["x"]'


@pytest.mark.parametrize("value", [1, 1.0, 3, 3.5])
def test_a_number_field_may_arrive_with_or_without_decimals(value: float) -> None:
    assert answer("double(container.load) >= 1.0", container={"load": value}) is True


WRONG_TYPES = [
    ("container.privileged", {"privileged": 1}),
    ("!container.privileged", {"privileged": 0}),
    ("!container.privileged", {"privileged": "false"}),
    ("container.pids < 5", {"pids": True}),
    ("container.pids < 5", {"pids": "1"}),
    ("container.name < container.runtime", {"name": False, "runtime": True}),
    ("double(container.load) < 0.5", {"load": False}),
    ("size(container.caps) == 0", {"caps": 0}),
    ('container.caps.all(x, x == "a")', {"caps": ""}),
    ('container.caps.all(x, x == "a")', {"caps": {}}),
    ('"CAP" in container.caps', {"caps": "CAP_SYS_ADMIN"}),
    ("container.mounts.all(m, m.read_only)", {"mounts": [{"read_only": "true"}]}),
    ("!container.mounts.exists(m, m.read_only)", {"mounts": ["read_only"]}),
    ("has(container.extra) && has(container.extra.flag)", {"extra": "flag"}),
    ("container.ports[0] == 1", {"ports": "1"}),
    ('container.name.startsWith("a")', {"name": ["a"]}),
    ('container.name.contains("a")', {"name": ["a"]}),
    ('container.name.matches("a")', {"name": 3}),
    ("container.extra.flag", {"extra": [True]}),
]


@pytest.mark.parametrize(("text", "facts"), WRONG_TYPES)
def test_a_value_of_another_type_is_unknown(text: str, facts: dict[str, object]) -> None:
    assert str(answer(text, container=facts)).startswith("container.")


@pytest.mark.parametrize(
    ("text", "facts"),
    [
        ("container.pids == 1", {"pids": True}),
        ("container.pids == 0", {"pids": False}),
        ("container.privileged == true", {"privileged": 1}),
        ("container.pids in [0, 1]", {"pids": True}),
        ('"1" in container.caps', {"caps": [1]}),
        ("1 in container.ports", {"ports": [True]}),
        ("container.name == container.runtime", {"name": "", "runtime": False}),
    ],
)
def test_values_of_different_types_are_not_equal(text: str, facts: dict[str, object]) -> None:
    assert answer(text, container=facts) is False


@pytest.mark.parametrize(
    "text",
    [
        "9223372036854775807 + container.pids > 0",
        "-9223372036854775807 - container.pids - 1 < 0",
        "9223372036854775807 * container.pids > 0",
        "1 / (container.pids - 5) == 0",
        "1 % (container.pids - 5) == 0",
    ],
)
def test_a_result_that_does_not_exist_is_unknown(text: str) -> None:
    assert answer(text, container={"pids": 5}) == "container.pids"


def test_a_binding_that_is_not_there_is_unknown() -> None:
    assert answer("size(images) == 0") == "images"
    assert answer("container.privileged") == "container.privileged"


def test_has_is_true_false_or_unknown_with_its_parent() -> None:
    text = "has(container.extra) && has(container.extra.flag)"
    assert answer(text, container={"extra": {"flag": False}}) is True
    assert answer(text, container={"extra": {}}) is False
    assert answer(text, container={}) is False
    assert answer("has(container.extra)") == "container"


def test_a_macro_variable_does_not_leak() -> None:
    text = "container.caps.exists(x, container.mounts.exists(y, y.path == x)) && size(images) == 0"
    facts = {"caps": ["/a"], "mounts": [{"path": "/a"}]}
    assert answer(text, container=facts, images=[]) is True


def test_an_outer_list_of_nested_macros_has_a_limit() -> None:
    text = "container.caps.all(x, container.ports.all(p, p > 0))"
    long = {"caps": ["a"] * 513, "ports": [1]}
    short = {"caps": ["a"] * 512, "ports": [1]}
    assert (answer(text, container=long), answer(text, container=short)) == ("container.caps", True)


def test_values_that_look_like_code_stay_text() -> None:
    hostile = '"; __import__("os").system("id") #'
    assert answer('container.name == "r0"', container={"name": hostile}) is False
    literal = hostile.replace('"', '\\"')
    assert answer(f'container.name == "{literal}"', container={"name": hostile}) is True
