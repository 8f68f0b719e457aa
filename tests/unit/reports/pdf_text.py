"""Reads the text back out of a PDF: what a reader copies, not what the template was given."""

import io
import re

import pikepdf

_HEX = re.compile(rb"<([0-9A-Fa-f]+)>")


def text_of(document: bytes) -> str:
    """All text of all pages and of the figures in them, without zero-width break opportunities."""
    with pikepdf.open(io.BytesIO(document)) as pdf:
        parts = [_text_in(page.obj, page.obj.Resources) for page in pdf.pages]
    return "".join(parts).replace("\u200b", "")


def squeezed(text: str) -> str:
    """The text without white space: where a line breaks is not the reader's text."""
    return re.sub(r"\s+", "", text)


def attachment_of(document: bytes, name: str) -> bytes:
    """The bytes of one attached file."""
    with pikepdf.open(io.BytesIO(document)) as pdf:
        return pdf.attachments[name].get_file().read_bytes()


def _text_in(holder: pikepdf.Object, resources: pikepdf.Dictionary) -> str:
    fonts = {str(name): _glyph_table(font) for name, font in resources.get("/Font", {}).items()}
    forms = resources.get("/XObject", {})
    table: dict[int, str] = {}
    parts = []
    for operands, operator in pikepdf.parse_content_stream(holder):
        name = str(operator)
        if name == "Tf":
            table = fonts[str(operands[0])]
        elif name in {"Tj", "TJ"}:
            parts.append(_shown(operands[0], table))
        elif name == "ET":
            parts.append("\n")
        elif name == "Do" and forms[str(operands[0])].get("/Subtype") == "/Form":
            form = forms[str(operands[0])]
            parts.append(_text_in(form, form.get("/Resources", pikepdf.Dictionary())))
    return "".join(parts)


def _shown(operand: object, table: dict[int, str]) -> str:
    strings = [operand] if isinstance(operand, pikepdf.String) else list(operand)
    raw = b"".join(bytes(part) for part in strings if isinstance(part, pikepdf.String))
    codes = (int.from_bytes(raw[at : at + 2]) for at in range(0, len(raw), 2))
    return "".join(table.get(code, "\ufffd") for code in codes)


def _glyph_table(font: pikepdf.Object) -> dict[int, str]:
    """Glyph code to text, from the font's ToUnicode map."""
    table: dict[int, str] = {}
    for block in re.findall(rb"beginbfchar(.*?)endbfchar", font.ToUnicode.read_bytes(), re.S):
        codes = _HEX.findall(block)
        for code, text in zip(codes[::2], codes[1::2], strict=True):
            table[int(code, 16)] = bytes.fromhex(text.decode()).decode("utf-16-be")
    return table
