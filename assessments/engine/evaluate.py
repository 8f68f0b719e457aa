"""Judges a document of facts by all checks of a catalogue."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from assessments.engine.adjusters import Adjusters
from assessments.engine.check import Check, Status, TargetKind
from assessments.engine.explain import Explainer
from assessments.engine.expression.typetree import TypeTree
from assessments.engine.frame import Frame
from assessments.engine.outcome import Outcome
from assessments.engine.program import Program, Rule, Verdict
from assessments.engine.targets import Subject, Target, target_of


@dataclass(frozen=True, slots=True)
class Row:
    """The answers of one check on all targets of its kind, in the order of `targets`."""

    check: Check
    targets: tuple[Target, ...]
    statuses: tuple[Status, ...]


class Engine:
    """A catalogue of checks, compiled. Holds no facts and may be shared between threads."""

    def __init__(self, checks: Iterable[Check], types: TypeTree) -> None:
        """Compile all checks, about 0.7 ms each.

        Raises ExpressionError that names the check, the part of it and the column.
        """
        self.programs = tuple(Program.build(check, types) for check in checks)
        self.adjusters = Adjusters.build((program.check for program in self.programs), types)
        self._by_id = {program.check.id: program for program in self.programs}

    def program(self, check_id: str) -> Program:
        """Return one compiled check. Raises KeyError."""
        return self._by_id[check_id]

    def evaluate(self, document: Mapping[str, object]) -> "Evaluation":
        """Judge a host document by every check, on every target it has."""
        return Evaluation(self, document)

    def examine(self, check_id: str, bindings: Mapping[str, object]) -> Outcome:
        """Judge one check with the reference on bindings given one by one.

        Cases and the catalogue page use it. `bindings` may hold `unknowns` as a document does.
        Raises KeyError for an unknown check.
        """
        program = self.program(check_id)
        kind = program.check.target
        facts = bindings.get(kind.value)
        target = Target(kind, "", "")
        if kind is not TargetKind.HOST and isinstance(facts, Mapping):
            target = target_of(kind, facts)
        explainer = Explainer(Frame(bindings), self.adjusters)
        return explainer.outcome(program, target, bindings)


class Evaluation:
    """All answers on one document.

    `rows` are complete and cheap; a result with evidence is built when it is asked for.
    """

    def __init__(self, engine: Engine, document: Mapping[str, object]) -> None:
        """Judge every check on every target."""
        self._engine = engine
        self._frame = Frame(document)
        self._explainer = Explainer(self._frame, engine.adjusters)
        self.rows = tuple(self._row(program) for program in engine.programs)

    def results(self) -> Iterator[tuple[Check, Target, Status]]:
        """Return every answer, check by check."""
        for row in self.rows:
            for target, status in zip(row.targets, row.statuses, strict=True):
                yield row.check, target, status

    def counts(self) -> Counter[Status]:
        """Return how many answers there are of each status."""
        return Counter(status for row in self.rows for status in row.statuses)

    def outcomes(self, *statuses: Status) -> Iterator[Outcome]:
        """Return results in full, by default all that fail or are unknown."""
        wanted = statuses or (Status.FAIL, Status.UNKNOWN)
        for row in self.rows:
            found = self._frame.subjects(row.check.target)
            for subject, status in zip(found, row.statuses, strict=True):
                if status in wanted:
                    yield self._outcome(row.check, subject, status)

    def outcome(self, row: Row, position: int) -> Outcome:
        """Return one result in full: that of a row of this evaluation on one of its targets."""
        subject = self._frame.subjects(row.check.target)[position]
        return self._outcome(row.check, subject, row.statuses[position])

    def explain(self, check: Check, target: Target) -> Outcome:
        """Return one result in full. Raises LookupError if there is no such result."""
        row = next((row for row in self.rows if row.check.id == check.id), None)
        if row is None or target not in row.targets:
            message = f"no {check.target} {target.key!r} in this evaluation of {check.id}"
            raise LookupError(message)
        return self.outcome(row, row.targets.index(target))

    def _outcome(self, check: Check, subject: Subject, status: Status) -> Outcome:
        # Only the good condition passes or fails; the other two answers need the reference.
        is_decided = status in (Status.PASS, Status.FAIL)
        verdict = Verdict(status, Rule.PASSES) if is_decided else None
        program = self._engine.program(check.id)
        bindings = self._frame.bindings(subject)
        return self._explainer.outcome(program, subject.target, bindings, verdict=verdict)

    def _row(self, program: Program) -> Row:
        check = program.check
        found = self._frame.subjects(check.target)
        statuses = self._fast(program, found)
        if check.target is TargetKind.CONTAINER:
            for position in self._frame.outside(check.states):
                statuses[position] = Status.NOT_APPLICABLE
        if None in statuses:
            pairs = zip(statuses, found, strict=True)
            statuses = [status or self._slow(program, subject) for status, subject in pairs]
        return Row(check, self._frame.targets(check.target), tuple(filter(None, statuses)))

    def _fast(self, program: Program, found: tuple[Subject, ...]) -> list[Status | None]:
        """Return what compiled code can say; None leaves a target to the reference."""
        roots = self._frame.roots
        is_missing = any(name not in roots for name in program.roots)
        if is_missing or self._frame.unknowns.cuts(program.facts):
            return [None] * len(found)
        statuses: list[Status | None] = []
        values = [roots[name] for name in program.roots]
        program.column([subject.facts for subject in found], statuses.append, *values)
        return statuses

    def _slow(self, program: Program, subject: Subject) -> Status:
        bindings = self._frame.bindings(subject)
        return program.judge(self._frame.around(subject.target, bindings)).status
