"""The ``runtimes`` section: one entry per engine instance on this host."""

from . import engine_access, engine_files, runtime_docker, runtime_others
from .engines import find_engines
from .gathering import Gathering
from .programs import cut_by_hiding

_GATHER = {
    "docker": runtime_docker.gather,
    "podman": runtime_others.gather_podman,
    "containerd": runtime_others.gather_containerd,
    "crio": runtime_others.gather_crio,
}


def collect(context):
    """Describe every engine: by its process and files, and where it answers by its API."""
    gathering = Gathering("runtimes")
    gathering.store("items", [_entry(context, gathering, one) for one in find_engines(context)])
    cut_by_hiding(gathering, context, "")
    return gathering.section


def _entry(context, gathering, engine):
    row = Gathering("runtimes[]", gathering.section, {})
    row.store("key", engine.key)
    row.store("kind", engine.kind)
    row.store("rootless", engine.rootless)
    engine_access.gather(row, context, engine)
    engine_files.gather(row, context.host, engine)
    if engine.processes and engine.kind != "podman":
        pid = engine.processes[0].pid
        row.fact(
            "oom_score_adjust",
            lambda: int(context.host.line("/proc/%d/oom_score_adj" % pid)),
        )
    else:
        row.missing("oom_score_adjust", "no daemon runs")
    _GATHER[engine.kind](row, context, engine)
    return row.facts
