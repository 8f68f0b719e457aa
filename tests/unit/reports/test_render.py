"""The PDF: same bytes, no text that blocks it, limits that hold."""

import hashlib
import io
import sys
import time
from dataclasses import replace
from datetime import UTC, datetime

import pikepdf
import pytest

from assessments.reports import printable, render
from assessments.reports.build import build_dataset
from assessments.reports.dataset import ReportDataset
from assessments.reports.inputs import (
    ControlInput,
    EvidenceInput,
    FindingInput,
    HostInput,
    ReferenceInput,
    StepInput,
)
from assessments.reports.render import Progress, RenderError, Stage, render_pdf
from assessments.reports.sample import sample_dataset
from tests.unit.reports.pdf_text import attachment_of, squeezed, text_of

NOW = datetime(2026, 11, 23, 16, 4, tzinfo=UTC)
CONTROL = ControlInput(
    number="R-7",
    title="Risk report",
    organisation="Example",
    author="Ada",
    generated_at=NOW,
    scope="one host",
)
HOSTILE = [
    '#read("/etc/passwd")',
    "$x^2$ = heading *bold* _em_ `raw` @ref <label> #set page(fill: red)",
    "<script>alert(1)</script><b>&amp;</b>",
    "{{7*7}} {% debug %} ${7*7}",
    "]]> --> </svg> url(file:///etc/passwd)",
    "../../etc/passwd C:\\CON",
    ") Tj ( PDF operators",
    "'\" OR 1=1-- %s {0.__class__}",
    "<!DOCTYPE x [<!ENTITY a 'b'>]>",
]
UNPRINTABLE = [
    "emoji \U0001f4a3\U0001f1e9\U0001f1ea here",
    "CJK \u4e2d\u6587\ud55c\uae00 here",
    "NUL \x00 ESC \x1b[31m here",
    "mark \ufeff private \ue000 \U000f0000 here",
    "right-to-left \u202eevil\u202c \u0634\u0631\u0631 here",
    "separators \u2028 \u2029 \x85 here",
    "non-characters \uffff \ufffe \ufdd0 here",
    "surrogate \ud800 here",
    "marks " + "a" + "\u0301" * 10_000 + " here",
]


def dataset_with(texts: list[str]) -> ReportDataset:
    """Each text as host name, container name, evidence, title, reason and reference."""
    findings = [
        FindingInput(
            check_id=f"SEG-{place}{words[:20]}",
            title=words,
            level=4,
            likelihood=4,
            impact=4,
            host=words,
            target_kind="container",
            target_name=words,
            container_id=words,
            area=words,
            layer=words,
            mechanism=words,
            why=words,
            steps=(StepInput(quantity="impact", change=1, because=words),),
            evidence=(EvidenceInput(path=words, observed=words, expected=words),),
            references=(ReferenceInput(source=words, items=(words,), url=words),),
        )
        for place, words in enumerate(texts)
    ]
    hosts = [HostInput(name=words, kernel=words, agent_privilege=words) for words in texts]
    return build_dataset(CONTROL, hosts=hosts, findings=findings)


def opened(document: bytes) -> pikepdf.Pdf:
    return pikepdf.open(io.BytesIO(document))


def test_the_same_dataset_gives_the_same_bytes() -> None:
    dataset = sample_dataset(findings=12, hosts=2)
    assert render_pdf(dataset) == render_pdf(dataset)


def test_the_attachment_is_the_dataset_that_the_digest_names() -> None:
    dataset = sample_dataset(findings=3, hosts=1)
    document = render_pdf(dataset)
    attached = attachment_of(document, "dataset.json")
    assert attached == dataset.canonical_bytes()
    assert dataset.digest() == hashlib.sha256(attached).hexdigest()
    assert dataset.digest() in squeezed(text_of(document))


def test_the_document_claims_archiving_and_accessibility() -> None:
    with opened(render_pdf(sample_dataset(findings=1, hosts=1))) as pdf:
        metadata = pdf.open_metadata()
        assert metadata["pdfaid:part"] == "3"
        assert metadata["pdfaid:conformance"] == "A"
        assert metadata["pdfuaid:part"] == "1"
        assert pdf.Root.Lang == "en"


def test_markup_of_any_language_appears_as_text() -> None:
    printed = squeezed(text_of(render_pdf(dataset_with(HOSTILE))))
    missing = [words for words in HOSTILE if squeezed(words) not in printed]
    assert missing == []
    assert "root:x:0:0" not in printed


def test_text_that_no_font_draws_never_blocks_the_report() -> None:
    printed = text_of(render_pdf(dataset_with(UNPRINTABLE)))
    assert printed.count("here") >= len(UNPRINTABLE)
    assert "\u25a1" in printed
    assert not set(printed) & {"\x00", "\x1b", "\ufeff", "\u202e", "\U0001f4a3"}


def test_every_character_of_the_font_can_stand_in_text_and_figures() -> None:
    every = [chr(code) for code in range(0x20, 0x20000) if not 0xD800 <= code < 0xE000]
    drawn = [c for c in every if "\u25a1" not in (made := printable.line(f"x{c}x")) and c in made]
    lines = ["".join(drawn[at : at + 40]) for at in range(0, len(drawn), 40)]
    assert len(drawn) > 2_000
    assert render_pdf(dataset_with(lines)).startswith(b"%PDF-")


