"""`python -m assessments.catalogue`: lint the shipped catalogue and run its cases."""

import sys
from collections import Counter

from assessments.catalogue.cases import run_cases
from assessments.catalogue.lint import lint
from assessments.catalogue.lint_questions import lint_questions
from assessments.catalogue.loader import Catalogue, load_catalogue
from assessments.catalogue.questions import load_questions


def main() -> int:
    """Print what is wrong, then counts; return 1 if anything is wrong."""
    problems = lint() + lint_questions()
    if problems:
        return _report(problems)
    run = run_cases()
    catalogue = load_catalogue()
    for name in ("area", "layer", "target", "tier"):
        _say(f"{name:7}{_counts(catalogue, name)}")
    _say(f"{len(load_questions())} questions")
    _say(f"{len(catalogue.checks)} checks, {run.total} cases, digest {catalogue.digest}")
    return _report(run.problems)


def _counts(catalogue: Catalogue, name: str) -> str:
    found = Counter(str(getattr(check, name)) for check in catalogue.checks.values())
    return ", ".join(f"{value} {count}" for value, count in sorted(found.items()))


def _report(problems: list[str] | tuple[str, ...]) -> int:
    for problem in problems:
        _say(problem)
    _say(f"{len(problems)} problems")
    return 1 if problems else 0


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")


if __name__ == "__main__":
    sys.exit(main())
