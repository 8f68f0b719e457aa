"""How large an expression, and the work it may cause, can be.

The first group bounds the text, the second the evaluation of facts that a hostile host sent.
"""

MAX_CHARACTERS = 2_000
MAX_NESTING = 8
MAX_NODES = 400
MAX_CHAIN = 16
MAX_MACRO_NESTING = 2

NESTED_LIST_ITEMS = 512
"""Longest outer list of two nested macros; a longer one makes the answer unknown."""

REFERENCE_STEPS = 500_000
"""Most nodes that one evaluation of the reference may visit; about one second."""

PATTERN_CHARACTERS = 200
MATCH_CHARACTERS = 1_024
MATCH_STEPS = 2**24
"""Most steps a backtracking matcher may need on one text; about a tenth of a second."""

MIN_INTEGER = -(2**63)
MAX_INTEGER = 2**63 - 1
