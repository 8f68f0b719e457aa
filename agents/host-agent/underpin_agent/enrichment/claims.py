"""Who claims a container: bundle, then docker's state, conmon or containerd's annotations."""

from ..reading import Absent, Denied, ReadFailed
from . import docker, podman
from .bundle import bundle_folder, read_bundle
from .claim import Claim


def claim_for(host, container, engines):
    """The ``Claim`` of one found container; never raises ReadFailed."""
    claim = Claim()
    _read_spec(claim, host, container)
    supervisor = container.supervisor
    if supervisor is not None and supervisor.kind == "conmon":
        podman.fill(claim, host, container)
    elif supervisor is not None and supervisor.argument("-namespace", "--namespace") != "moby":
        _fill_containerd(claim, container)
    else:
        _fill_docker(claim, host, container, engines)
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
    if not container.id:
        return
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
                return
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