def test_long_words_and_long_evidence_are_cut_with_a_mark() -> None:
    document = render_pdf(dataset_with(["w" * 400, "e" * 40_000, "x y " * 10_000]))
    printed = squeezed(text_of(document))
    assert "(cut,400characters)" in printed
    assert "(cut,40000characters)" in printed
    assert "w" * 160 in printed
    with opened(document) as pdf:
        assert len(pdf.pages) < 20


@pytest.mark.parametrize("url", ["file:///etc/passwd", "javascript:alert(1)", "data:text/html,x"])
def test_only_web_addresses_become_links(url: str) -> None:
    good = "https://example.org/a?b=c"
    dataset = sample_dataset(findings=1, hosts=1)
    finding = dataset.findings[0]
    sources = tuple(replace(finding.references[0], url=address) for address in (url, good))
    document = render_pdf(replace(dataset, findings=(replace(finding, references=sources),)))
    with opened(document) as pdf:
        annotations = [note for page in pdf.pages for note in page.obj.get("/Annots", [])]
        links = [str(note.A.URI) for note in annotations if "/A" in note and "/URI" in note.A]
    assert set(links) == {good}
    assert squeezed(url) in squeezed(text_of(document))


def test_a_report_about_nothing_says_so() -> None:
    printed = text_of(render_pdf(build_dataset(CONTROL, hosts=[], findings=[])))
    assert "nothing was assessed" in printed
    assert "There is no open finding." in printed
    assert "No host is in scope" in printed


def test_a_report_without_any_words_is_still_a_report() -> None:
    control = ControlInput(
        number="", title="", organisation="", author="", generated_at=NOW, scope=""
    )
    with opened(render_pdf(build_dataset(control, hosts=[], findings=[]))) as pdf:
        assert str(pdf.docinfo["/Title"]) == "Risk assessment report"


def test_a_host_without_findings_is_listed() -> None:
    dataset = build_dataset(CONTROL, hosts=[HostInput(name="lonely-1")], findings=[])
    printed = text_of(render_pdf(dataset))
    assert "lonely-1" in printed
    assert "No check fails on the 1 host assessed" in printed


def test_every_finding_is_in_the_register_and_in_the_details() -> None:
    dataset = sample_dataset(findings=40, hosts=3)
    printed = text_of(render_pdf(dataset))
    assert [f.id for f in dataset.findings if printed.count(f.id) < 2] == []


@pytest.mark.slow
def test_the_register_of_a_large_estate_is_limited_and_says_so() -> None:
    dataset = sample_dataset(findings=3_001, hosts=2)
    document = render_pdf(dataset)
    said = "itliststheworst3000of3001findings,andthenextsectiondescribestheworst1000."
    assert said in squeezed(text_of(document)).replace("\u202f", "")
    assert attachment_of(document, "dataset.json") == dataset.canonical_bytes()


def test_a_report_that_takes_too_long_is_stopped() -> None:
    with pytest.raises(RenderError, match=r"not ready after 0\.05 seconds"):
        render_pdf(sample_dataset(findings=50, hosts=2), timeout_seconds=0.05)


@pytest.mark.parametrize("megabytes", [20, 120, 200])
def test_a_report_that_needs_too_much_memory_is_refused(megabytes: int) -> None:
    dataset = sample_dataset(findings=2_000, hosts=2)
    with pytest.raises(RenderError, match=f"more than {megabytes} MB of memory"):
        render_pdf(dataset, max_memory_bytes=megabytes * 1_000_000)


def test_progress_is_told_in_order_and_ends_at_the_whole() -> None:
    told: list[Progress] = []
    render_pdf(sample_dataset(findings=1, hosts=1), on_progress=told.append)
    assert [item.stage for item in told] == list(Stage)
    assert [item.percent for item in told] == sorted(item.percent for item in told)
    assert told[-1].percent == 100


def test_a_caller_that_gives_up_stops_the_child() -> None:
    def give_up(told: Progress) -> None:
        raise KeyboardInterrupt(told.stage)

    started = time.monotonic()
    with pytest.raises(KeyboardInterrupt, match="read"):
        render_pdf(sample_dataset(findings=3_000, hosts=2), on_progress=give_up)
    assert time.monotonic() - started < 3


def test_the_child_sees_neither_our_environment_nor_our_files(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The child is replaced by a program that tells what it was given."""
    monkeypatch.setenv("UNDERPIN_SECRET", "hidden")
    told = "import os,sys;sys.stdout.write('%PDF-'+repr((dict(os.environ),os.listdir('.'))))"
    real = render.subprocess.Popen

    def telling(arguments: list[str], **options: object) -> object:
        assert arguments[0] == sys.executable
        return real([sys.executable, "-c", told], **options)

    monkeypatch.setattr(render.subprocess, "Popen", telling)
    environment, files = eval(render_pdf(sample_dataset(findings=1, hosts=1))[5:])  # noqa: S307
    assert set(environment) == {"PYTHONPATH", "PYTHONHASHSEED", "LC_ALL"}
    assert files == []
