"""The packed program is the program: only docstrings and comments stay behind."""

import ast
import importlib.util
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent.parent.parent / "agents" / "host-agent"
SOURCES = sorted((FOLDER / "underpin_agent").rglob("*.py"))


@pytest.fixture(scope="module")
def build():
    spec = importlib.util.spec_from_file_location("build", FOLDER / "build.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def shape(source):
    """The syntax tree with line numbers, without docstrings."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)) and ast.get_docstring(
            node
        ):
            del node.body[0]
            if not node.body and not isinstance(node, ast.Module):
                node.body = [ast.Pass(lineno=0, col_offset=0)]
    return ast.dump(tree), [
        one.lineno
        for one in ast.walk(tree)
        if hasattr(one, "body") and one.body and hasattr(one, "lineno")
    ]


def test_every_module_packs_to_the_same_program_on_the_same_lines(build):
    assert len(SOURCES) > 50
    for path in SOURCES:
        source = path.read_text(encoding="utf-8")
        packed = build.tight(build.without_comments(source))
        assert shape(packed) == shape(source), path
        assert packed.count("\n") == source.count("\n"), path


def test_a_hash_in_a_text_is_no_comment_and_an_empty_body_stays_valid(build):
    packed = build.without_comments('class A(Exception):\n    """Says."""\n\nB = "# no"  # yes\n')
    assert packed == 'class A(Exception):\n    pass\n\nB = "# no"\n'


def test_a_text_of_several_lines_keeps_its_spaces(build):
    source = 'def a():\n    return f(\n        """x\n        y""", [\n            1])\n'
    assert build.tight(source) == 'def a():\n return f(\n"""x\n        y""",[\n1])\n'


@pytest.mark.parametrize(
    ("source", "packed"),
    [
        ("x = 1 if a else b\n", "x=1 if a else b\n"),
        ("from . import a\n", "from.import a\n"),
        ('return_ = not "a" in b"b"\n', 'return_=not "a"in b"b"\n'),
        ('x = ("""a\n  b""" + c)\n', 'x=("""a\n  b"""+c)\n'),
    ],
)
def test_only_spaces_that_no_program_needs_stay_behind(build, source, packed):
    assert build.tight(source) == packed


def test_a_line_that_goes_on_after_a_backslash_is_refused(build):
    """It would end too early."""
    with pytest.raises((SyntaxError, ValueError)):
        build.tight("x = 1 + \\\n    2\n")
