"""Renders a report dataset as PDF, in a child process with a limit on time and on memory.

A child, because the typesetter keeps its last compilations in memory, because it works on text
that hosts sent, and because a limit on the address space can only be set on a process.
"""

import json
import os
import selectors
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import IO, Final

from assessments.reports.dataset import ReportDataset

_PROJECT_ROOT: Final = Path(__file__).resolve().parents[2]
_DIAGNOSTICS_LIMIT: Final = 64 * 1024


class RenderError(Exception):
    """The report could not be rendered; the message says why in words for a person."""


class Stage(StrEnum):
    READ = "read"
    PREPARED = "prepared"
    TYPESET = "typeset"
    PACKED = "packed"


@dataclass(frozen=True)
class Progress:
    """How far a rendering is; `percent` is an estimate of the time spent."""

    stage: Stage
    percent: int


def render_pdf(
    dataset: ReportDataset,
    *,
    timeout_seconds: float = 60,
    max_memory_bytes: int = 1_500_000_000,
    on_progress: Callable[[Progress], None] | None = None,
) -> bytes:
    """The report as PDF/A-3a and PDF/UA-1 with its dataset attached; same input, same bytes.

    `max_memory_bytes` limits the address space of the child. Raises RenderError when a limit is
    reached or the child fails.
    """
    deadline = time.monotonic() + timeout_seconds
    with (
        tempfile.TemporaryDirectory(prefix="underpin-report-") as empty_folder,
        tempfile.TemporaryFile() as given,
        tempfile.TemporaryFile() as made,
    ):
        given.write(dataset.canonical_bytes())
        given.seek(0)
        arguments = [str(max_memory_bytes), str(max(1, round(timeout_seconds)))]
        with _started(arguments, empty_folder, given, made) as child:
            try:
                diagnostics = _watched(child, deadline, on_progress)
            except BaseException:  # an interrupt, or the caller's progress function
                child.kill()
                raise
            if diagnostics is None:
                child.kill()
                msg = f"the report was not ready after {timeout_seconds:g} seconds"
                raise RenderError(msg)
            code = child.wait()
        made.seek(0)
        document = made.read()
    if code != 0 or not document.startswith(b"%PDF-"):
        raise RenderError(_reason(code, diagnostics, max_memory_bytes))
    return document


def _started(
    arguments: list[str], empty_folder: str, given: IO[bytes], made: IO[bytes]
) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-P", "-s", "-m", "assessments.reports.child", *arguments],
        stdin=given,
        stdout=made,
        stderr=subprocess.PIPE,
        cwd=empty_folder,
        env={"PYTHONPATH": str(_PROJECT_ROOT), "PYTHONHASHSEED": "0", "LC_ALL": "C.UTF-8"},
        start_new_session=True,
    )


def _watched(
    child: subprocess.Popen[bytes],
    deadline: float,
    on_progress: Callable[[Progress], None] | None,
) -> str | None:
    """What the child wrote to its error stream, or None when the deadline passed first."""
    assert child.stderr is not None  # noqa: S101  Popen was given a pipe
    written = b""
    reported = 0
    with selectors.DefaultSelector() as selector:
        selector.register(child.stderr, selectors.EVENT_READ)
        while True:
            if not selector.select(max(0.0, deadline - time.monotonic())):
                return None
            chunk = os.read(child.stderr.fileno(), 65536)
            if not chunk:
                return written.decode(errors="replace")
            written = (written + chunk)[:_DIAGNOSTICS_LIMIT]
            reported = _report_lines(written, reported, on_progress)


def _report_lines(
    written: bytes, reported: int, on_progress: Callable[[Progress], None] | None
) -> int:
    complete = written.rfind(b"\n") + 1
    if on_progress is not None:
        for entry in _entries(written[reported:complete].decode(errors="replace")):
            if "stage" in entry:
                on_progress(Progress(Stage(entry["stage"]), int(entry["percent"])))
    return max(reported, complete)


def _entries(diagnostics: str) -> list[dict[str, str]]:
    found = []
    for text in diagnostics.splitlines():
        try:
            entry = json.loads(text)
        except ValueError:
            continue
        if isinstance(entry, dict):
            found.append(entry)
    return found


def _reason(code: int, diagnostics: str, max_memory_bytes: int) -> str:
    errors = [entry["error"] for entry in _entries(diagnostics) if "error" in entry]
    limit = f"the report needed more than {max_memory_bytes // 1_000_000} MB of memory"
    if "memory" in errors or "memory allocation" in diagnostics or "MemoryError" in diagnostics:
        return limit
    if errors:
        return f"the report could not be typeset: {errors[-1]}"
    tail = diagnostics.strip().splitlines()[-1:] or ["no message"]
    return f"the report process ended with code {code}: {tail[0][:300]}"
