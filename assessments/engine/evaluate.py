"""Judges a document of facts by all checks of a catalogue."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import compress

from assessments.engine.check import DEFAULT_STATES, Adjuster, Check, Status, TargetKind
from assessments.engine.evidence import evidence_for
from assessments.engine.expression.condition import CompiledCondition
from assessments.engine.expression.reference import (
    Cause,
    Surroundings,
    Unknown,
    condition,
    surroundings,
)
from assessments.engine.expression.typetree import TypeTree
from assessments.engine.outcome import Adjustment, AdjustmentState, Outcome
from assessments.engine.program import Program, Rule, Verdict, read_condition
from assessments.engine.targets import Subject, Target, subjects, target_of
from assessments.engine.unknowns import Unknowns

MISSING_WITHOUT_REASON = "missing without reason"


@dataclass(frozen=True, slots=True)
class Row:
    """The answers of one check on all targets of its kind, in the order of `targets`."""

    check: Check
    targets: tuple[Target, ...]
    statuses: tuple[Status, ...]


class Engine:
    """A catalogue of checks, compiled. Holds no facts and may be shared between threads."""

    def __init__(self, checks: Iterable[Check], types: TypeTree) -> None:
        """Compile all checks, about 0.6 ms each.

        Raises ExpressionError that names the check, the part of it and the column.
        """
        self.programs = tuple(Program.build(check, types) for check in checks)
        self._by_id = {program.check.id: program for program in self.programs}
        self._adjusters = self._compile_adjusters(types)

    def _compile_adjusters(
        self, types: TypeTree
    ) -> dict[tuple[TargetKind, str], CompiledCondition]:
        # The same few conditions adjust most checks: each is compiled once.
        found: dict[tuple[TargetKind, str], CompiledCondition] = {}
        for program in self.programs:
            check = program.check
            for position, adjuster in enumerate(check.adjusters):
                key = (check.target, adjuster.when)
                if key not in found:
                    part = f"raise[{position}]"
                    read = read_condition(check, adjuster.when, part, types=types)
                    found[key] = CompiledCondition(read)
        return found

    def program(self, check_id: str) -> Program:
        """Return one compiled check. Raises KeyError."""
        return self._by_id[check_id]

    def adjuster(self, kind: TargetKind, adjuster: Adjuster) -> CompiledCondition:
        """Return the compiled condition of one adjuster. Raises KeyError."""
        return self._adjusters[kind, adjuster.when]

    def evaluate(self, document: Mapping[str, object]) -> "Evaluation":
        """Judge a host document by every check, on every target it has."""
        return Evaluation(self, document)

    def examine(self, check_id: str, bindings: Mapping[str, object]) -> Outcome:
        """Judge one check on bindings given one by one, as cases and the catalogue page do.

        `bindings` may hold `unknowns` as a document does. Raises KeyError for an unknown check.
        """
        check = self.program(check_id).check
        facts = bindings.get(check.target.value)
        target = Target(check.target, "", "")
        if check.target is not TargetKind.HOST and isinstance(facts, Mapping):
            target = target_of(check.target, facts)
        frame = Frame(bindings)
        return frame.outcome(self, check, Subject(target, None), bindings)


class Frame:
    """One document during one evaluation: its bindings, its targets, its missing facts."""

    def __init__(self, document: Mapping[str, object]) -> None:
        """Prepare the bindings; the document is read, never copied or changed."""
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
        self._answers: dict[tuple[int, str, str], bool | Unknown] = {}

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

    def outcome(
        self, engine: Engine, check: Check, subject: Subject, bindings: Mapping[str, object]
    ) -> Outcome:
        """Return the result of one check on one target in full."""
        program = engine.program(check.id)
        around = self.around(subject.target, bindings)
        facts = bindings.get(check.target.value)
        verdict = judge_states(check, facts) or program.judge(around)
        found = Explanation(self, program, subject.target, verdict)
        adjustments = self._adjustments(engine, check, subject.target, bindings)
        return found.outcome(around, adjustments=adjustments)

    def _adjustments(
        self, engine: Engine, check: Check, target: Target, bindings: Mapping[str, object]
    ) -> tuple[Adjustment, ...]:
        return tuple(
            Adjustment(
                adjuster.because,
                adjuster.likelihood,
                adjuster.impact,
                _STATES[self._answer(engine.adjuster(check.target, adjuster), target, bindings)],
            )
            for adjuster in check.adjusters
        )

    def _answer(
        self, adjuster: CompiledCondition, target: Target, bindings: Mapping[str, object]
    ) -> bool | None:
        key = (id(adjuster), target.kind.value, target.key)
        if key not in self._answers:
            read = adjuster.condition
            if self.unknowns.cuts(read.facts):
                self._answers[key] = condition(read.node, self.around(target, bindings))
            else:
                self._answers[key] = adjuster.answer(bindings)
        answer = self._answers[key]
        return None if isinstance(answer, Unknown) else answer


class Evaluation:
    """All answers on one document.

    `rows` are complete and cheap; a result with evidence is built when it is asked for.
    """

    def __init__(self, engine: Engine, document: Mapping[str, object]) -> None:
        """Judge every check on every target."""
        self._engine = engine
        self._frame = Frame(document)
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
            for subject in compress(found, [status in wanted for status in row.statuses]):
                yield self._outcome(row.check, subject)

    def explain(self, check: Check, target: Target) -> Outcome:
        """Return one result in full. Raises LookupError if the document has no such target."""
        for subject in self._frame.subjects(check.target):
            if subject.target == target:
                return self._outcome(check, subject)
        raise LookupError(f"no {check.target} {target.key!r} in this document")

    def _outcome(self, check: Check, subject: Subject) -> Outcome:
        bindings = self._frame.bindings(subject)
        return self._frame.outcome(self._engine, check, subject, bindings)

    def _row(self, program: Program) -> Row:
        check = program.check
        found = self._frame.subjects(check.target)
        statuses: list[Status | None] = []
        if self._frame.unknowns.cuts(program.facts):
            statuses = [None] * len(found)
        else:
            self._run(program, found, statuses)
        if check.target is TargetKind.CONTAINER:
            for position in self._frame.outside(check.states):
                statuses[position] = Status.NOT_APPLICABLE
        if None in statuses:
            pairs = zip(statuses, found, strict=True)
            statuses = [status or self._judged(program, subject) for status, subject in pairs]
        return Row(check, self._frame.targets(check.target), tuple(filter(None, statuses)))

    def _run(
        self, program: Program, found: tuple[Subject, ...], statuses: list[Status | None]
    ) -> None:
        roots = self._frame.roots
        try:
            values = [roots[name] for name in program.roots]
        except KeyError:
            statuses.extend([None] * len(found))
            return
        program.column([subject.facts for subject in found], statuses.append, *values)

    def _judged(self, program: Program, subject: Subject) -> Status:
        bindings = self._frame.bindings(subject)
        return program.judge(self._frame.around(subject.target, bindings)).status


class Explanation:
    """Finds the words for one verdict."""

    def __init__(self, frame: Frame, program: Program, target: Target, verdict: Verdict) -> None:
        """Keep what the words are made of."""
        self._frame = frame
        self._program = program
        self._target = target
        self._verdict = verdict

    def outcome(self, around: Surroundings, *, adjustments: tuple[Adjustment, ...]) -> Outcome:
        """Return the result with evidence and reason."""
        verdict = self._verdict
        found = self._program.conditions.get(verdict.rule)
        # A not applicable check explains itself; what would be "wanted" there has no meaning.
        wanted = verdict.rule in (Rule.PASSES, Rule.PASS_ONLY_IF, Rule.NOT_APPLICABLE)
        evidence = () if found is None else evidence_for(found.node, around, wanted=wanted)
        reason, needs, is_defect = self._reason(around)
        return Outcome(
            check=self._program.check,
            target=self._target,
            status=verdict.status,
            evidence=evidence,
            reason=reason,
            missing=verdict.unknown.path if verdict.unknown else "",
            needs=needs,
            is_defect=is_defect,
            adjustments=adjustments,
        )

    def _reason(self, around: Surroundings) -> tuple[str, str, bool]:
        verdict = self._verdict
        if verdict.unknown is not None:
            return self._missing(verdict.unknown)
        found = self._program.conditions.get(verdict.rule)
        match verdict.rule:
            case Rule.STATES:
                state = around.names[TargetKind.CONTAINER].value
                shown = state.get("state") if isinstance(state, dict) else ""
                return f"the container is {shown}", "", False
            case Rule.NOT_APPLICABLE:
                return f"not applicable because {found.text if found else ''}", "", False
            case Rule.UNKNOWN_WHEN:
                return f"not known while {found.text if found else ''}", "", False
            case Rule.PASS_ONLY_IF:
                return f"a pass counts only if {found.text if found else ''}", "", False
        return "", "", False

    def _missing(self, unknown: Unknown) -> tuple[str, str, bool]:
        entry = self._frame.unknowns.reason_for(unknown.path, target=self._target)
        if unknown.cause in (Cause.TYPE, Cause.LIMIT):
            return f"{unknown.path}: {unknown.detail}", "", True
        if unknown.cause is Cause.CONVERSION:
            return f"{unknown.path}: {unknown.detail}", "", False
        if entry is None:
            return f"{unknown.path}: {MISSING_WITHOUT_REASON}", "", True
        return f"{unknown.path}: {entry.reason}", entry.needs, False


def judge_states(check: Check, facts: object) -> Verdict | None:
    """Say not applicable for a container whose state the check does not cover."""
    if check.target is not TargetKind.CONTAINER or in_states(facts, check.states):
        return None
    return Verdict(Status.NOT_APPLICABLE, Rule.STATES)


def in_states(container: object, states: tuple[str, ...]) -> bool:
    """Say whether a container is in one of `states`; one whose state is not known counts."""
    if not isinstance(container, Mapping):
        return True
    return "state" not in container or container["state"] in states


_STATES = {
    True: AdjustmentState.APPLIED,
    False: AdjustmentState.NOT_APPLIED,
    None: AdjustmentState.NOT_KNOWN,
}
