"""Whole hosts as trees: control groups of every kind, every runtime, metal and virtual.

Each builder writes one host into a ``Tree``. The trees are code, not folders of files: a reader
sees in one place what is special about a host, and git keeps no links of /proc.
"""

import json
import sqlite3

from tests.host_agent.hosts import bolt_file, parts
from tests.host_agent.tree import (
    CONTAINER_ID,
    CONTAINER_MOUNTS,
    HOST_MOUNTS,
    OTHER_ID,
    V1_MOUNTS,
    V2_MOUNT,
)

STORE = "/var/lib/containers/storage"
BINFMT = "28 23 0:30 / /proc/sys/fs/binfmt_misc rw - binfmt_misc binfmt_misc rw"
UNIFIED = "29 24 0:29 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw"
BOUND = (
    "70 60 0:24 /docker.sock /var/run/docker.sock rw - tmpfs tmpfs rw",
    "71 60 8:1 /etc /host-etc ro,relatime - ext4 /dev/sda1 rw",
    "72 60 8:1 /var/lib/docker/volumes/data/_data /data rw - ext4 /dev/sda1 rw",
    "73 60 0:70 / /nfs rw - nfs4 files:/x rw,vers=4.2,password=hunter2",
)
HARDENED = {"caps": "0" * 16, "nnp": 1, "seccomp": 2, "uids": (10001,) * 4, "gids": (10001,) * 4}
READ_ONLY = tuple(CONTAINER_MOUNTS[0].replace("rw,relatime", "ro,relatime", 1).splitlines())


def docker_v1_metal(tree):
    """Bare metal, version 1 groups, docker: a careless container and a hardened one."""
    parts.base(tree, "metal")
    parts.metal(tree)
    tree.mounts(1, *HOST_MOUNTS, *V1_MOUNTS, BINFMT)
    tree.write("/proc/cgroups", "#subsys\nmemory 1 9 1\npids 2 9 1\ncpu 3 9 1\nrdma 4 1 0\n")
    tree.write("/sys/fs/cgroup/memory/release_agent", "/sbin/agent\n")
    tcp = ("-H", "tcp://0.0.0.0:2376", "--tlsverify")
    parts.dockerd(tree, 80, "-H", "unix:///run/docker.sock", *tcp, config={"icc": False})
    tree.write("/proc/80/net/tcp", parts.NO_LOOPBACK)
    tree.link("/proc/80/fd/90", "socket:[6002]")
    tree.write("/proc/80/oom_score_adj", "-500\n")
    parts.busy(tree)
    careless, careful = "/docker/" + CONTAINER_ID, "/docker/" + OTHER_ID
    parts.v1_group(tree, "/docker")
    parts.v1_group(tree, careless)
    limit = "1048576"
    stat = "hierarchical_memory_limit %s\nhierarchical_memsw_limit %s" % (limit, limit)
    parts.v1_group(
        tree, careful, memory__limit_in_bytes=limit, memory__stat=stat, pids__max="64",
        cpu__cfs_quota_us="50000", devices__list="c 1:3 rwm",
    )  # fmt: skip
    tree.shim(90)
    mounts = CONTAINER_MOUNTS[:-1] + BOUND  # /proc/sys is not read-only
    tree.container(
        100, shim=90, cgroup=parts.v1_cgroup(careless), mounts=mounts, caught="0000000000004000"
    )
    parts.root_of_container(tree, 100)
    parts.weak_container(tree, 100)
    tree.shim(91, container_id=OTHER_ID, bundle="/bundle2")
    mounts = READ_ONLY + CONTAINER_MOUNTS[1:]
    tree.container(
        101, container_id=OTHER_ID, shim=91, cgroup=parts.v1_cgroup(careful), mounts=mounts,
        **HARDENED,
    )  # fmt: skip
    parts.root_of_container(tree, 101, shell=False)
    ports = {"80/tcp": [{"HostIp": "", "HostPort": "8080"}]}
    parts.docker_state(tree, CONTAINER_ID, "careless", host={"Privileged": False, "ports": ports})
    log = {"Type": "json-file", "Config": {"max-size": "1m"}}
    parts.docker_state(
        tree, OTHER_ID, "careful", config={"Healthcheck": {"Test": ["CMD", "true"]}},
        host={"LogConfig": log, "RestartPolicy": {"Name": "on-failure", "MaximumRetryCount": 3}},
    )  # fmt: skip
    parts.bundle(tree, "/bundle", hooks={"prestart": [{"path": "/usr/bin/hook"}]})
    parts.bundle(tree, "/bundle2")


