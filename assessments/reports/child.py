"""The process that makes one PDF: dataset on standard input, PDF on standard output.

Started by `render.render_pdf` as `python -m assessments.reports.child MEMORY_BYTES CPU_SECONDS`.
Progress and errors go to standard error, one JSON object in a line.
"""

import hashlib
import io
import json
import os
import resource
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import typst

from assessments.reports.fonts import font_folders
from assessments.reports.view import view_of

if TYPE_CHECKING:
    from typst import PDFStandard

TEMPLATE: Final = Path(__file__).with_name("report.typ")
_STANDARDS: "Final[list[PDFStandard]]" = ["a-3a", "ua-1"]
_MAX_FILE_BYTES: Final = 512 * 1024 * 1024


def main(arguments: list[str]) -> int:
    """Renders one report; 0 when the PDF was written, 1 when an error was reported."""
    _limit_self(memory_bytes=int(arguments[0]), cpu_seconds=int(arguments[1]))
    try:
        document = rendered(sys.stdin.buffer.read())
    except MemoryError:
        _say(error="memory")
        return 1
    except RuntimeError as error:  # TypstError is one; its text names the place in the template
        _say(error=str(error)[:2000])
        return 1
    sys.stdout.buffer.write(document)
    sys.stdout.buffer.flush()
    return 0


def rendered(canonical: bytes) -> bytes:
    """The PDF for the canonical bytes of a dataset."""
    dataset = json.loads(canonical)
    _say(stage="read", percent=5)
    view = view_of(dataset, digest=hashlib.sha256(canonical).hexdigest())
    _say(stage="prepared", percent=15)
    with ThreadPoolExecutor(max_workers=1) as aside:
        # A tenth of a second of loading, while the typesetter works outside the interpreter.
        aside.submit(import_module, "pikepdf")
        document = typeset(view, canonical, generated_at=dataset["control"]["generated_at"])
    _say(stage="typeset", percent=85)
    packed = _packed(document)
    _say(stage="packed", percent=100)
    return packed


def typeset(view: dict[str, Any], canonical: bytes, *, generated_at: str) -> bytes:
    """The PDF as the typesetter makes it, not yet packed. The current folder must be empty."""
    fonts = typst.Fonts(
        include_system_fonts=False, include_embedded_fonts=False, font_paths=font_folders()
    )
    compiler = typst.Compiler(root=Path.cwd(), font_paths=fonts)
    document = compiler.compile(
        input=TEMPLATE.read_bytes(),
        format="pdf",
        sys_inputs={"view": json.dumps(view), "dataset": canonical.decode()},
        pdf_standards=_STANDARDS,
        timestamp=datetime.fromisoformat(generated_at),
    )
    if not isinstance(document, bytes):
        msg = "the typesetter gave no document"
        raise RuntimeError(msg)  # noqa: TRY004  not a caller's mistake: reported like its errors
    return document


def _packed(document: bytes) -> bytes:
    """The same document with its objects in compressed streams: about a third of the size.

    It goes through a file in the current folder, which the parent removes: reading from a Python
    buffer took twice as long.
    """
    pikepdf = import_module("pikepdf")
    typeset_file = Path("typeset.pdf")
    typeset_file.write_bytes(document)
    packed = io.BytesIO()
    with pikepdf.open(typeset_file) as pdf:
        pdf.save(
            packed,
            object_stream_mode=pikepdf.ObjectStreamMode.generate,
            deterministic_id=True,
        )
    return packed.getvalue()


def _limit_self(*, memory_bytes: int, cpu_seconds: int) -> None:
    """Limits that this process cannot lift again; the parent adds the limit on wall time."""
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    cores_seconds = cpu_seconds * 8
    resource.setrlimit(resource.RLIMIT_CPU, (cores_seconds, cores_seconds))
    resource.setrlimit(resource.RLIMIT_FSIZE, (_MAX_FILE_BYTES, _MAX_FILE_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _say(**entry: str | int) -> None:
    sys.stderr.write(json.dumps(entry) + "\n")
    sys.stderr.flush()


if __name__ == "__main__":
    code = main(sys.argv[1:])
    # Freeing the typesetter's memory piece by piece took 0.1 s for 1,000 findings.
    os._exit(code)
