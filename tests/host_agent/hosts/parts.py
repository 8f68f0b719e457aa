"""Pieces that the host trees of ``estate`` are put together from; each writes what it is named for.

Real machines' files, shortened: a path that is not written does not exist on that host.
"""

import base64
import json
import os
import socket as unix
import stat

from tests.host_agent.tree import HOST

CPU = "/sys/devices/system/cpu/"
CGROUP = "/sys/fs/cgroup"
V1_CONTROLLERS = ("memory", "cpu", "pids", "devices", "cpuset", "freezer", "blkio")
NO_LIMIT = "9223372036854771712\n"
PSEUDO = "mode=755"


def files(tree, contents):
    """Write each path; what ends in a slash is an empty folder."""
    for path, text in contents.items():
        if path.endswith("/"):
            (tree.folder / path.strip("/")).mkdir(parents=True, exist_ok=True)
        else:
            tree.write(path, text)


def base(tree, name, *, distribution="debian", version="13", init="systemd"):
    """What every Linux has: names, accounts, kernel settings, a few logs; the agent is at home."""
    for kind, inode in HOST.items():
        tree.link("/proc/self/ns/" + kind, "%s:[%d]" % (kind, inode))
    files(tree, {
        "/proc/1/comm": init + "\n", "/etc/hostname": name + "\n",
        "/etc/machine-id": "0123456789abcdef0123456789abcdef\n",
        "/etc/os-release": 'ID=%s\nVERSION_ID="%s"\n' % (distribution, version),
        "/proc/sys/kernel/random/boot_id": "11111111-2222-3333-4444-555555555555\n",
        "/proc/sys/kernel/hostname": name + "\n", "/proc/cmdline": "quiet ro\n",
        "/proc/sys/kernel/core_pattern": "|/usr/lib/systemd/systemd-coredump %P\n",
        "/usr/lib/systemd/systemd-coredump": "", "/proc/sys/kernel/tainted": "0\n",
        "/proc/sys/kernel/pid_max": "4194304\n", "/proc/sys/kernel/threads-max": "126000\n",
        "/proc/sys/kernel/randomize_va_space": "2\n", "/proc/sys/kernel/dmesg_restrict": "1\n",
        "/proc/sys/net/ipv4/ip_forward": "1\n", "/proc/modules": "",
        "/sys/kernel/security/lockdown": "[none] integrity confidentiality\n",
        "/boot/config-6.18.0": "CONFIG_MODULES=y\nCONFIG_TIME_NS=y\nCONFIG_DEVMEM=y\n",
        "/proc/meminfo": "MemTotal: 16384000 kB\nSwapTotal: 0 kB\nHugePages_Total: 0\n",
        "/proc/swaps": "Filename Type Size Used Priority\n", "/proc/misc": "229 fuse\n",
        "/proc/filesystems": "nodev\tsysfs\nnodev\tproc\nnodev\tcgroup\nnodev\tcgroup2\n\text4\n",
        "/proc/devices": "Character devices:\n  1 mem\n\nBlock devices:\n  8 sd\n",
        "/proc/pressure/cpu": "some avg10=0.00 avg60=0.00 avg300=0.00 total=1\n",
        "/proc/1/limits": "Limit  Soft Limit  Hard Limit  Units\n"
                          "Max processes  63000  63000  processes\n",
        "/etc/passwd": "root:x:0:0::/root:/bin/bash\nalice:x:1000:1000::/home/alice:/bin/bash\n"
                       "web:x:33:33::/srv:/usr/sbin/nologin\n",
        "/etc/group": "root:x:0:\nsudo:x:27:alice\ndocker:x:998:alice\ndisk:x:6:\n",
        "/etc/shadow": "root:*:19000:0:::::\nalice:$y$j9T$salt$hash:19000:0:::::\n",
        "/etc/nsswitch.conf": "passwd: files systemd\n", "/etc/sudoers": "%sudo ALL=(ALL) ALL\n",
        "/etc/ssh/sshd_config": "PermitRootLogin no\nPasswordAuthentication no\n",
        "/proc/1/net/tcp": "  sl\n", "/proc/1/net/udp": "  sl\n",
        "/proc/1/net/unix": "Num RefCount Protocol Flags Type St Inode Path\n",
        "/sys/class/net/lo/flags": "0x9\n", "/sys/class/net/lo/type": "772\n",
        "/dev/": "", "/var/log/": "",
    })  # fmt: skip
    tree.process(300, "sshd", argv=("/usr/sbin/sshd", "-D"))
    tree.process(301, "systemd-journal", argv=("/usr/lib/systemd/systemd-journald",))


