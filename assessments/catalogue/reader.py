"""Typed access to a mapping of a catalogue file; every refusal names its place."""

import re
from collections.abc import Mapping
from typing import Any, NoReturn

from assessments.catalogue.yaml_file import YamlFile


class Reader:
    """One mapping of a file. Every method raises CatalogueError if the value does not fit."""

    def __init__(self, file: YamlFile, data: Any = None, *place: str | int) -> None:
        self.file = file
        self.place = place
        self.data: dict[str, Any] = file.data if data is None else data

    def refuse(self, message: str, *place: str | int) -> NoReturn:
        self.file.refuse(message, *self.place, *place)

    def inside(self, data: object, *place: str | int) -> "Reader":
        if not isinstance(data, dict):
            self.refuse("a mapping is expected", *place)
        return Reader(self.file, data, *self.place, *place)

    def names_are(self, known: Mapping[str, bool]) -> None:
        for name in self.data:
            if name not in known:
                self.refuse(f"unknown field {name!r}", name)
        for name, needed in known.items():
            if needed and name not in self.data:
                self.refuse(f"field {name!r} is missing")

    def text(self, name: str) -> str:
        value = self.data[name]
        if not isinstance(value, str) or not value:
            self.refuse(f"{name!r} is a text", name)
        return value

    def optional_text(self, name: str) -> str | None:
        return self.text(name) if name in self.data else None

    def one_of(self, name: str, allowed: tuple[str, ...]) -> str:
        value = self.text(name)
        if value not in allowed:
            self.refuse(f"{value!r} is none of: {', '.join(allowed)}", name)
        return str(value)

    def matching(self, name: str, pattern: re.Pattern[str]) -> str:
        value = self.text(name)
        if not pattern.fullmatch(value):
            self.refuse(f"{value!r} has not the form {pattern.pattern}", name)
        return value

    def texts(self, name: str) -> tuple[str, ...]:
        values = self.data.get(name, [])
        if not isinstance(values, list) or not all(isinstance(each, str) for each in values):
            self.refuse(f"{name!r} is a list of texts", name)
        return tuple(values)

    def texts_of(self, name: str, allowed: tuple[str, ...]) -> tuple[str, ...]:
        values = self.texts(name)
        for value in values:
            if value not in allowed:
                self.refuse(f"{value!r} is none of: {', '.join(allowed)}", name)
        return values

    def mapping(self, name: str) -> dict[str, object]:
        return self.inside(self.data.get(name, {}), name).data

    def number(self, name: str, low: int, high: int, *, default: int | None = None) -> int:
        value = self.data.get(name, default)
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            self.refuse(f"{name!r} is a whole number from {low} to {high}", name)
        return value
