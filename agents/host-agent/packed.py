"""How the modules inside ``underpin-agent.pyz`` are found: they lie in it as one compressed text.

Together they take half of what they would one by one. A child compiles them, so that the program
itself never loads the compiler: what that leaves behind would stay with a daemon for ever. In the
archive this text is the end of ``underpin_agent/__init__.py``.
"""

import json
import marshal
import os
import sys
import zlib


class Packed:
    """Finder and loader of all modules below the package (importlib.abc.MetaPathFinder, Loader)."""

    def __init__(self, beside):
        self.archive, self.get_data = beside.archive, beside.get_data
        self._codes = _compiled_by_a_child(self._texts())

    def _texts(self):
        """``{"underpin_agent/loop.py": text}``."""
        return json.loads(zlib.decompress(self.get_data("underpin_agent/modules")))

    def find_spec(self, name, _path=None, _target=None):
        """The spec of a module of the package, or None."""
        for end in (".py", "/__init__.py"):
            inside = name.replace(".", "/") + end
            if inside in self._codes:
                origin, is_package = os.path.join(self.archive, inside), end != ".py"
                spec = type(__spec__)(name, self, origin=origin, is_package=is_package)
                spec.has_location = True
                if is_package:
                    spec.submodule_search_locations = [os.path.dirname(origin)]
                return spec
        return None

    def create_module(self, _spec):
        """The default."""

    def exec_module(self, module):
        """Run the module; its code is not needed again."""
        inside = os.path.relpath(module.__spec__.origin, self.archive)
        code = self._codes[inside]
        exec(marshal.loads(code) if code else _code(inside, self._texts()), vars(module))  # noqa: S102, S302
        self._codes[inside] = b""

    def get_source(self, name):
        """The text of a module, for tracebacks."""
        return self._texts().get(os.path.relpath(self.find_spec(name).origin, self.archive))


def _code(inside, texts):
    origin = os.path.join(__loader__.archive, inside)
    return compile(texts[inside], origin, "exec", dont_inherit=True)


def _compiled_by_a_child(texts):
    """``{name: marshalled code}``; empty values when there can be no child."""
    try:
        reader, writer = os.pipe()
        pid = os.fork()
    except OSError:
        return dict.fromkeys(texts, b"")
    if pid == 0:
        status = 1
        try:
            raw = marshal.dumps({name: marshal.dumps(_code(name, texts)) for name in texts})
            while raw:
                raw = raw[os.write(writer, raw) :]
            status = 0
        finally:
            os._exit(status)
    os.close(writer)
    with open(reader, "rb") as pipe:
        raw = pipe.read()
    failed = os.waitpid(pid, 0)[1] != 0
    return dict.fromkeys(texts, b"") if failed else marshal.loads(raw)  # noqa: S302 own child


sys.meta_path.insert(0, Packed(__loader__))