def processors(tree, *, count=4, threads=2, flags="fpu sme"):
    """``count`` processors, ``threads`` to a core, one shared cache."""
    last = count - 1
    files(tree, {
        "/proc/cpuinfo": "processor : 0\nflags\t\t: %s\n" % flags,
        CPU + "online": "0-%d\n" % last, CPU + "isolated": "\n", CPU + "nohz_full": "(null)\n",
        CPU + "vulnerabilities/meltdown": "Mitigation: PTI\n",
        CPU + "vulnerabilities/l1tf": "Mitigation: PTE Inversion; VMX: SMT vulnerable\n",
        CPU + "vulnerabilities/spectre_v2": "Not affected\n",
        "/sys/devices/system/node/online": "0\n",
        "/sys/kernel/mm/transparent_hugepage/enabled": "always [madvise] never\n",
    })  # fmt: skip
    for number in range(count):
        folder = "%scpu%d/" % (CPU, number)
        core = number // threads
        files(tree, {
            folder + "topology/physical_package_id": "0\n",
            folder + "topology/core_id": "%d\n" % core,
            folder + "topology/thread_siblings_list":
                "%d-%d\n" % (core * threads, core * threads + threads - 1),
            folder + "cache/index3/level": "3\n",
            folder + "cache/index3/shared_cpu_list": "0-%d\n" % last, folder + "node0/": "",
        })  # fmt: skip


def metal(tree):
    """A machine of one's own: threads, ECC, IOMMU, microcode, USB, Thunderbolt, cameras."""
    processors(tree)
    group = "../../../../kernel/iommu_groups/7"
    files(tree, {
        CPU + "smt/active": "1\n", CPU + "smt/control": "on\n",
        CPU + "vulnerabilities/old_microcode": "Vulnerable\n",
        "/sys/class/dmi/id/sys_vendor": "Example Corp\n",
        "/sys/class/dmi/id/product_name": "Server 1\n",
        "/sys/devices/system/edac/mc/mc0/dimm0/dimm_edac_mode": "SECDED\n",
        "/sys/kernel/iommu_groups/7/type": "DMA-FQ\n",
        "/sys/kernel/iommu_groups/8/type": "identity\n",
        "/sys/module/vfio_iommu_type1/parameters/allow_unsafe_interrupts": "N\n",
        "/sys/bus/pci/devices/0000:00:02.0/class": "0x030000\n",
        "/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c":
            b"\6\0\0\0\1",
        "/sys/class/powercap/intel-rapl:0/energy_uj": "12345\n",
        "/sys/bus/usb/devices/usb1/authorized_default": "1\n",
        "/sys/bus/thunderbolt/devices/domain0/security": "user\n",
        "/sys/bus/thunderbolt/devices/domain0/iommu_dma_protection": "1\n",
        "/sys/kernel/mm/ksm/run": "0\n",
        "/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages": "16\n",
        "/proc/swaps": "Filename Type Size Used Priority\n/dev/sda2 partition 100 0 -2\n",
        "/sys/devices/pci0/sda/removable": "0\n",
    })  # fmt: skip
    tree.link("/sys/bus/pci/devices/0000:00:02.0/driver", "../../../bus/pci/drivers/i915")
    tree.link("/sys/bus/pci/devices/0000:00:02.0/iommu_group", group)
    disk(tree, "sda", "8:0", scheduler="mq-deadline [bfq] none")


def guest(tree):
    """A virtual machine of a known provider: what describes only the guest stays unknown."""
    processors(tree, count=2, threads=1, flags="fpu hypervisor")
    files(tree, {
        CPU + "smt/active": "0\n", CPU + "smt/control": "notsupported\n",
        "/sys/class/dmi/id/sys_vendor": "Amazon EC2\n",
        "/sys/class/dmi/id/product_name": "m5.large\n",
        "/sys/bus/virtio/drivers/virtio_balloon/virtio4/": "",
        "/sys/bus/virtio/devices/virtio4/features": "0010" + "0" * 60 + "\n",
        "/sys/class/ptp/ptp0/clock_name": "KVM virtual PTP\n",
        "/proc/misc": "229 fuse\n124 vsock\n", "/dev/vsock": "",
        "/proc/swaps": "Filename Type Size Used Priority\n/swapfile file 100 0 -2\n",
    })  # fmt: skip
    disk(tree, "vda", "8:1", scheduler="[none] mq-deadline")


