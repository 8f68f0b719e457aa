"""The ``platform`` section: processors, memory, interconnect, firmware, hypervisor."""

import functools

from . import platform_cpu, platform_devices, platform_memory
from .gathering import Gathering, text_or

_CLOUDS = (  # sys_vendor, product_name: beginnings
    ("Amazon EC2", "", "aws"),
    ("Google", "Google Compute Engine", "gcp"),
    ("Alibaba Cloud", "", "alibaba"),
    ("DigitalOcean", "", "digitalocean"),
    ("Hetzner", "", "hetzner"),
    ("Scaleway", "", "scaleway"),
    ("Akamai", "", "akamai"),
    ("Linode", "", "akamai"),
    ("Vultr", "", "vultr"),
    ("UpCloud", "", "upcloud"),
    ("Exoscale", "", "exoscale"),
    ("Tencent Cloud", "", "tencent"),
    ("Huawei Cloud", "", "huawei"),
    ("OpenStack Foundation", "", "openstack"),
)
_AZURE_TAG = "7783-7084-3265-9085-8269-3286-77"  # documented by the provider
_DMI = "/sys/class/dmi/id/"


def collect(context):
    """Read the machine below the kernel; in a guest only what the guest can know."""
    host, gathering = context.host, Gathering("platform")
    processor = gathering.fact("virtualisation", lambda: virtualisation(context))
    is_guest = processor != "none"
    gathering.fact("cloud", lambda: _cloud(host, is_guest), needs="DMI tables")
    platform_cpu.gather(gathering, host, is_guest)
    platform_memory.gather(gathering, host, is_guest)
    platform_devices.gather(gathering, host, is_guest)
    return gathering.section


def virtualisation(context):
    """none, vm or container: what kind of machine the kernel and its PID 1 run on."""
    host = context.host
    if _is_container(context):
        return "container"
    flags = platform_memory.processor_flags(host.read("/proc/cpuinfo", 16_384))
    if "hypervisor" in flags:
        return "vm"
    if text_or(host, "/sys/hypervisor/type") == "xen":
        return "none" if "control_d" in text_or(host, "/proc/xen/capabilities") else "vm"
    vendor = text_or(host, _DMI + "sys_vendor")
    if vendor == "Amazon EC2":
        return "none" if ".metal" in text_or(host, _DMI + "product_name") else "vm"
    return "vm" if vendor in ("QEMU", "VMware, Inc.", "innotek GmbH", "Xen") else "none"


def _is_container(context):
    """True when PID 1 itself lives in a namespace of its own: the "host" is a system container."""
    own = context.discovery.host_inodes.get("pid")
    return own is not None and own != 4026531836 and context.host.exists("/run/systemd/container")


def _cloud(host, is_guest):
    # Real hardware without DMI is in no cloud; a guest without it may be in any.
    read = host.line if is_guest else functools.partial(text_or, host)
    vendor = read(_DMI + "sys_vendor")
    product = text_or(host, _DMI + "product_name")
    return cloud_name(vendor, product, text_or(host, _DMI + "chassis_asset_tag"))


def cloud_name(vendor, product, asset_tag):
    """The provider by DMI strings, ``none`` when they name no known one."""
    if asset_tag == _AZURE_TAG:
        return "azure"
    if asset_tag == "OracleCloud.com":
        return "oracle"
    for vendor_start, product_start, name in _CLOUDS:
        if vendor.startswith(vendor_start) and product.startswith(product_start):
            return name
    return "none"
