"""One cheap look at all containers: who is there, who is held back, and what nobody explains.

A container that lives between two looks leaves one trace: processor time of the parent group that
no child explains. Two counters keep it: all time used in the containers' parent groups, and the
part of it that their children show. Version 1 and 2 keep the time of ended children in the parent.
"""

from . import groups
from .counters import field
from .files import folders_below

THROTTLED_PER_SECOND = 4.0
MAX_CHILDREN = 5_000


class Glance:
    """Remembers the last look. ``containers`` is ``{key: Group}`` of the present one."""

    __slots__ = ("_at", "_files", "_throttled", "_trees", "_used", "containers", "seen", "total")

    def __init__(self, files, trees):
        self._files, self._trees = files, trees
        self.containers = {}
        self.total = self.seen = 0  # µs since the first look
        self._used, self._throttled, self._at = {}, {}, None

    def look(self, now):
        """Keys of containers that began to be throttled since the last look."""
        self.containers = groups.scan(self._files, self._trees, self.containers)
        span = 0.0 if self._at is None else now - self._at
        used, held = {}, {}
        parents = {one.path.rpartition("/")[0] for one in self.containers.values()} - {""}
        for parent in sorted(parents):
            self._account(parent, used, held)
        alarms = [
            key for key, group in self.containers.items() if self._began(key, group, span, held)
        ]
        for gone in self._throttled.keys() - self.containers.keys():
            del self._throttled[gone]
        self._used, self._at = used, now
        return alarms

    def _account(self, parent, used, held):
        """Add the time of one parent group and of its children since the last look."""
        whole = self._time(parent, held)
        if whole is None:
            return
        used[parent] = whole
        top = self._files.prefix + self._trees.walked + parent
        shown = 0
        for name in folders_below(top)[:MAX_CHILDREN]:
            child = parent + "/" + name
            mine = used[child] = self._time(child, held) or 0
            shown += max(0, mine - self._used.get(child, 0))
        if parent in self._used:  # else the first look: what was before is not ours to explain
            self.total += max(0, whole - self._used[parent])
            self.seen += min(shown, max(0, whole - self._used[parent]))

    def _time(self, path, held):
        """µs of processor time of a group; on version 2 the same file tells throttled periods."""
        if "cpuacct" in self._trees.v1:
            used = self._files.number(self._trees.v1["cpuacct"] + path + "/cpuacct.usage")
            return None if used is None else used // 1000
        raw = self._files.read(self._trees.v2 + path + "/cpu.stat") if self._trees.v2 else None
        if raw is None:
            return None
        held[path] = field(raw, b"nr_throttled")
        return field(raw, b"usage_usec")

    def _began(self, key, group, span, held):
        """True when the container was not throttled before and now is, four times a second."""
        throttled = held.get(group.path)
        if throttled is None and "cpu" in group.folders:
            raw = self._files.read(group.folders["cpu"] + "/cpu.stat") or b""
            throttled = field(raw, b"nr_throttled")
        if throttled is None:
            return False
        before, was = self._throttled.get(key, (throttled, False))
        now = span > 0 and (throttled - before) / span >= THROTTLED_PER_SECOND
        self._throttled[key] = (throttled, now)
        return now and not was
