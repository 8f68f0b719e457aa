"""One document during one evaluation: its bindings, its targets and its missing facts."""

from collections.abc import Mapping

from assessments.engine.check import DEFAULT_STATES, TargetKind
from assessments.engine.expression.unknown import Surroundings, surroundings
from assessments.engine.targets import Subject, Target, subjects
from assessments.engine.unknowns import Unknowns


class Frame:
    """Prepares a document once for many checks. It is read, never copied or changed."""

    def __init__(self, document: Mapping[str, object]) -> None:
        """Bind the document; the binding `containers` leaves out those that do not run."""
        self.unknowns = Unknowns(document)
        self.roots = dict(document)
        containers = document.get("containers")
        if isinstance(containers, list):
            self.roots["containers"] = [
                item for item in containers if in_states(item, DEFAULT_STATES)
            ]
        self._document = document
        self._subjects: dict[TargetKind, tuple[Subject, ...]] = {}
        self._targets: dict[TargetKind, tuple[Target, ...]] = {}
        self._outside: dict[tuple[str, ...], tuple[int, ...]] = {}

    def subjects(self, kind: TargetKind) -> tuple[Subject, ...]:
        """Return the targets of one kind with their facts."""
        if kind not in self._subjects:
            self._subjects[kind] = subjects(self._document, kind)
        return self._subjects[kind]

    def targets(self, kind: TargetKind) -> tuple[Target, ...]:
        """Return the targets of one kind."""
        if kind not in self._targets:
            self._targets[kind] = tuple(subject.target for subject in self.subjects(kind))
        return self._targets[kind]

    def outside(self, states: tuple[str, ...]) -> tuple[int, ...]:
        """Return the positions of the containers whose state is not one of `states`."""
        if states not in self._outside:
            found = enumerate(self.subjects(TargetKind.CONTAINER))
            self._outside[states] = tuple(
                position for position, subject in found if not in_states(subject.facts, states)
            )
        return self._outside[states]

    def bindings(self, subject: Subject) -> Mapping[str, object]:
        """Return all names that a condition about `subject` may use."""
        if subject.facts is None:
            return self.roots
        return {**self.roots, subject.target.kind.value: subject.facts}

    def around(self, target: Target, bindings: Mapping[str, object]) -> Surroundings:
        """Return what the reference needs to evaluate on `target`."""
        if not self.unknowns.cut_lists:
            return surroundings(bindings)
        return surroundings(bindings, is_cut=lambda path: self.unknowns.is_cut(path, target=target))


def in_states(container: object, states: tuple[str, ...]) -> bool:
    """Say whether a container is in one of `states`; one whose state is not known counts."""
    if not isinstance(container, Mapping):
        return True
    return "state" not in container or container["state"] in states
