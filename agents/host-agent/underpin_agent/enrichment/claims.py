"""Who claims a container: bundle, then docker's state, conmon or containerd's annotations."""

from ..reading import Absent, Denied, ReadFailed
from . import docker, podman, podman_state, unsupervised
from .bundle import bundle_folder, read_bundle
from .claim import Claim


def claim_for(view, container):
    """The ``Claim`` of one found container on the host of ``view``; never raises ReadFailed."""
    host, claim = view.host, Claim()
    _read_spec(claim, host, container)
    supervisor = container.supervisor
    if supervisor is not None and supervisor.kind == "conmon":
        podman.fill(claim, host, container)
        if claim.runtime == "podman":
            _fill_from_database(claim, host, container)
    elif supervisor is not None and supervisor.argument("-namespace", "--namespace") != "moby":
        _fill_containerd(claim, container)
    elif not container.id:
        unsupervised.fill(claim, host, container, view.context.processes)
    elif not _fill_docker(claim, host, container, view.engines):
        _ask_docker(claim, view, container)
    _fill_from_spec(claim)
    return claim


def _read_spec(claim, host, container):
    if container.supervisor is None:
        return
    claim.reference = "shim"
    claim.reason = "the runtime's state does not hold it"
    if not bundle_folder(container):
        return
    try:
        claim.spec = read_bundle(host, container)
        claim.reference = "bundle"
    except ReadFailed as failure:
        _because(claim, failure)


def _because(claim, failure):
    claim.errno = failure.errno_name
    if isinstance(failure, Denied):
        claim.reason = "not allowed to read the runtime's files"
    elif isinstance(failure, Absent):
        claim.reason = "the runtime's files are not there"
    else:
        claim.reason = "the runtime's files could not be read"


def _fill_docker(claim, host, container, engines):
    trusted = {0}
    if container.supervisor is not None:
        claim.runtime = "docker"
        trusted.update(container.supervisor.process.uids[1:2])
    for engine in engines:
        if engine.uid not in trusted:
            continue  # any user may start a program of that name
        try:
            folder = docker.state_folder(host, engine, container.id)
            if folder:
                docker.fill(claim, host, engine, folder)
                return True
        except ReadFailed as failure:
            _because(claim, failure)
    return False


def _ask_docker(claim, view, container):
    """By the API where the state files are closed, as to an account in the engine's group."""
    pid, found = view.inspected(container.id)
    if not isinstance(found, dict) or found.get("Id") != container.id:
        return
    engine = next((one for one in view.engines if one.pid == pid), docker.Engine(pid))
    settings = found.get("HostConfig")
    docker.fill_from(claim, engine, found, settings if isinstance(settings, dict) else {})
    claim.errno, claim.needs = "", ""


def _fill_from_database(claim, host, container):
    graph_root = bundle_folder(container).split("-containers/")[0].rpartition("/")[0]
    if not graph_root.startswith("/"):
        return
    try:
        podman_state.fill(claim, podman_state.settings_of(host, graph_root, container.id))
    except ReadFailed as failure:
        _because(claim, failure)


def _fill_containerd(claim, container):
    notes = claim.annotations
    claim.runtime = "containerd"
    claim.name = notes.get("io.kubernetes.cri.container-name") or notes.get("nerdctl/name")
    if claim.name is None and container.id and len(container.id) != 64:
        claim.name = container.id  # ctr uses names as ids
    sandbox = notes.get("io.kubernetes.cri.sandbox-id")
    claim.pod = str(sandbox) if sandbox else ""
    claim.image_reference = notes.get("io.kubernetes.cri.image-name")
    claim.reason = "containerd keeps it in its own database"


def _fill_from_spec(claim):
    process = claim.spec.get("process")
    if claim.terminal is None and isinstance(process, dict):
        claim.terminal = bool(process.get("terminal"))
