"""What the texts of a check must fulfil: whole sentences, known references, no leftovers."""

import re
from collections.abc import Iterator

from assessments.catalogue import vocabulary
from assessments.catalogue.yaml_file import YamlFile
from assessments.engine.check import Check

LEFTOVERS = re.compile(r"\b(TODO|FIXME|XXX|TBD|lorem)\b|\?\?\?", re.IGNORECASE)
SENTENCE_END = re.compile(r"\.\s+(?=[A-Z])")
MAX_SENTENCES = 2
MAX_TITLE = 90
PATTERNS = {name: re.compile(text) for name, text in vocabulary.REFERENCES.items()}
Text = tuple[tuple[str | int, ...], str]


def lint_texts(file: YamlFile, check: Check) -> None:
    """Refuse texts that are unfinished. Raises CatalogueError with the place."""
    lint_lines(file)
    for place, text in _texts(check):
        lint_text(file, text, *place)
    if check.title.endswith(".") or len(check.title) > MAX_TITLE:
        file.refuse(f"a title has no full stop and at most {MAX_TITLE} characters", "title")
    lint_sentences(file, check.why, "why")
    lint_sentences(file, check.remediation["general"], "remediation", "general")


def lint_text(file: YamlFile, text: str, *place: str | int) -> None:
    """Refuse leftovers and stray blanks. Raises CatalogueError."""
    if LEFTOVERS.search(text):
        file.refuse("a leftover of writing", *place)
    if "  " in text or text != text.strip():
        file.refuse("double or outer blanks", *place)


def lint_sentences(file: YamlFile, text: str, *place: str | int) -> None:
    """Refuse what is no whole sentence, or more than two. Raises CatalogueError."""
    if not text.endswith(".") or not text[0].isupper():
        file.refuse("a sentence starts with a capital letter and ends with a full stop", *place)
    if len(SENTENCE_END.findall(text)) >= MAX_SENTENCES:
        file.refuse(f"at most {MAX_SENTENCES} sentences", *place)


def lint_references(file: YamlFile, check: Check) -> None:
    """Refuse a reference that has not the form of its source. Raises CatalogueError."""
    for source, numbers in check.references.items():
        for position, number in enumerate(numbers):
            if not PATTERNS[source].fullmatch(number):
                file.refuse(f"{number!r} is no {source}", "references", source, position)


def lint_lines(file: YamlFile) -> None:
    """Refuse tabs and blanks at the end of a line. Raises CatalogueError."""
    for number, line in enumerate(file.text.splitlines(), start=1):
        if line != line.rstrip() or "\t" in line:
            file.refuse(f"line {number} has a tab or ends with a blank")


def _texts(check: Check) -> Iterator[Text]:
    yield ("title",), check.title
    yield ("why",), check.why
    for name, text in check.remediation.items():
        yield ("remediation", name), text
    for position, adjuster in enumerate(check.adjusters):
        yield ("raise", position, "because"), adjuster.because