def disk(tree, name, number, *, scheduler):
    """One disk as the kernel shows it."""
    folder = "/sys/devices/pci0/block/" + name
    files(tree, {
        folder + "/dev": number + "\n", folder + "/removable": "0\n",
        folder + "/queue/scheduler": scheduler + "\n", folder + "/slaves/": "",
    })  # fmt: skip
    tree.link("/sys/class/block/" + name, "../../devices/pci0/block/" + name)
    tree.link("/sys/dev/block/" + number, "../../devices/pci0/block/" + name)


def v2_group(tree, path, *, mount=CGROUP, **own):
    """A version 2 control group; ``own`` with ``__`` for dots (``memory__max``)."""
    usual = {
        "memory.max": "max", "memory.low": "0", "memory.min": "0", "memory.swap.max": "max",
        "memory.oom.group": "0", "cpu.max": "max 100000", "cpu.weight": "100", "pids.max": "max",
        "io.max": "", "io.weight": "default 100", "cpuset.cpus": "",
        "cpuset.cpus.effective": "0-3", "cgroup.events": "populated 1\nfrozen 0",
    }  # fmt: skip
    changed = {key.replace("__", "."): value for key, value in own.items()}
    for name, text in {**usual, **changed}.items():
        tree.write("%s%s/%s" % (mount, path, name), text + "\n")


def v1_group(tree, path, **own):
    """A version 1 group in every tree; ``own`` as in ``v2_group``, found by its controller."""
    usual = {
        "memory.limit_in_bytes": NO_LIMIT, "memory.soft_limit_in_bytes": NO_LIMIT,
        "memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 0\n",
        "memory.stat": "hierarchical_memory_limit %s" % NO_LIMIT,
        "cpu.cfs_quota_us": "-1\n", "cpu.cfs_period_us": "100000\n", "cpu.shares": "1024\n",
        "pids.max": "max\n", "freezer.state": "THAWED\n", "cpuset.cpus": "0-3\n",
        "devices.list": "c 1:3 rwm\nc 1:5 rwm\nb *:* m\n", "blkio.weight": "500\n",
    }  # fmt: skip
    changed = {key.replace("__", "."): value + "\n" for key, value in own.items()}
    for name, text in {**usual, **changed}.items():
        tree.write("%s/%s%s/%s" % (CGROUP, name.partition(".")[0], path, name), text)
    for controller in V1_CONTROLLERS:
        tree.write("%s/%s%s/notify_on_release" % (CGROUP, controller, path), "0\n")


def v1_cgroup(path):
    """``/proc/<pid>/cgroup`` of a process in ``path`` of every version 1 tree."""
    rows = ("%d:%s:%s\n" % (n, name, path) for n, name in enumerate(V1_CONTROLLERS, 1))
    return "".join(rows) + "0::/\n"


def root_of_container(tree, pid, *, shell=True):
    """A small file system as the container sees it."""
    root = "/proc/%d/root" % pid
    files(tree, {
        root + "/etc/os-release": "ID=alpine\n",
        root + "/etc/passwd": "root:x:0:0::/root:/bin/sh\n",
        root + "/dev/": "", root + "/proc/sys/kernel/core_pattern": "core\n",
        root + "/proc/kcore": "", root + "/proc/keys": "", root + "/sys/firmware/": "",
        root + "/sys/class/net/eth0/iflink": "7\n",
        root + "/sys/class/net/eth0/uevent": "INTERFACE=eth0\n",
        root + "/sys/class/net/eth0/flags": "0x1003\n",
    })  # fmt: skip
    files(tree, {
        "/proc/%d/net/tcp" % pid: "  sl\n   0: 00000000:1F90 00000000:0000 0A 0 0 0 0 0 77 1 0\n",
        "/proc/%d/net/route" % pid: "Iface\tDestination\nlo\t0000007F\neth0\t00000000\n",
        "/proc/%d/attr/current" % pid: "docker-default (enforce)\n",
    })  # fmt: skip
    if shell:
        tree.write(root + "/bin/sh", "x")


