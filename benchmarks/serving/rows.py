"""The one form in which a benchmark prints a number (see ``benchmarks/run.py``)."""

import json


def line(
    name: str, value: float, unit: str, budget: float | None, *, at_least: float | None = None
) -> None:
    """One number with what it may be at most, or must be at least."""
    ok = (budget is None or value <= budget) and (at_least is None or value >= at_least)
    shown = budget if at_least is None else at_least
    print(
        json.dumps({"name": name, "value": value, "unit": unit, "budget": shown, "ok": ok}),
        flush=True,
    )
