"""One YAML file of the catalogue: read once, and able to say where in the file something is."""

from collections.abc import Hashable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import yaml


class CatalogueError(ValueError):
    """A file of the catalogue is wrong. The text names file, line and column (both from 1)."""


class _Loader(yaml.CSafeLoader):
    """Plain YAML that refuses a key given twice; the last one would win in silence."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen = set()
        for key, _ in node.value:
            if key.value in seen:
                problem = f"key {key.value!r} is given twice"
                raise yaml.MarkedYAMLError(problem=problem, problem_mark=key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep=deep)


# Dates stay text.
_Loader.yaml_implicit_resolvers = {
    first: [pair for pair in pairs if pair[0] != "tag:yaml.org,2002:timestamp"]
    for first, pairs in yaml.CSafeLoader.yaml_implicit_resolvers.items()
}


@dataclass(frozen=True)
class YamlFile:
    """The content of one file, a mapping, and the text to find places in."""

    path: Path
    data: dict[str, Any]
    text: str

    @classmethod
    def read(cls, path: Path) -> "YamlFile":
        """Read a file. Raises CatalogueError if it is missing, no YAML, or no mapping."""
        try:
            text = path.read_text(encoding="utf-8")
            data = yaml.load(text, Loader=_Loader)  # noqa: S506 - a safe loader
        except yaml.MarkedYAMLError as error:
            raise CatalogueError(_at(path, error.problem_mark, str(error.problem))) from None
        except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
            raise CatalogueError(_at(path, None, str(error))) from None
        if not isinstance(data, dict):
            refuse_file(path, "a mapping is expected")
        return cls(path, data, text)

    def refuse(self, message: str, *place: str | int) -> NoReturn:
        """Raise CatalogueError for the entry at `place`, a path of keys and positions."""
        raise CatalogueError(_at(self.path, self._mark(place), message))

    def _mark(self, place: tuple[str | int, ...]) -> Any:
        """Return where the entry stands, or where the nearest entry around it does."""
        node = yaml.compose(self.text, Loader=yaml.CSafeLoader)
        mark = node.start_mark if node else None
        for step in place:
            if isinstance(node, yaml.MappingNode):
                found = [pair for pair in node.value if pair[0].value == step]
            elif isinstance(node, yaml.SequenceNode) and isinstance(step, int):
                found = [(each, each) for each in node.value[step : step + 1]]
            else:
                found = []
            if not found:
                break
            mark, node = found[0][0].start_mark, found[0][1]
        return mark


def refuse_file(path: Path, message: str) -> NoReturn:
    """Raise CatalogueError for a file as a whole."""
    raise CatalogueError(_at(path, None, message))


def _at(path: Path, mark: Any, message: str) -> str:
    line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
    return f"{path}:{line}:{column}: {message}"
