"""Why facts are missing: the entries of `unknowns[]`, found by path."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from assessments.engine.targets import LISTS, Target

TRUNCATED = "truncated"
_KEY = re.compile(r'\["((?:[^"\\]|\\.)*)"\]|\[([^\]]*)\]|\{\}')
_ITEM = re.compile(rf"({'|'.join(LISTS.values())})\[([^\]]*)\]")
_KINDS = {kind.value: name for kind, name in LISTS.items()}


@dataclass(frozen=True, slots=True)
class Reason:
    """One entry: why nothing is known below `path`, and what would have to be granted."""

    path: str
    reason: str
    needs: str = ""


class Unknowns:
    """The entries of one document. Paths match exactly or as a prefix, the longest first."""

    def __init__(self, document: Mapping[str, object]) -> None:
        """Read the entries; what is not an entry is passed over."""
        self._by_path: dict[str, Reason] = {}
        entries = document.get("unknowns")
        for entry in entries if isinstance(entries, list) else ():
            if isinstance(entry, dict) and isinstance(entry.get("path"), str):
                reason = Reason(entry["path"], _text(entry, "reason"), _text(entry, "needs"))
                self._by_path.setdefault(_plain(reason.path), reason)
        self.cut_lists = frozenset(
            path
            for path, found in self._by_path.items()
            if found.reason == TRUNCATED or _is_list(document, found.path)
        )

    def reason_for(self, path: str, *, target: Target) -> Reason | None:
        """Return the entry that covers `path` most closely, None if none does."""
        found = [
            (prefix.count("."), reason)
            for name in _names(path, target)
            for prefix in _prefixes(name)
            if (reason := self._by_path.get(prefix)) is not None
        ]
        if found:
            return max(found, key=lambda pair: pair[0])[1]
        return next(self._below(path, target), None)

    def _below(self, path: str, target: Target) -> Iterator[Reason]:
        """Return entries for parts of `path`: an agent may list every field it could not read."""
        for name in _names(path, target):
            for known, reason in self._by_path.items():
                if known.startswith(f"{name}."):
                    yield reason

    def is_cut(self, path: str, *, target: Target) -> bool:
        """Say whether the list at `path` was sent in part only."""
        return bool(self.cut_lists) and any(name in self.cut_lists for name in _names(path, target))

    def cuts(self, paths: frozenset[str]) -> bool:
        """Say whether any of the `paths` that a condition reads may meet a list that is cut."""
        if not self.cut_lists:
            return False
        lists = {
            re.sub(r"^(containers|pairs|runtimes|images)\.[^.]+", r"\1.*", path)
            for path in self.cut_lists
        }
        read = {_rooted(_plain(path), "*") for path in paths}
        return any(_covers(one, other) or _covers(other, one) for one in lists for other in read)


def _is_list(document: Mapping[str, object], path: str) -> bool:
    """Say whether a list stands at `path` although an entry says it could not be collected.

    Then it holds what could be read, and more may be missing: it is cut.
    """
    head, _, rest = path.partition(".")
    item = _ITEM.fullmatch(head)
    if item is None:
        return isinstance(_value(document, path), list)
    found = document.get(item[1])
    return any(
        isinstance(_value(one, rest), list)
        for one in (found if isinstance(found, list) else ())
        if isinstance(one, Mapping) and item[2] in ("", one.get("key"))
    )


def _value(holder: object, path: str) -> object:
    for name in path.split("."):
        if not isinstance(holder, Mapping):
            return None
        holder = holder.get(name)
    return holder


def _covers(prefix: str, path: str) -> bool:
    return path == prefix or path.startswith(f"{prefix}.")


def _text(entry: Mapping[str, object], field: str) -> str:
    value = entry.get(field)
    return value if isinstance(value, str) else ""


def _plain(path: str) -> str:
    """Return `path` with every key and position as one more name, "*" for any."""

    def name(match: re.Match[str]) -> str:
        key = match[1] or match[2]
        return f".{key}" if key else "" if match[0] == "{}" else ".*"

    return _KEY.sub(name, path)


def _rooted(path: str, key: str) -> str:
    """Return `path` from the root of the document: `container` is an item of `containers`."""
    root, dot, rest = path.partition(".")
    return f"{_KINDS[root]}.{key}{dot}{rest}" if root in _KINDS else path


def _names(path: str, target: Target) -> Iterator[str]:
    """Return the ways an entry may write `path`: for this target, or for any."""
    anywhere = _plain(re.sub(r"\[[0-9]+\]", "[]", path))
    yield _rooted(anywhere, target.key)
    if anywhere.partition(".")[0] in _KINDS:
        yield _rooted(anywhere, "*")


def _prefixes(path: str) -> Iterator[str]:
    while path:
        yield path
        path = path.rpartition(".")[0]
