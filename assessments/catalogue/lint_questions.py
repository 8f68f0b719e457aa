"""Lints the questions: known checks, whole sentences, and no check that nobody asks about."""

from collections.abc import Callable, Iterable
from pathlib import Path

from agents.facts.schema import schema
from assessments.catalogue.lint_texts import lint_lines, lint_sentences, lint_text
from assessments.catalogue.loader import DEFAULT, check_files
from assessments.catalogue.questions import Question, question_files, read_questions
from assessments.catalogue.yaml_file import CatalogueError, YamlFile

MAX_QUESTION = 120
MAX_EVIDENCE = 90


def lint_questions(folder: Path = DEFAULT) -> list[str]:
    """Return what is wrong with the questions of a catalogue folder, all of it at once."""
    checks = {path.stem for path in check_files(folder)}
    problems: list[str] = []
    seen: set[str] = set()
    asked: set[str] = set()
    for path in question_files(folder):
        try:
            file = YamlFile.read(path)
            questions = read_questions(file)
            lint_lines(file)
        except CatalogueError as error:
            problems.append(str(error))
            continue
        for position, question in enumerate(questions):
            problems += _lint(file, position, question, checks, seen)
            asked.update(question.checks)
    unasked = sorted(checks - asked)
    return problems + [f"{folder / 'questions'}: no question asks about {name}" for name in unasked]


def _lint(
    file: YamlFile, position: int, question: Question, checks: set[str], seen: set[str]
) -> Iterable[str]:
    place = ("questions", position)
    steps: tuple[Callable[[], None], ...] = (
        lambda: _lint_id(file, place, question, seen),
        lambda: _lint_names(file, place, question, checks),
        lambda: _lint_texts(file, place, question),
    )
    for step in steps:
        try:
            step()
        except CatalogueError as error:
            yield str(error)


Place = tuple[str, int]


def _lint_id(file: YamlFile, place: Place, question: Question, seen: set[str]) -> None:
    if question.id in seen:
        file.refuse(f"id {question.id!r} is given twice", *place, "id")
    seen.add(question.id)


def _lint_names(file: YamlFile, place: Place, question: Question, checks: set[str]) -> None:
    for position, name in enumerate(question.checks):
        if name not in checks:
            file.refuse(f"no check {name!r}", *place, "checks", position)
        if name in question.checks[:position]:
            file.refuse(f"check {name!r} is given twice", *place, "checks", position)
    known = schema()["properties"]["attestation"]["properties"]
    for position, attestation in enumerate(question.attestations):
        if attestation.name not in known:
            message = f"no attestation {attestation.name!r}"
            file.refuse(message, *place, "attestations", position, "name")


def _lint_texts(file: YamlFile, place: Place, question: Question) -> None:
    texts = {"question": question.text, "why": question.why, "evidence": question.evidence}
    for name, text in {**texts, "heading": question.heading}.items():
        lint_text(file, text, *place, name)
    if not question.text.endswith("?") or not question.text[0].isupper():
        file.refuse("a question starts with a capital and ends with '?'", *place, "question")
    if len(question.text) > MAX_QUESTION:
        file.refuse(f"at most {MAX_QUESTION} characters", *place, "question")
    lint_sentences(file, question.why, *place, "why")
    if question.evidence.endswith(".") or len(question.evidence) > MAX_EVIDENCE:
        message = f"evidence has no full stop and at most {MAX_EVIDENCE} characters"
        file.refuse(message, *place, "evidence")
