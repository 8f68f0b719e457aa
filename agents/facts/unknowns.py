"""The list of what is not known, with the reason for each entry."""

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from agents.facts.reading import Facts, MissingFact

Scope: TypeAlias = tuple[str, str]
WIRE_KEYS = ("path", "reason", "errno", "needs")
MAX_TEXT = 500


class Unknowns:
    """Collects entries and answers why a path is missing.

    Paths are given for any item of a list (`containers[].walls`). With a scope, the entry
    speaks of one item only: its path then names the key (`containers[0f3a…].walls`) and the
    entry carries it as `container`, `runtime`, `image` or `pair` too.
    """

    def __init__(self) -> None:
        self.entries: list[dict[str, Any]] = []
        self._by_scope: dict[Scope | None, list[tuple[str, dict[str, Any]]]] = {}
        self._said: dict[str, str] = {}

    def add(self, path: str, reason: str, *, scope: Scope | None = None, **more: str) -> None:
        """Add one entry; `more` may hold `errno` and `needs`."""
        entry: dict[str, Any] = {"path": path, "reason": reason, **more}
        if scope is not None:
            kind, key = scope
            entry["path"] = path.replace(f"{kind}s[]", f"{kind}s[{key}]", 1)
            entry[kind] = key
        self.entries.append(entry)
        self._by_scope.setdefault(scope, []).append((path, entry))

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
        """Add a computed value that lacks one input, with the reason why the input is missing."""
        self.add(path, self._cause(missing, scope), scope=scope)

    def add_missing_in_pair(self, path: str, missing: MissingFact, *, pair: str) -> None:
        """Add a value that one pair lacks. What all pairs lack for one reason is said once."""
        scope = ("container", missing.container) if missing.container else None
        cause = self._cause(missing, scope)
        if path not in self._said:
            self._said[path] = cause
            self.add(path, cause)
        elif self._said[path] != cause:
            self.add(path, cause, scope=("pair", pair))

    def _cause(self, missing: MissingFact, scope: Scope | None) -> str:
        known = self.reason_for(missing.path, scope=scope) or "not collected"
        return f"needs {missing.path}: {known}"[:MAX_TEXT]

    def reason_for(self, path: str, *, scope: Scope | None = None) -> str:
        """Return the reason of the closest entry that covers `path`, else an empty string.

        What is said of the target itself comes before what is said of all of its kind.
        """
        for group in (scope, None) if scope else (None,):
            rows = [row for row in self._by_scope.get(group, ()) if covers(row[0], path)]
            if rows:
                return str(max(rows, key=lambda row: len(row[0]))[1]["reason"])
        return ""

    def require_whole(self, path: str) -> None:
        """Raise MissingFact when the list at `path` was sent in part only.

        What is computed over all its items would else take those that were not seen for none.
        """
        if any(known == path for known, _ in self._by_scope.get(None, ())):
            raise MissingFact(path)

    def of(self, kind: str) -> dict[str, list[dict[str, Any]]]:
        """Return the entries about single targets of one kind, by target."""
        groups = self._by_scope.items()
        return {
            scope[1]: [entry for _, entry in rows]
            for scope, rows in groups
            if scope and scope[0] == kind
        }


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
