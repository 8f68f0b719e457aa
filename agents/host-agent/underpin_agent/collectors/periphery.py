"""The ``periphery`` section: devices the kernel drives."""

import posixpath

from ..mountinfo import covering, read_host_mounts
from ..reading import Absent, ReadFailed
from . import block
from .device_nodes import device_nodes
from .gathering import Gathering, capped, names_or_none, text_or
from .programs import cut_by_hiding, running
from .resources import store_paths

_USB = "/sys/bus/usb/devices"
_THUNDERBOLT = "/sys/bus/thunderbolt/devices"
_BLOCK = "/sys/class/block"
_NODE_CAP = 2000


def collect(context):
    """Read the device nodes of the host and what stands behind them."""
    host, gathering = context.host, Gathering("periphery")
    nodes = gathering.fact("device_nodes", lambda: device_nodes(host))
    if nodes is not None:
        gathering.store("device_nodes", capped(gathering, "device_nodes", nodes, _NODE_CAP))
    gathering.fact("usb.present", lambda: host.exists("/sys/bus/usb"))
    gathering.fact("usb.guard_running", lambda: bool(running(context, ("usbguard-daemon",))))
    gathering.fact("usb.buses", lambda: _usb_buses(host))
    gathering.fact("thunderbolt", lambda: _thunderbolt(gathering, host))
    gathering.fact("block_devices", lambda: _block_devices(context, gathering))
    gathering.fact("vsock.present", lambda: vsock_present(host))
    return gathering.section


def _usb_buses(host):
    rows = []
    for name in names_or_none(host, _USB):
        if name.startswith("usb") and name[3:].isdigit():
            value = host.line("%s/%s/authorized_default" % (_USB, name))
            rows.append({"bus": name, "authorized_default": int(value)})
    return rows


def _thunderbolt(gathering, host):
    rows = []
    for name in names_or_none(host, _THUNDERBOLT):
        if not name.startswith("domain"):
            continue
        folder = "%s/%s/" % (_THUNDERBOLT, name)
        row = gathering.item("thunderbolt")
        row.store("domain", name)
        row.fact("security", lambda folder=folder: host.line(folder + "security"))
        row.fact(
            "iommu_dma_protection",
            lambda folder=folder: host.line(folder + "iommu_dma_protection") == "1",
        )
        rows.append(row.facts)
    return rows


def _block_devices(context, gathering):
    host = context.host
    backing = _backing_disks(context)
    is_guest = "hypervisor" in host.read("/proc/cpuinfo", 16_384)
    weighted = _devices_with_cost_model(host)
    rows = []
    for name in names_or_none(host, _BLOCK):
        if name.startswith(("loop", "ram", "zram", "nbd")) and text_or(host, _size(name)) in (
            "0",
            "",
        ):
            continue  # nodes without a medium
        row = gathering.item("block_devices")
        row.store("name", name)
        device = row.fact("device", lambda name=name: host.line("%s/%s/dev" % (_BLOCK, name)))
        row.store("removable", text_or(host, "%s/%s/removable" % (_BLOCK, name), "0") == "1")
        _encrypted(row, host, name, is_guest)
        if name in backing or not context.processes.hidden:
            row.store("backs_containers", name in backing)
        else:
            cut_by_hiding(row, context, "backs_containers")
        row.store("honours_weights", _uses_bfq(host, name) or device in weighted)
        rows.append(row.facts)
    return rows


def _size(name):
    return "%s/%s/size" % (_BLOCK, name)


def _encrypted(row, host, name, is_guest):
    found = block.encrypted(host, name)
    if is_guest and not found:
        row.missing("encrypted", "a virtual machine cannot see encryption below it")
        return
    row.store("encrypted", found)


def _backing_disks(context):
    """Names of every device below the engines' stores, volumes included."""
    host, found = context.host, set()
    mounts = read_host_mounts(host)
    for path in store_paths(context):
        for folder in (path, path + "/volumes"):
            mount = covering(mounts, folder)
            try:
                name = block.name_of_number(host, mount.device)
            except (ReadFailed, AttributeError):
                continue  # network, memory and union file systems have no block device
            found |= block.disks_below(host, name)
    return found


def _uses_bfq(host, name):
    """bfq is the chosen scheduler of the device, or of the disk a partition lies on."""
    try:
        text = host.line("%s/%s/queue/scheduler" % (_BLOCK, name))
    except Absent:
        disk = posixpath.basename(posixpath.dirname(host.link("%s/%s" % (_BLOCK, name))))
        text = text_or(host, "%s/%s/queue/scheduler" % (_BLOCK, disk))
    return "[bfq]" in text


def _devices_with_cost_model(host):
    """Numbers of devices with ``enable=1`` in io.cost.qos of the unified tree's root."""
    for folder in ("/sys/fs/cgroup", "/sys/fs/cgroup/unified"):
        try:
            lines = host.lines(folder + "/io.cost.qos")
        except ReadFailed:
            continue
        return {line.split()[0] for line in lines if "enable=1" in line.split()}
    return set()


def vsock_present(host):
    """True when sockets to the hypervisor can be opened: the device is there."""
    if host.exists("/dev/vsock"):
        return True
    return "vsock" in text_or(host, "/proc/misc").split()
