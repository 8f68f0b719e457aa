"""The analyst's checklist: questions, each with the checks whose results propose its answer."""

import re
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path

from assessments.catalogue import vocabulary
from assessments.catalogue.loader import DEFAULT
from assessments.catalogue.reader import Reader
from assessments.catalogue.yaml_file import YamlFile, refuse_file

QUESTION_ID = re.compile(r"Q-[A-Z0-9]{2,6}-[0-9]{2}", re.ASCII)
SCOPE = "scope"
"""Beside the parts of its area, a question may be about the assessment as a whole."""

FIELDS: dict[str, bool] = {
    "id": True,
    "subarea": True,
    "heading": True,
    "question": True,
    "why": True,
    "evidence": True,
    "checks": False,
    "proposal": True,
    "attestations": False,
}
MAX_VALID_DAYS = 1096


class Proposal(StrEnum):
    """How an answer is proposed; the analyst decides in every case."""

    WORST = "worst"
    """By the worst result of its checks."""

    ATTESTED = "attested"
    """As worst, but only while its attestations are given and have not expired."""

    MANUAL = "manual"
    """Not at all: no check can tell."""


@dataclass(frozen=True, slots=True)
class Attestation:
    """A statement that an answer sets as a fact, `attestation.<name>`, for some days."""

    name: str
    valid_days: int


@dataclass(frozen=True, slots=True)
class Question:
    """One question. `heading` is the place in the outline that the checklist follows."""

    id: str
    area: str
    subarea: str
    heading: str
    text: str
    why: str
    evidence: str
    checks: tuple[str, ...]
    proposal: Proposal
    attestations: tuple[Attestation, ...] = ()


def load_questions(folder: Path = DEFAULT) -> tuple[Question, ...]:
    """Return all questions of a catalogue in the order of areas and of their files.

    The shipped ones are read once per process. Raises CatalogueError, which names file, line
    and column, if anything is wrong.
    """
    return _shipped() if folder == DEFAULT else _load(folder)


def question_files(folder: Path) -> list[Path]:
    """Return the files of questions, one for each area, in the order of areas."""
    return [folder / "questions" / f"{area}.yaml" for area in vocabulary.AREAS]


def read_questions(file: YamlFile) -> tuple[Question, ...]:
    """Return the questions of one file. Raises CatalogueError with the place."""
    area = file.path.stem
    rows = file.data.get("questions")
    if file.data.keys() != {"questions"} or not isinstance(rows, list):
        file.refuse("the file holds a list 'questions' and nothing else")
    outer = Reader(file)
    return tuple(
        _question(outer.inside(row, "questions", position), area)
        for position, row in enumerate(rows)
    )


@cache
def _shipped() -> tuple[Question, ...]:
    return _load(DEFAULT)


def _load(folder: Path) -> tuple[Question, ...]:
    found: dict[str, Question] = {}
    for path in question_files(folder):
        for question in read_questions(YamlFile.read(path)):
            if question.id in found:
                refuse_file(path, f"id {question.id!r} is given twice")
            found[question.id] = question
    return tuple(found.values())


def _question(reader: Reader, area: str) -> Question:
    reader.names_are(FIELDS)
    question = Question(
        id=reader.matching("id", QUESTION_ID),
        area=area,
        subarea=reader.one_of("subarea", (*vocabulary.AREAS[area], SCOPE)),
        heading=reader.text("heading"),
        text=reader.text("question"),
        why=reader.text("why"),
        evidence=reader.text("evidence"),
        checks=reader.texts("checks"),
        proposal=Proposal(reader.one_of("proposal", tuple(Proposal))),
        attestations=_attestations(reader),
    )
    if bool(question.checks) == (question.proposal is Proposal.MANUAL):
        reader.refuse("a question has checks or is manual", "proposal")
    if bool(question.attestations) != (question.proposal is Proposal.ATTESTED):
        reader.refuse("attestations go with the proposal 'attested'", "proposal")
    return question


def _attestations(reader: Reader) -> tuple[Attestation, ...]:
    rows = reader.data.get("attestations", [])
    if not isinstance(rows, list):
        reader.refuse("a list is expected", "attestations")
    return tuple(_attestation(reader, position, row) for position, row in enumerate(rows))


def _attestation(reader: Reader, position: int, row: object) -> Attestation:
    inner = reader.inside(row, "attestations", position)
    inner.names_are({"name": True, "valid_days": True})
    return Attestation(inner.text("name"), inner.number("valid_days", 1, MAX_VALID_DAYS))
