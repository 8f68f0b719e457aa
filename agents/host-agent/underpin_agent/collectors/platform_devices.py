"""``platform``: buses, firmware, energy counters, balloon and clocks of the hypervisor."""

import os
import stat

from ..reading import Absent
from .gathering import Unknown, names_or_none, text_or

_PCI = "/sys/bus/pci/devices/"
_GROUPS = "/sys/kernel/iommu_groups"
_EFI = "/sys/firmware/efi"
_SECURE_BOOT = _EFI + "/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"
_BALLOONS = (  # driver, folder that holds one entry per device
    ("virtio_balloon", "/sys/bus/virtio/drivers/virtio_balloon"),
    ("hv_balloon", "/sys/bus/vmbus/drivers/hv_balloon"),
    ("vmmemctl", "/sys/module/vmw_balloon"),
    ("xen", "/sys/devices/system/xen_memory"),
)
_NO_DEVICE = {"bind", "unbind", "uevent", "module", "new_id", "remove_id"}
_GUEST = "describes the virtual machine, not the machine below"


def gather(gathering, host, is_guest):
    """Store iommu, pci, firmware, energy_counters, balloon and precise_clock."""
    if is_guest:
        gathering.missing("iommu", _GUEST)
    else:
        _iommu(gathering, host)
    gathering.fact("pci", lambda: _pci(gathering, host, is_guest))
    gathering.fact("firmware.efi", lambda: host.exists(_EFI))
    gathering.fact("firmware.secure_boot", lambda: secure_boot(host), needs="root")
    gathering.fact("energy_counters", lambda: _energy_counters(host))
    _balloon(gathering, host)
    gathering.fact("precise_clock", lambda: precise_clock(host))


def _iommu(gathering, host):
    groups = gathering.fact("iommu.groups", lambda: len(names_or_none(host, _GROUPS)))
    if groups is not None:
        gathering.fact("iommu.types", lambda: _iommu_types(host))
    gathering.fact(
        "iommu.unsafe_interrupts",
        lambda: host.line("/sys/module/vfio_iommu_type1/parameters/allow_unsafe_interrupts") == "Y",
        absent=False,
    )


def _iommu_types(host):
    groups = names_or_none(host, _GROUPS)
    return sorted({host.line("%s/%s/type" % (_GROUPS, group)) for group in groups})


def _pci(gathering, host, is_guest):
    rows = []
    for address in names_or_none(host, _PCI):
        row = {
            "address": address,
            "class": host.line(_PCI + address + "/class"),
            "driver": _link_name(host, _PCI + address + "/driver"),
        }
        if not is_guest:
            row["iommu_group"] = _link_name(host, _PCI + address + "/iommu_group")
        rows.append(row)
    if is_guest and rows:
        gathering.missing("pci[].iommu_group", _GUEST)
    return rows


def _link_name(host, path):
    """The last part of the link's target; ``""`` when nothing is bound."""
    try:
        return os.path.basename(host.link(path))
    except Absent:
        return ""


def secure_boot(host):
    """The last byte of the SecureBoot variable; false without UEFI. Raises Unknown."""
    if not host.exists(_EFI):
        return False
    try:
        return host.read_bytes(_SECURE_BOOT, 64)[-1] == 1
    except Absent:
        if names_or_none(host, _EFI + "/efivars"):
            return False
        raise Unknown(reason="efivarfs is not mounted", needs="efivarfs") from None


def _energy_counters(host):
    rows = []
    for name in names_or_none(host, "/sys/class/powercap"):
        path = "/sys/class/powercap/%s/energy_uj" % name
        try:
            mode = host.stat(path).st_mode
        except Absent:
            continue
        rows.append({"path": path, "world_readable": bool(mode & stat.S_IROTH)})
    return rows


def _balloon(gathering, host):
    found = gathering.fact("balloon.present", lambda: balloon_driver(host) != "")
    if not found:
        for name in ("balloon.driver", "balloon.deflate_on_oom"):
            gathering.missing(name, "no balloon device")
        return
    driver = balloon_driver(host)
    gathering.store("balloon.driver", driver)
    gathering.fact("balloon.deflate_on_oom", lambda: _deflates(host, driver))


def balloon_driver(host):
    """The driver of the memory balloon, ``""`` without one."""
    for driver, folder in _BALLOONS:
        names = set(names_or_none(host, folder))
        if names - _NO_DEVICE or (names and not folder.startswith("/sys/bus/")):
            return driver
    return ""


def _deflates(host, driver):
    if driver != "virtio_balloon":
        raise Unknown(reason="this driver does not say")
    names = set(names_or_none(host, dict(_BALLOONS)[driver])) - _NO_DEVICE
    bits = [host.line("/sys/bus/virtio/devices/%s/features" % name) for name in sorted(names)]
    # VIRTIO_BALLOON_F_DEFLATE_ON_OOM, virtio specification 5.5.3
    return bool(bits) and all(text[2] == "1" for text in bits)


def precise_clock(host):
    """True when the hypervisor offers its own clock (ptp_kvm, vmclock, Hyper-V)."""
    for name in names_or_none(host, "/sys/class/ptp"):
        clock = text_or(host, "/sys/class/ptp/%s/clock_name" % name).lower()
        if any(word in clock for word in ("kvm", "vmclock", "hyperv", "vmware", "xen")):
            return True
    return False