def docker_state(tree, container_id, name, *, root="/var/lib/docker", config=None, host=None):
    """The two state files of one container of docker."""
    folder = "%s/containers/%s" % (root, container_id)
    state = {
        "ID": container_id, "Name": "/" + name, "Image": "sha256:" + "a" * 64,
        "LogPath": "%s/%s-json.log" % (folder, container_id),
        "Config": {"Image": "shop/%s:1" % name, "Labels": {}, **(config or {})},
        "NetworkSettings": {"Ports": {}, "Networks": {}},
    }  # fmt: skip
    settings = {
        "RestartPolicy": {"Name": "no"}, "LogConfig": {"Type": "json-file", "Config": {}},
        "NetworkMode": "default", **(host or {}),
    }  # fmt: skip
    if "ports" in (host or {}):
        state["NetworkSettings"]["Ports"] = settings.pop("ports")
    tree.write(folder + "/config.v2.json", json.dumps(state))
    tree.write(folder + "/hostconfig.json", json.dumps(settings))
    log = tree.write("%s/%s-json.log" % (folder, container_id), "{}\n")
    log.chmod(0o640)


def dockerd(tree, pid, *options, config=None):
    """A docker daemon with its socket."""
    tree.process(pid, "dockerd", argv=("/usr/bin/dockerd", *options))
    tree.write("/etc/docker/daemon.json", json.dumps(config or {}))
    tree.write("/var/lib/docker/image/overlay2/repositories.json", '{"Repositories": {}}')
    socket(tree, pid, "/run/docker.sock", 5001)


def socket(tree, pid, path, inode):
    """A unix socket on disk, and in the tables of ``pid`` as one it listens on."""
    make_socket(tree, path)
    tree.link("/proc/%d/fd/%d" % (pid, inode % 100), "socket:[%d]" % inode)
    row = "0000: 00000002 00000000 00010000 0001 01 %d %s\n" % (inode, path)
    for owner in (1, pid):
        table = tree.folder / "proc" / str(owner) / "net/unix"
        head = table.read_text() if table.exists() else "Num RefCount Protocol Flags\n"
        tree.write("/proc/%d/net/unix" % owner, head + row)


def node(tree, path, numbers, mode):
    """A character device; making one needs root."""
    target = tree.folder / path.lstrip("/")
    target.parent.mkdir(parents=True, exist_ok=True)
    os.mknod(target, mode | stat.S_IFCHR, os.makedev(*numbers))
    target.chmod(mode)


def make_socket(tree, path):
    """A socket at ``path``, bound through the folder: addresses have 108 bytes at most."""
    folder, _, name = path.rpartition("/")
    target = tree.folder / folder.strip("/")
    target.mkdir(parents=True, exist_ok=True)
    opened = os.open(target, os.O_PATH)
    try:
        with unix.socket(unix.AF_UNIX) as one:
            one.bind("/proc/self/fd/%d/%s" % (opened, name))
    finally:
        os.close(opened)
    (target / name).chmod(0o660)


def bundle(tree, folder, **changed):
    """An OCI bundle with a filter and the limits of a careful start."""
    spec = {
        "process": {"terminal": False, "capabilities": {}},
        "linux": {
            "seccomp": {"defaultAction": "SCMP_ACT_ERRNO", "syscalls": [
                {"names": ["read", "write", "clone3"], "action": "SCMP_ACT_ALLOW"}]},
            "resources": {"devices": [{"allow": False, "access": "rwm"}]},
        },
        **changed,
    }  # fmt: skip
    tree.write(folder + "/config.json", json.dumps(spec))


ED25519 = base64.b64encode(b"\0\0\0\x0bssh-ed25519\0\0\0\x20" + bytes(range(32))).decode()
NO_LOOPBACK = "  sl local rem st\n   0: 00000000:0948 00000000:0000 0A 0 0 0 0 0 6002 1 0\n"


