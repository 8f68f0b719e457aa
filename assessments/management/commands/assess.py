"""``manage.py assess``: the main job once, here, without a server or a database."""

import json
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from assessments.catalogue.loader import load_catalogue
from assessments.engine.check import Status
from assessments.figures.names import area_place
from assessments.judging import Judgement, Result
from assessments.reports.render import RenderError, render_pdf
from assessments.services.local_assessment import assess_here
from workbench.core.errors import DomainError

WORST_ROWS = 25
LEVEL_WIDTH, CHECK_WIDTH, TARGET_WIDTH = 10, 13, 26
MIN_TITLE_WIDTH = 24


class Command(BaseCommand):
    """Collect here, judge, print the worst findings, write the report."""

    help = "Assess this machine once and write the report."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        """Where results go and where the host's file system is."""
        parser.add_argument("--pdf", type=Path, help="write the report to this file")
        parser.add_argument("--json", type=Path, help="write all results to this file")
        parser.add_argument("--root", default="/", help="where the host's file system is mounted")

    def handle(self, *_args: Any, **options: Any) -> None:
        """Run the assessment; with neither file named, only the table is printed."""
        for path in (options["pdf"], options["json"]):
            check_writable(path)
        try:
            assessment = assess_here(root=options["root"], now=timezone.now())
        except DomainError as error:
            raise CommandError(error.message) from error
        judgement = assessment.host.judgement
        if options["json"]:  # before anything is printed: a reader may close the pipe early
            text = json.dumps(judgement.as_json(), indent=1, ensure_ascii=False)
            write(options["json"], (text + "\n").encode("utf-8", "backslashreplace"))
        for line in summary(judgement, host=assessment.host.name):
            self.stdout.write(line)
        if options["json"]:
            self.stdout.write(f"Results: {options['json']}")
        if options["pdf"]:
            try:
                write(options["pdf"], render_pdf(assessment.dataset()))
            except RenderError as error:
                message = f"the report could not be rendered: {error}"
                raise CommandError(message) from error
            self.stdout.write(f"Report: {options['pdf']}")


def check_writable(path: Path | None) -> None:
    """Raises CommandError before any work when the folder of ``path`` is not there."""
    if path is not None and not path.absolute().parent.is_dir():
        message = f"there is no folder {path.absolute().parent}"
        raise CommandError(message)


def write(path: Path, content: bytes) -> None:
    """Raises CommandError when the file cannot be written."""
    try:
        path.write_bytes(content)
    except OSError as error:
        message = f"{path} cannot be written: {error.strerror}"
        raise CommandError(message) from error


def summary(judgement: Judgement, *, host: str) -> Iterator[str]:
    """The lines of the answer: posture, the worst findings, what is not known."""
    counts = {status: len(judgement.of_status(status)) for status in Status}
    share = judgement.posture.share
    passing = "no checks apply" if share is None else f"{share:.0%} of the weight passes"
    yield f"{shown(host)}: {passing}"
    yield (
        f"{counts[Status.PASS]} pass, {counts[Status.FAIL]} fail, "
        f"{counts[Status.UNKNOWN]} unknown, {counts[Status.NOT_APPLICABLE]} not applicable"
    )
    groups = grouped(judgement.of_status(Status.FAIL))
    if groups:
        yield ""
        yield from table(groups[:WORST_ROWS])
    if len(groups) > WORST_ROWS:
        more = len(groups) - WORST_ROWS
        yield f"… and {more} more failing checks; the report and the JSON file have all."
    if counts[Status.UNKNOWN]:
        yield f"{counts[Status.UNKNOWN]} answers are not known; unknown never counts as pass."


def grouped(fails: Iterable[Result]) -> list[list[Result]]:
    """The findings of one check and level together, the worst first."""
    groups: dict[tuple[int, str], list[Result]] = {}
    for result in sorted(fails, key=order):
        groups.setdefault((int(result.level or 0), result.check_id), []).append(result)
    return list(groups.values())


def table(groups: list[list[Result]]) -> Iterator[str]:
    """One line per check and level, in fixed columns that fit the terminal."""
    fixed = LEVEL_WIDTH + CHECK_WIDTH + TARGET_WIDTH + 3
    title_width = max(MIN_TITLE_WIDTH, shutil.get_terminal_size((110, 24)).columns - fixed)
    checks = load_catalogue().checks
    yield row("Risk", "Check", "Target", "What should hold", title_width)
    for group in groups:
        worst = group[0]
        word = worst.level.word if worst.level else ""
        title = checks[worst.check_id].title
        yield row(word, worst.check_id, targets(group), title, title_width)


def targets(group: list[Result]) -> str:
    """The name of the first target and how many there are beside it."""
    first = shown(group[0].target.name)
    if len(group) == 1:
        return first
    more = f" and {len(group) - 1} more"
    return cut(first, TARGET_WIDTH - len(more)) + more


def row(level: str, check: str, target: str, title: str, title_width: int) -> str:
    """One line of the table."""
    cells = (
        (level, LEVEL_WIDTH),
        (check, CHECK_WIDTH),
        (target, TARGET_WIDTH),
        (title, title_width),
    )
    return " ".join(cut(text, width).ljust(width) for text, width in cells).rstrip()


def cut(text: str, width: int) -> str:
    """``text`` in at most ``width`` characters."""
    return text if len(text) <= width else text[: width - 1] + "…"


def shown(text: str) -> str:
    """A name from the host without characters that could move the cursor."""
    return "".join(char if char.isprintable() else "·" for char in text)


def order(result: Result) -> tuple[int, int, int, str, str]:
    """Worst first: level, then likelihood times impact, then the area as in the report."""
    product = int(result.likelihood) * int(result.impact)
    place = area_place(load_catalogue().checks[result.check_id].area)
    return -int(result.level or 0), -product, place, result.check_id, result.target.key
