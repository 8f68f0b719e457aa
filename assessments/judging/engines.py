"""Compiled catalogues, kept for the life of the process: compiling costs far more than judging."""

from threading import Lock

from agents.facts.schema import schema
from assessments.catalogue.loader import Catalogue
from assessments.engine.evaluate import Engine
from assessments.engine.expression.typetree import TypeTree

# The shipped catalogue and one before or after a change of it.
MAX_KEPT = 2

_engines: dict[str, Engine] = {}
_lock = Lock()


def engine_for(catalogue: Catalogue) -> Engine:
    """Return the compiled engine of a catalogue; catalogues with one digest share it."""
    with _lock:
        engine = _engines.get(catalogue.digest)
        if engine is None:
            while len(_engines) >= MAX_KEPT:
                del _engines[next(iter(_engines))]
            types = TypeTree.from_schema(schema(), policy=catalogue.policy)
            engine = _engines[catalogue.digest] = Engine(catalogue.checks.values(), types)
        return engine