def docker_v2_guest(tree):
    """A virtual machine of a provider, version 2 groups below systemd, limits on a parent."""
    parts.base(tree, "guest")
    parts.guest(tree)
    parts.dockerd(tree, 80, config={"userns-remap": "default", "live-restore": True})
    tree.write("/sys/fs/cgroup/cgroup.controllers", "cpuset cpu io memory pids\n")
    group = "/system.slice/docker-%s.scope" % CONTAINER_ID
    parts.v2_group(tree, "/system.slice", memory__max="8589934592", memory__low="1048576")
    own = {"cpu__max": "150000 100000", "pids__max": "100", "cpuset__cpus": "1"}
    parts.v2_group(tree, group, **own, cpuset__cpus__effective="1", memory__oom__group="1")
    tree.shim(90)
    tree.container(
        100, shim=90, cgroup=group, uids=(100000,) * 4, seccomp=2, cpus="1",
        namespaces={"user": 4026533500, "cgroup": 4026533501},
    )  # fmt: skip
    tree.write("/proc/100/uid_map", "0 100000 65536\n")
    parts.root_of_container(tree, 100)
    parts.docker_state(tree, CONTAINER_ID, "web", root="/var/lib/docker/100000.100000")
    parts.bundle(tree, "/bundle")


def docker_hybrid(tree):
    """Both trees: limits in version 1, pressure at the same path of version 2."""
    parts.base(tree, "hybrid", init="init")
    parts.guest(tree)
    tree.mounts(1, *HOST_MOUNTS, *V1_MOUNTS, UNIFIED)
    tree.write("/proc/cgroups", "#subsys\nmemory 1 9 1\npids 2 9 1\n")
    tree.write("/sys/fs/cgroup/unified/cgroup.controllers", "hugetlb\n")
    tree.write("/sys/fs/cgroup/memory/release_agent", "/sbin/agent\n")
    group = "/docker/" + CONTAINER_ID
    parts.v1_group(tree, "/docker")
    parts.v1_group(tree, group, pids__max="50", devices__list="a *:* rwm")
    parts.dockerd(tree, 80)
    tree.shim(90)
    tree.container(100, shim=90, cgroup=parts.v1_cgroup(group), caps="000001ffffffffff")
    parts.root_of_container(tree, 100)
    parts.docker_state(tree, CONTAINER_ID, "admin", host={"Privileged": True})


def conmon(tree, pid, container_id, name, userdata, *more, uid=0):
    """The monitor of one container of podman or CRI-O."""
    argv = ("/usr/bin/conmon", "-c", container_id, "-n", name, "-b", userdata)
    tree.process(pid, "conmon", argv=(*argv, *more), uids=(uid,) * 4)


def podman_settings(name, **more):
    """What podman's database keeps about a container."""
    found = {
        "name": name, "restart_policy": "always", "labels": {"PODMAN_SYSTEMD_UNIT": "web.service"},
        "healthcheck": {"Test": ["CMD", "true"]}, "privileged": False,
        "newPortMappings": [{"host_ip": "127.0.0.1", "host_port": 8080, "container_port": 80,
                             "range": 2, "protocol": "tcp"}],
    }  # fmt: skip
    return json.dumps({**found, **more}).encode()


def podman_v2_selinux(tree):
    """podman of root on version 2 with SELinux, started by a unit, its state in SQLite."""
    parts.base(tree, "fedora", distribution="fedora", version="42")
    parts.metal(tree)
    tree.write("/sys/fs/selinux/enforce", "1\n")
    tree.write("/sys/kernel/security/lsm", "lockdown,capability,selinux\n")
    tree.write("/sys/fs/cgroup/cgroup.controllers", "cpu io memory pids\n")
    userdata = "%s/overlay-containers/%s/userdata" % (STORE, CONTAINER_ID)
    conmon(tree, 90, CONTAINER_ID, "web", userdata, "-l", "journald")
    group = "/machine.slice/libpod-%s.scope" % CONTAINER_ID
    parts.v2_group(tree, group, pids__max="2048")
    tree.container(100, shim=90, cgroup=group + "/container", seccomp=2, caps="00000000800405fb")
    parts.v2_group(tree, group + "/container")
    parts.root_of_container(tree, 100)
    tree.write("/proc/100/attr/current", "system_u:system_r:container_t:s0:c1,c2\0")
    parts.bundle(tree, userdata, annotations={"io.container.manager": "libpod"})
    path = tree.folder / STORE.strip("/") / "db.sql"
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE ContainerConfig (ID TEXT, JSON TEXT)")
        row = (CONTAINER_ID, podman_settings("web", pod=OTHER_ID).decode())
        database.execute("INSERT INTO ContainerConfig VALUES (?, ?)", row)
    database.close()


