"""Loads the catalogue: every check or none. A wrong file refuses the whole pack."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType

from agents.facts.canonical import canonical_bytes, digest
from agents.facts.schema import schema
from assessments.catalogue.expressions import check_expressions
from assessments.catalogue.reading import read_check
from assessments.catalogue.yaml_file import YamlFile, refuse_file
from assessments.engine.check import Check
from assessments.engine.expression.typetree import TypeTree

DEFAULT = Path(__file__).parent
CASES_SUFFIX = ".cases.yaml"


@dataclass(frozen=True)
class Catalogue:
    """All checks by id in order, the defaults of the site parameters, and the topics.

    `digest` is the SHA-256 of the canonical JSON of checks and defaults: two catalogues with
    one digest judge alike.
    """

    checks: Mapping[str, Check]
    policy: Mapping[str, object]
    meanings: Mapping[str, str]
    topics: Mapping[str, tuple[str, ...]]
    digest: str


def load_catalogue(folder: Path = DEFAULT) -> Catalogue:
    """Return the catalogue of a folder; the shipped one is read once per process.

    Raises CatalogueError, which names file, line and column, if anything is wrong.
    """
    return _shipped() if folder == DEFAULT else _load(folder)


def check_files(folder: Path) -> list[Path]:
    """Return the files of the checks, without their cases, in the order of topics and names."""
    found = sorted((folder / "checks").glob("*/*.yaml"))
    return [path for path in found if not path.name.endswith(CASES_SUFFIX)]


@cache
def _shipped() -> Catalogue:
    return _load(DEFAULT)


def _load(folder: Path) -> Catalogue:
    policy, meanings = read_policy(YamlFile.read(folder / "policy.yaml"))
    types = TypeTree.from_schema(schema(), policy=policy)
    checks: dict[str, Check] = {}
    topics: dict[str, list[str]] = {}
    for path in check_files(folder):
        file = YamlFile.read(path)
        check = read_check(file)
        if check.id in checks or check.id != path.stem:
            file.refuse(f"id {check.id!r} is taken or is not the name of the file", "id")
        check_expressions(file, check, types=types, policy=policy)
        checks[check.id] = check
        topics.setdefault(path.parent.name, []).append(check.id)
    if not checks:
        refuse_file(folder / "checks", "there are no checks")
    ordered = {name: checks[name] for name in sorted(checks)}
    return Catalogue(
        checks=MappingProxyType(ordered),
        policy=MappingProxyType(policy),
        meanings=MappingProxyType(meanings),
        topics=MappingProxyType({name: tuple(ids) for name, ids in topics.items()}),
        digest=_digest(ordered, policy),
    )


def read_policy(file: YamlFile) -> tuple[dict[str, object], dict[str, str]]:
    """Return defaults and meanings of the site parameters. Raises CatalogueError."""
    rows = file.data.get("parameters")
    if not isinstance(rows, dict):
        file.refuse("'parameters' is a mapping", "parameters")
    defaults: dict[str, object] = {}
    meanings: dict[str, str] = {}
    for name, row in rows.items():
        if not isinstance(row, dict) or row.keys() != {"default", "meaning"}:
            file.refuse(f"{name!r} has a default and a meaning", "parameters", name)
        defaults[name], meanings[name] = row["default"], str(row["meaning"])
    return defaults, meanings


def _digest(checks: Mapping[str, Check], policy: Mapping[str, object]) -> str:
    content = {"checks": [asdict(check) for check in checks.values()], "policy": dict(policy)}
    return digest(canonical_bytes(content))
