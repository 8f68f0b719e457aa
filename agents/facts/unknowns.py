"""The list of what is not known, with the reason for each entry."""

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from agents.facts.reading import Facts, MissingFact

Scope: TypeAlias = tuple[str, str]
WIRE_KEYS = ("path", "reason", "errno", "needs")
MAX_TEXT = 500


class Unknowns:
    """Collects entries and answers why a path is missing.

    An entry with a scope (`container`, `runtime`, `image`) speaks of that target only.
    """

    def __init__(self) -> None:
        self.entries: list[dict[str, Any]] = []
        self._by_scope: dict[Scope | None, list[dict[str, Any]]] = {}
        self._said: set[tuple[str, str, Scope | None]] = set()

    def add(self, path: str, reason: str, *, scope: Scope | None = None, **more: str) -> None:
        """Add one entry; `more` may hold `errno` and `needs`."""
        entry: dict[str, Any] = {"path": path, "reason": reason, **more}
        if scope is not None:
            entry[scope[0]] = scope[1]
        self.entries.append(entry)
        self._by_scope.setdefault(scope, []).append(entry)

    def add_wire(self, rows: object, *, scope: Scope | None = None) -> None:
        """Add the entries of a body as they came from the host; malformed rows are dropped."""
        for row in rows if isinstance(rows, list) else ():
            if not isinstance(row, Mapping) or not isinstance(row.get("path"), str):
                continue
            texts = {name: str(row[name])[:MAX_TEXT] for name in WIRE_KEYS if name in row}
            path = texts.pop("path")
            self.add(path, texts.pop("reason", "no reason given"), scope=scope, **texts)

    def add_failure(
        self, path: str, reason: str, body: Facts, *, scope: Scope | None = None
    ) -> None:
        """Add what a body with `error` and `needs` says in place of facts."""
        needs = str(body.get("needs", ""))[:MAX_TEXT]
        self.add(path, reason, scope=scope, errno=str(body["error"])[:MAX_TEXT], needs=needs)

    def add_missing(self, path: str, missing: MissingFact, *, scope: Scope | None = None) -> None:
        """Add a computed value that lacks one input, with the reason why the input is missing.

        The same is said once, however many values of the path lack it.
        """
        if missing.container:
            scope = ("container", missing.container)
        if (path, missing.path, scope) in self._said:
            return
        self._said.add((path, missing.path, scope))
        cause = self.reason_for(missing.path, scope=scope) or "not collected"
        self.add(path, f"needs {missing.path}: {cause}"[:MAX_TEXT], scope=scope)

    def reason_for(self, path: str, *, scope: Scope | None = None) -> str:
        """Return the reason of the closest entry that covers `path`, else an empty string.

        What is said of the target itself comes before what is said of all of its kind.
        """
        for group in (scope, None) if scope else (None,):
            rows = [row for row in self._by_scope.get(group, ()) if covers(row["path"], path)]
            if rows:
                return str(max(rows, key=lambda row: len(row["path"]))["reason"])
        return ""

    def of(self, kind: str) -> dict[str, list[dict[str, Any]]]:
        """Return the entries about single targets of one kind, by target."""
        groups = self._by_scope.items()
        return {scope[1]: rows for scope, rows in groups if scope and scope[0] == kind}


def covers(known: str, path: str) -> bool:
    """Tell whether an entry for `known` speaks of `path`: the same path or a prefix of it."""
    return path == known or (path.startswith(known) and path[len(known)] in ".[{")


def put(
    target: dict[str, Any],
    name: str,
    compute: Callable[[], object],
    *,
    note: Callable[[MissingFact], None],
) -> None:
    """Set `target[name]` to the computed value, or leave it out and `note` what was missing."""
    try:
        target[name] = compute()
    except MissingFact as missing:
        note(missing)


def without(body: Facts, *names: str) -> dict[str, Any]:
    """Return a copy of an object without these keys: a host cannot send what the server owns."""
    return {name: value for name, value in body.items() if name not in names}