def podman_rootless_v1(tree):
    """podman of a user on version 1: no control group at all, its state in bbolt."""
    parts.base(tree, "desk")
    parts.metal(tree)
    tree.mounts(1, *HOST_MOUNTS, *V1_MOUNTS)
    tree.write("/proc/cgroups", "#subsys\nmemory 1 9 1\n")
    store = "/home/alice/.local/share/containers/storage"
    userdata = "%s/overlay-containers/%s/userdata" % (store, CONTAINER_ID)
    conmon(tree, 90, CONTAINER_ID, "notes", userdata, "-l", "k8s-file:/x.log", uid=1000)
    space = {"user": 4026533500}
    tree.container(
        100, shim=90, cgroup=parts.v1_cgroup("/"), uids=(1000,) * 4, gids=(1000,) * 4,
        namespaces=space,
    )  # fmt: skip
    tree.write("/proc/100/uid_map", "0 1000 1\n1 100000 65536\n")
    parts.root_of_container(tree, 100)
    parts.bundle(tree, userdata, annotations={"io.container.manager": "libpod"})
    tree.write(store + "/libpod/bolt_state.db", bolt_file.holding(
        (b"ctr", CONTAINER_ID.encode(), b"config"), podman_settings("notes", restart_policy="")
    ))  # fmt: skip


def kubernetes_v2(tree):
    """A node: containerd's shim serves a pod; beside it one of ctr, with a name for an id."""
    parts.base(tree, "node")
    parts.guest(tree)
    tree.write("/sys/kernel/security/lsm", "lockdown,capability,yama,apparmor\n")
    tree.write("/sys/fs/cgroup/cgroup.controllers", "cpuset cpu io memory pids\n")
    tasks = "/run/containerd/io.containerd.runtime.v2.task/"
    tree.process(70, "containerd")
    tree.write("/etc/containerd/config.toml", "version = 2\n[debug]\nlevel = 'warn'\n")
    parts.socket(tree, 70, "/run/containerd/containerd.sock", 5002)
    tree.process(71, "kubelet")
    tree.shim(90, container_id=OTHER_ID, namespace="k8s.io", bundle=tasks + "k8s.io/" + OTHER_ID)
    pod = "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod1.slice"
    parts.v2_group(tree, pod, memory__max="536870912", pids__max="1000")
    sandbox = {"annotations": {"io.kubernetes.cri.sandbox-id": OTHER_ID}}
    shared = {"net": 4026539001, "ipc": 4026539002, "uts": 4026539003}
    for pid, identity, notes, comm in (
        (100, OTHER_ID, {}, "pause"),
        (101, CONTAINER_ID, {
            "io.kubernetes.cri.container-name": "api", "io.kubernetes.cri.image-name": "shop/api:3",
        }, "api"),
    ):  # fmt: skip
        group = "%s/cri-containerd-%s.scope" % (pod, identity)
        parts.v2_group(tree, group)
        tree.container(
            pid, container_id=identity, shim=90, cgroup=group, namespaces=shared, comm=comm,
            seccomp=2,
        )  # fmt: skip
        parts.root_of_container(tree, pid, shell=False)
        tree.write("/proc/%d/attr/current" % pid, "cri-containerd.apparmor.d (enforce)\n")
        every = {**sandbox["annotations"], **notes}
        parts.bundle(tree, tasks + "k8s.io/" + identity, annotations=every)
    tree.shim(92, container_id="tool", namespace="default", bundle=tasks + "default/tool")
    parts.v2_group(tree, "/default/tool")
    tree.container(102, shim=92, cgroup="/default/tool")
    parts.bundle(tree, tasks + "default/tool")


def crio_v2(tree):
    """A node with CRI-O."""
    parts.base(tree, "node2", distribution="rhcos", version="9")
    parts.guest(tree)
    tree.write("/sys/fs/cgroup/cgroup.controllers", "cpu io memory pids\n")
    tree.process(70, "crio")
    tree.write("/etc/crio/crio.conf", "[crio.metrics]\nenable_metrics = true\n")
    parts.socket(tree, 70, "/run/crio/crio.sock", 5003)
    userdata = "%s/overlay-containers/%s/userdata" % (STORE, CONTAINER_ID)
    name, exits = "k8s_api_web-1_shop_uid_0", "/var/run/crio/exits"
    conmon(tree, 90, CONTAINER_ID, name, userdata, "--exit-dir", exits)
    group = "/kubepods.slice/kubepods-pod1.slice/crio-%s.scope" % CONTAINER_ID
    parts.v2_group(tree, group, pids__max="1024")
    tree.container(100, shim=90, cgroup=group, seccomp=2)
    parts.root_of_container(tree, 100)
    notes = {
        "io.container.manager": "cri-o", "io.kubernetes.cri-o.SandboxID": OTHER_ID,
        "io.kubernetes.cri-o.ImageName": "shop/api:3",
    }  # fmt: skip
    parts.bundle(tree, userdata, annotations=notes)


