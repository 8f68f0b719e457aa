"""The canonical form, the paths an expression reads, and the types of facts."""

import pytest

from assessments.engine.expression.parser import parse
from assessments.engine.expression.paths import fact_paths, parameters
from assessments.engine.expression.printer import canonical
from assessments.engine.expression.typetree import Kind, TypeTree, type_of_parameter
from tests.unit.engine.world import TYPES


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        ("a&&b", "a && b"),
        ("(a && b) || c", "(a && b) || c"),
        ("a && b || c", "(a && b) || c"),
        ("a || (b || c)", "a || b || c"),
        ("a && (b || c)", "a && (b || c)"),
        ("!(a)", "!a"),
        ("!(a == b)", "!(a == b)"),
        ("!!a", "!!a"),
        ("((a)) . b", "a.b"),
        ("(1 + 2) * 3 == 9", "(1 + 2) * 3 == 9"),
        ("1 + (2 * 3) == 7", "1 + 2 * 3 == 7"),
        ("1 - (2 - 3) == 2", "1 - (2 - 3) == 2"),
        ("(1 - 2) - 3 == 2", "1 - 2 - 3 == 2"),
        ("a ?b: c", "a ? b : c"),
        ("(a ? b : c) ? d : e", "(a ? b : c) ? d : e"),
        ("has( a.b )", "has(a.b)"),
        ("a [ 0 ] == 1", "a[0] == 1"),
        ('a["k\\"\\\\"]', 'a["k\\"\\\\"]'),
        ("x in [ 1,2 ]", "x in [1, 2]"),
        ("a.exists( x ,x )", "a.exists(x, x)"),
        ("0.0000001 == 1.50", "0.0000001 == 1.5"),
        ("100000000000000000000.0 == 1.0", "100000000000000000000.0 == 1.0"),
    ],
)
def test_the_canonical_form_is_stable(text: str, printed: str) -> None:
    tree = parse(text)
    assert canonical(tree) == printed
    assert parse(printed) == tree


@pytest.mark.parametrize(
    ("text", "paths"),
    [
        ("container.privileged", {"container.privileged"}),
        ("container.mounts.all(m, m.read_only)", {"container.mounts[].read_only"}),
        ('container.caps.exists(c, c == "a")', {"container.caps"}),
        ("size(container.caps) == 0", {"container.caps"}),
        ('["a"].all(x, x in container.caps)', {"container.caps"}),
        ('kernel.sysctl["a.b"] == "1"', {'kernel.sysctl["a.b"]'}),
        ('["a"].all(x, kernel.sysctl["k." + x] == "1")', {"kernel.sysctl"}),
        ("has(container.extra) && container.extra.flag", {"container.extra.flag"}),
        ("container.pids < policy.pids_max", {"container.pids"}),
        (
            'container.mounts.filter(m, m.role == "host").all(m, m.read_only)',
            {"container.mounts[].role", "container.mounts[].read_only"},
        ),
        (
            "size(container.mounts) > 0 && container.mounts.all(m, m.read_only)",
            {"container.mounts[].read_only"},
        ),
    ],
)
def test_the_paths_that_are_read_are_found(text: str, paths: set[str]) -> None:
    assert fact_paths(parse(text)) == paths


def test_site_parameters_are_found() -> None:
    text = "container.pids < policy.pids_max || container.name in policy.registries"
    assert parameters(parse(text)) == {"pids_max", "registries"}


def test_types_come_from_the_schema_and_the_defaults() -> None:
    scope = TYPES.scope("container")
    assert scope["container"].fields["load"].kind is Kind.NUMBER
    assert scope["host"].fields["mode"].values == frozenset({"v1", "v2"})
    assert scope["policy"].fields["share"].kind is Kind.NUMBER
    assert "unknowns" not in scope
    assert "runtime" not in scope
    assert {"source", "target", "pair"} <= set(TYPES.scope("source", "target", "pair"))


@pytest.mark.parametrize("schema", [{"type": "null"}, {}, {"type": "array"}, {"type": ["string"]}])
def test_a_schema_that_says_too_little_is_refused(schema: dict[str, object]) -> None:
    whole = {"type": "object", "properties": {"host": schema}}
    with pytest.raises(ValueError, match="schema"):
        TypeTree.from_schema(whole, policy={})


def test_a_parameter_that_is_no_value_is_refused() -> None:
    with pytest.raises(ValueError, match="site parameter"):
        type_of_parameter({"a": 1})