def busy(tree):
    """What a host gathers over the years: keys, shipping, logs, bridges, interpreters, images."""
    files(tree, {
        "/proc/sys/fs/binfmt_misc/qemu-arm":
            "enabled\ninterpreter /usr/bin/qemu-arm\nflags: F\noffset 0\n",
        "/sys/class/net/docker0/flags": "0x1003\n", "/sys/class/net/docker0/bridge/x": "",
        "/sys/class/net/docker0/uevent": "DEVTYPE=bridge\n",
        "/sys/class/net/docker0/brif/": "",
        "/proc/sys/net/ipv4/conf/all/rp_filter": "0\n",
        "/proc/sys/net/ipv4/conf/docker0/rp_filter": "2\n",
        "/sys/class/net/vxlan1/flags": "0x1003\n",
        "/sys/class/net/vxlan1/uevent": "DEVTYPE=vxlan\n",
        "/root/.ssh/authorized_keys": "ssh-ed25519 %s me@home\n" % ED25519,
        "/etc/subuid": "alice:100000:65536\nbob:100000:65536\n",
        "/etc/rsyslog.conf": '*.* action(type="omfwd" protocol="tcp" StreamDriverMode="1")\n',
        "/var/log/wtmp": b"\0" * 100, "/var/log/auth.log": "x\n", "/etc/audit/auditd.conf": "\n",
        "/proc/keys": "1 I--Q--- 1 perm 3f 0 0 keyring _ses.%s: 1\n" % ("0123456789ab" + "c" * 52),
        "/proc/1/net/tcp": "  sl\n   0: 00000000:0016 00000000:0000 0A 0 0 0 0 0 6001 1 0\n",
    })  # fmt: skip
    (tree.folder / "var/log/auth.log").chmod(0o640)
    (tree.folder / "var/log/wtmp").chmod(0o664)
    tree.write("/proc/misc", "229 fuse\n232 kvm\n")
    node(tree, "/dev/kvm", (10, 232), 0o666)
    node(tree, "/dev/video0", (81, 0), 0o660)
    tree.process(302, "rsyslogd")
    tree.link("/proc/300/fd/3", "socket:[6001]")
    tree.process(310, "unshare", namespaces={"net": 4026531999})
    image(tree, "/var/lib/docker/image/overlay2")


def image(tree, folder):
    """One tagged image of one layer, with a host key in it."""
    identity, chain = "sha256:" + "a" * 64, "c" * 64
    names = {"shop/web": {"registry.example:5000/shop/web:1": identity}}
    config = {
        "created": "2026-01-01T00:00:00Z", "rootfs": {"diff_ids": ["sha256:" + chain]},
        "config": {"User": "web", "ExposedPorts": {"80/tcp": {}},
                   "Labels": {"org.opencontainers.image.base.name": "debian:13"}},
    }  # fmt: skip
    layer = "/var/lib/docker/overlay2/x1/diff"
    files(tree, {
        folder + "/repositories.json": json.dumps({"Repositories": names}),
        folder + "/imagedb/content/sha256/" + "a" * 64: json.dumps(config),
        "%s/layerdb/sha256/%s/size" % (folder, chain): "1000",
        "%s/layerdb/sha256/%s/cache-id" % (folder, chain): "x1",
        layer + "/etc/ssh/ssh_host_rsa_key": "k",
    })  # fmt: skip


def weak_container(tree, pid):
    """A container's processes and files with something to find in each place."""
    files(tree, {
        "/proc/%d/fdinfo/3" % pid: "pos:\t0\nmnt_id:\t22\n",
        "/proc/%d/fdinfo/4" % pid: "pos:\t0\nmnt_id:\t9\n",
    })  # fmt: skip
    tree.link("/proc/%d/fd/3" % pid, "/etc/hosts")
    tree.link("/proc/%d/fd/4" % pid, "socket:[77]")
    inside = tree.folder / ("proc/%d/root/var/run/docker.sock" % pid)
    inside.parent.mkdir(parents=True)
    os.link(tree.folder / "run/docker.sock", inside)  # bound into it: the same node
    node(tree, "/proc/%d/root/dev/kvm" % pid, (10, 232), 0o660)
    node(tree, "/proc/%d/root/dev/null" % pid, (1, 3), 0o666)
    for name in ("bin/sh", "usr/sbin/sshd", "usr/bin/apk", "usr/bin/curl", "usr/bin/su"):
        tree.write("/proc/%d/root/%s" % (pid, name), "x").chmod(0o755)
    (tree.folder / ("proc/%d/root/usr/bin/su" % pid)).chmod(0o4755)