def lxc_v1(tree):
    """A system container of LXC with an init and a service that shields itself inside."""
    parts.base(tree, "lxchost")
    parts.metal(tree)
    tree.mounts(1, *HOST_MOUNTS, *V1_MOUNTS)
    tree.write("/proc/cgroups", "#subsys\nmemory 1 9 1\n")
    parts.v1_group(tree, "/lxc.payload.mail", pids__max="500")
    tree.process(90, "lxc-start", argv=("[lxc monitor] /var/lib/lxc mail",))
    group = parts.v1_cgroup("/lxc.payload.mail")
    tree.container(100, shim=90, cgroup=group, comm="systemd")
    inner = {"pid": 4026533000, "mnt": 4026537001, "ipc": 4026533002, "uts": 4026537003}
    inner["net"] = 4026533004
    service = parts.v1_cgroup("/lxc.payload.mail/system.slice/smtp.service")
    tree.process(
        101, "smtpd", ppid=100, cgroup=service, namespaces=inner, ns_pids=(101, 7), start=900
    )
    parts.root_of_container(tree, 100)


def nspawn_v2(tree):
    """systemd-nspawn, known to systemd-machined."""
    parts.base(tree, "builder", distribution="arch", version="rolling")
    parts.metal(tree)
    tree.write("/sys/fs/cgroup/cgroup.controllers", "cpu io memory pids\n")
    unit = "/machine.slice/systemd-nspawn@build\\x2dbox.service"
    record = "NAME=build-box\nSCOPE=x\nSERVICE=systemd-nspawn\nLEADER=100\n"
    tree.write("/run/systemd/machines/build-box", record)
    parts.v2_group(tree, unit, pids__max="16384")
    parts.v2_group(tree, unit + "/payload")
    tree.process(90, "systemd-nspawn", cgroup=unit + "/supervisor")
    tree.container(100, shim=90, cgroup=unit + "/payload", comm="systemd")
    parts.root_of_container(tree, 100)


def runc_and_rogue_v2(tree):
    """runc and crun alone, and namespaces that nobody knows."""
    parts.base(tree, "lab")
    parts.guest(tree)
    tree.write("/sys/fs/cgroup/cgroup.controllers", "cpu io memory pids\n")
    tree.container(100, cgroup="/tool", start=5000)
    labels = {"labels": ["bundle=/srv/tool"]}
    state = {"id": "tool", "init_process_pid": 100, "init_process_start": 5000, "config": labels}
    tree.write("/run/runc/tool/state.json", json.dumps(state))
    parts.bundle(tree, "/srv/tool")
    parts.v2_group(tree, "/tool")
    tree.container(101, cgroup="/second", start=6000)
    status = {"pid": 101, "process-start-time": 6000, "bundle": "/srv/second"}
    tree.write("/run/crun/second/status", json.dumps(status))
    parts.v2_group(tree, "/second")
    tree.container(102, cgroup="/user.slice/user-1000.slice/session-3.scope", comm="miner")
    parts.v2_group(tree, "/user.slice/user-1000.slice/session-3.scope")


def hidden_v2(tree):
    """A host with hidepid=2 seen without rights: no process but the agent's own is listed."""
    parts.base(tree, "hidden")
    parts.guest(tree)
    tree.write("/sys/fs/cgroup/cgroup.controllers", "cpu memory pids\n")
    table = tree.folder / "proc"
    lines = (*HOST_MOUNTS[:1], HOST_MOUNTS[1] + ",hidepid=invisible", *HOST_MOUNTS[2:], V2_MOUNT)
    tree.write("/proc/self/mountinfo", "\n".join(lines) + "\n")
    for pid in ("1", "2", "300", "301"):
        (table / pid).rename(tree.folder / ("gone" + pid))


SCANS = {"set_id_scan": True, "content_scan": True}
OPTIONS = {"docker-v1-metal": SCANS}  # the other hosts: all scans off
HOSTS = {
    "docker-v1-metal": docker_v1_metal,
    "docker-v2-guest": docker_v2_guest,
    "docker-hybrid": docker_hybrid,
    "podman-v2-selinux": podman_v2_selinux,
    "podman-rootless-v1": podman_rootless_v1,
    "kubernetes-v2": kubernetes_v2,
    "crio-v2": crio_v2,
    "lxc-v1": lxc_v1,
    "nspawn-v2": nspawn_v2,
    "runc-and-rogue-v2": runc_and_rogue_v2,
    "hidden-v2": hidden_v2,
}
