"""The conditions of a check against the language, the facts schema and the site parameters."""

from collections.abc import Iterator, Mapping

from assessments.catalogue.yaml_file import YamlFile
from assessments.engine.check import Check, TargetKind
from assessments.engine.expression.errors import ExpressionError
from assessments.engine.expression.nodes import Node
from assessments.engine.expression.parser import parse
from assessments.engine.expression.paths import fact_paths, parameters
from assessments.engine.expression.printer import canonical
from assessments.engine.expression.typecheck import check_condition
from assessments.engine.expression.typetree import Type, TypeTree

DECIDING = ("pass", "not_applicable", "unknown_when", "pass_only_if")
Place = tuple[str | int, ...]


def check_expressions(
    file: YamlFile, check: Check, *, types: TypeTree, policy: Mapping[str, object]
) -> None:
    """Refuse a check whose conditions are wrong, or whose `facts` and `params` do not match.

    Raises CatalogueError with the place in the file.
    """
    scope = types.scope() if check.target is TargetKind.HOST else types.scope(check.target)
    deciding = [
        _checked(file, text, place, scope)
        for place, text in expressions(check)
        if place[0] in DECIDING
    ]
    for place, text in expressions(check):
        if place[0] not in DECIDING:
            _checked(file, text, place, scope)
    _match_facts(file, check, deciding)
    _match_params(file, check, deciding, policy)


def expressions(check: Check) -> Iterator[tuple[Place, str]]:
    """Yield each condition with its place in the file."""
    texts = (check.passes, check.not_applicable, check.unknown_when, check.pass_only_if)
    for name, text in zip(DECIDING, texts, strict=True):
        if text is not None:
            yield (name,), text
    for position, adjuster in enumerate(check.adjusters):
        yield ("raise", position, "when"), adjuster.when


def _checked(file: YamlFile, text: str, place: Place, scope: Mapping[str, Type]) -> Node:
    try:
        node = parse(text)
        check_condition(node, scope=scope)
    except ExpressionError as error:
        file.refuse(str(error), *place)
    if canonical(node) != text:
        file.refuse(f"not in canonical form: {canonical(node)}", *place)
    return node


def _match_facts(file: YamlFile, check: Check, deciding: list[Node]) -> None:
    derived = tuple(sorted(frozenset[str]().union(*(fact_paths(node) for node in deciding))))
    if check.facts != derived:
        differing = sorted(set(check.facts) ^ set(derived)) or ["their order"]
        file.refuse(f"'facts' are not what the conditions read: {differing}", "facts")


def _match_params(
    file: YamlFile, check: Check, deciding: list[Node], policy: Mapping[str, object]
) -> None:
    read = frozenset[str]().union(*(parameters(node) for node in deciding))
    defaults = {name: policy[name] for name in sorted(read)}
    if check.params != defaults:
        file.refuse(f"'params' are not what the conditions read: {defaults}", "params")
