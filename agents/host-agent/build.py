"""Build ``underpin-agent.pyz``: one file, the same bytes for the same sources.

Docstrings, comments and most spaces stay behind, which is a quarter of the archive; line
numbers stay as they are, so that a traceback still points into the source.

python agents/host-agent/build.py [--output dist/underpin-agent.pyz]
"""

import argparse
import ast
import hashlib
import io
import json
import os
import pathlib
import re
import sys
import tokenize
import zipfile
import zlib

SOURCE = pathlib.Path(__file__).resolve().parent / "underpin_agent"
PACKED = SOURCE.with_name("packed.py")  # finds the other modules inside the archive
UNIT = SOURCE.parents[2] / "deploy" / "underpin-agent.service"  # what `install` puts in place
SHEBANG = b"#!/usr/bin/env python3\n"
FIXED_DATE = (2026, 1, 1, 0, 0, 0)
STARTER = "import sys\nfrom underpin_agent.__main__ import main\nsys.exit(main())\n"
MAX_BYTES = 204_800
BETWEEN = (tokenize.INDENT, tokenize.DEDENT, tokenize.NL, tokenize.NEWLINE, tokenize.ENDMARKER)
WORD, WORD_OR_TEXT = re.compile(r"\w"), re.compile(r"[\w'\"]")
DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef)


def archive_bytes(source=SOURCE):
    """The bytes of the archive of all modules below ``source``."""
    modules = {}
    for path in source.rglob("*.py"):
        inside = pathlib.PurePosixPath("underpin_agent", path.relative_to(source))
        modules[str(inside)] = tight(without_comments(path.read_text(encoding="utf-8")))
    first = modules.pop("underpin_agent/__init__.py")
    starter = tight(without_comments(PACKED.read_text(encoding="utf-8")))
    texts = json.dumps(modules, sort_keys=True, ensure_ascii=False).encode()
    files = {
        "__main__.py": STARTER.encode(),
        "underpin_agent/__init__.py": (first + starter).encode(),
        "underpin_agent/modules": zlib.compress(texts, 9),
        "underpin_agent/" + UNIT.name: UNIT.read_bytes(),
    }
    raw = io.BytesIO()
    with zipfile.ZipFile(raw, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name in sorted(files):
            entry = zipfile.ZipInfo(name, FIXED_DATE)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            entry.create_system = 3
            archive.writestr(entry, files[name])
    return SHEBANG + raw.getvalue()


def without_comments(source):
    """The same program on the same lines, without docstrings and comments."""
    lines = source.split("\n")
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, DOCUMENTED) and ast.get_docstring(node):
            text = node.body[0]
            lines[text.lineno - 1 : text.end_lineno] = [""] * (text.end_lineno - text.lineno + 1)
            if len(node.body) == 1 and not isinstance(node, ast.Module):
                lines[text.lineno - 1] = " " * text.col_offset + "pass"
    for token in tokenize.generate_tokens(io.StringIO("\n".join(lines)).readline):
        if token.type == tokenize.COMMENT:
            row, column = token.start
            lines[row - 1] = lines[row - 1][:column].rstrip()
    return "\n".join(lines)


def tight(source):
    """The same program on the same lines without the spaces that only readers need.

    Raises ValueError when what is left would not be the same program.
    """
    rows, depth, brackets, row, end, last = source.split("\n"), 0, 0, 0, 0, ""
    kept = dict.fromkeys(range(1, len(rows) + 1), "")
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        depth += (token.type == tokenize.INDENT) - (token.type == tokenize.DEDENT)
        if token.type in BETWEEN:
            continue
        if token.start[0] > end:
            row, space = token.start[0], " " * (0 if brackets else depth)
        else:  # also on the line where a text of several lines ends
            space = " " if WORD.match(last[-1]) and WORD_OR_TEXT.match(token.string) else ""
        kept[row] += space + token.string
        end, last = token.end[0], token.string
        for inner in range(token.start[0] + 1, end + 1):
            kept.pop(inner, None)
        if token.type == tokenize.OP:
            brackets += (token.string in "([{") - (token.string in ")]}")
    text = "\n".join(kept.values())
    if ast.dump(ast.parse(text)) != ast.dump(ast.parse(source)):
        raise ValueError(source[:80])
    return text


def write_whole(output, raw):
    """Replace ``output`` in one step: a program that runs from it goes on with the old file."""
    fresh = output.with_name("%s.%d" % (output.name, os.getpid()))
    try:
        fresh.write_bytes(raw)
        fresh.chmod(0o755)
        fresh.replace(output)
    except OSError:
        fresh.unlink(missing_ok=True)
        raise


def main(arguments=None):
    """Write the archive and print its digest; returns the exit code."""
    parser = argparse.ArgumentParser(description="Build the host agent as one file.")
    default = pathlib.Path("dist/underpin-agent.pyz")
    parser.add_argument("--output", type=pathlib.Path, default=default)
    output = parser.parse_args(arguments).output
    raw = archive_bytes()
    if len(raw) > MAX_BYTES:
        sys.stderr.write("the archive has %d bytes, more than %d\n" % (len(raw), MAX_BYTES))
        return 1
    output.parent.mkdir(parents=True, exist_ok=True)
    write_whole(output, raw)
    digest = hashlib.sha256(raw).hexdigest()
    sys.stdout.write("%s  %s  %d bytes\n" % (digest, output, len(raw)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
