"""The questions: the shipped ones are whole, and a wrong one is refused with its place."""

from pathlib import Path

import pytest

from assessments.catalogue import vocabulary
from assessments.catalogue.lint_questions import lint_questions
from assessments.catalogue.loader import load_catalogue
from assessments.catalogue.questions import Proposal, load_questions
from assessments.catalogue.yaml_file import CatalogueError

GOOD = """questions:
  - id: Q-TEST-01
    subarea: who
    heading: Access > Who
    question: Who may come in?
    why: A door is for somebody.
    evidence: list of names
    checks:
      - ACC-RT-01
    proposal: worst
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A catalogue of one check, one question about it, and areas without questions."""
    (tmp_path / "questions").mkdir()
    for area in vocabulary.AREAS:
        text = GOOD if area == "access" else "questions: []\n"
        (tmp_path / "questions" / f"{area}.yaml").write_text(text)
    (tmp_path / "checks" / "runtime-access").mkdir(parents=True)
    (tmp_path / "checks" / "runtime-access" / "ACC-RT-01.yaml").write_text("")
    return tmp_path


def change(folder: Path, old: str, new: str) -> None:
    path = folder / "questions" / "access.yaml"
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))


def test_the_shipped_questions_have_no_problem() -> None:
    assert lint_questions() == []


def test_every_shipped_check_is_asked_about() -> None:
    asked = {check for question in load_questions() for check in question.checks}
    assert asked == set(load_catalogue().checks)


def test_every_area_has_questions_of_all_its_parts() -> None:
    found = {(question.area, question.subarea) for question in load_questions()}
    parts = {(area, part) for area, all_of in vocabulary.AREAS.items() for part in all_of}
    # Control groups are asked about as a wall and as shared tables; integrity with the content.
    assert parts - found == {("resource", "cgroups"), ("logging", "integrity")}


def test_what_is_attested_says_by_what_and_for_how_long() -> None:
    attested = [each for each in load_questions() if each.proposal is Proposal.ATTESTED]
    assert attested
    assert all(each.attestations for each in attested)
    assert all(item.valid_days > 0 for each in attested for item in each.attestations)


def test_a_good_question_has_no_problem(folder: Path) -> None:
    assert lint_questions(folder) == []
    (question,) = load_questions(folder)
    assert (question.area, question.checks) == ("access", ("ACC-RT-01",))


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("ACC-RT-01", "ACC-RT-99", "no check 'ACC-RT-99'"),
        ("ACC-RT-01", "ACC-RT-99", "no question asks about ACC-RT-01"),
        ("Who may come in?", "Who may come in", "ends with '?'"),
        ("Who may come in?", "Who may come in TODO?", "a leftover of writing"),
        ("for somebody.", "for somebody", "a sentence starts with a capital"),
        ("list of names", "list  of names", "double or outer blanks"),
        ("subarea: who", "subarea: cpu", "'cpu' is none of"),
        ("proposal: worst", "proposal: manual", "has checks or is manual"),
        ("proposal: worst", "proposal: attested", "attestations go with"),
        ("Q-TEST-01", "TEST-1", "has not the form"),
        ("evidence: list of names", "evidence: list of names\n    more: 1", "unknown field"),
    ],
)
def test_a_wrong_question_is_a_problem(folder: Path, old: str, new: str, problem: str) -> None:
    change(folder, old, new)
    assert any(problem in each for each in lint_questions(folder)), lint_questions(folder)


def test_an_unknown_attestation_is_a_problem(folder: Path) -> None:
    change(
        folder,
        "proposal: worst",
        "proposal: attested\n    attestations:\n      - {name: nobody_said, valid_days: 30}",
    )
    (problem,) = lint_questions(folder)
    assert "access.yaml:12" in problem
    assert "no attestation 'nobody_said'" in problem


def test_an_id_given_twice_is_a_problem_and_refuses_loading(folder: Path) -> None:
    change(folder, "questions:\n", GOOD)
    assert any("'Q-TEST-01' is given twice" in each for each in lint_questions(folder))
    with pytest.raises(CatalogueError, match="given twice"):
        load_questions(folder)


def test_a_missing_file_is_a_problem(folder: Path) -> None:
    (folder / "questions" / "logging.yaml").unlink()
    assert any("logging.yaml" in each for each in lint_questions(folder))
