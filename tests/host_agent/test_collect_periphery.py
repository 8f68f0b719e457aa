"""The periphery section: device nodes and what stands behind them."""

import os
import stat

import pytest
from underpin_agent.collectors import device_nodes, periphery

from tests.host_agent.hosts.building import ROOT_MOUNT, Machine, body

BLOCK = "/sys/class/block/"


@pytest.fixture
def machine(tmp_path):
    return Machine(tmp_path).files(
        **{
            "/dev/null.txt": "no node",
            "/proc/cpuinfo": "flags : fpu\n",
            "/proc/misc": "232 kvm\n258 vsock\n10 other\n",
            BLOCK + "sda/dev": "8:0\n",
            BLOCK + "sda/removable": "0\n",
            BLOCK + "sda/queue/scheduler": "mq-deadline kyber [bfq] none\n",
            BLOCK + "loop0/dev": "7:0\n",
            BLOCK + "loop0/size": "0\n",
            "/sys/fs/cgroup/io.cost.qos": "8:16 enable=1 ctrl=auto\n8:0 enable=0\n",
        }
    )


@pytest.mark.parametrize(
    ("path", "letter", "number", "kind"),
    [
        ("/dev/mem", "c", (1, 1), "mem"),
        ("/dev/port", "c", (1, 4), "port"),
        ("/dev/kmsg", "c", (1, 11), "kmsg"),
        ("/dev/null", "c", (1, 3), "other"),
        ("/dev/kvm", "c", (10, 232), "kvm"),
        ("/dev/renamed", "c", (10, 232), "kvm"),
        ("/dev/kvm", "c", (10, 99), "other"),  # a name proves nothing for a misc minor
        ("/dev/input/event0", "c", (13, 64), "input"),
        ("/dev/dri/card0", "c", (226, 0), "gpu"),
        ("/dev/nvidia0", "c", (195, 0), "gpu"),
        ("/dev/cpu/0/msr", "c", (202, 0), "msr"),
        ("/dev/ttyS0", "c", (4, 64), "serial"),
        ("/dev/tty1", "c", (4, 1), "other"),
        ("/dev/vfio/12", "c", (511, 0), "vfio"),
        ("/dev/sg0", "c", (21, 0), "scsi-generic"),
        ("/dev/nvme0n1", "b", (259, 0), "nvme"),
        ("/dev/sda", "b", (8, 0), "other"),
        ("/dev/hidraw0", "c", (245, 0), "hidraw"),
    ],
)
def test_the_kind_of_a_node_follows_from_its_numbers_then_its_name(path, letter, number, kind):
    assert device_nodes.node_kind(path, letter, number, {232: "kvm"}) == kind


def test_a_row_of_one_node():
    row = device_nodes.node_row("/dev/kvm", stat.S_IFCHR | 0o666, os.makedev(10, 232), {232: "kvm"})
    assert row == {
        "path": "/dev/kvm",
        "type": "c",
        "major": 10,
        "minor": 232,
        "mode": "0666",
        "other_read_write": True,
        "kind": "kvm",
    }


def test_the_walk_takes_nodes_only_and_not_deeper_than_three(machine):
    try:
        for path in (
            "/dev/a",
            "/dev/x/b",
            "/dev/x/y/c",
            "/dev/x/y/z/d",
            "/dev/pts/0",
            "/dev/shm/e",
        ):
            machine.at(path).parent.mkdir(parents=True, exist_ok=True)
            os.mknod(machine.at(path), stat.S_IFCHR | 0o600, os.makedev(1, 3))
    except PermissionError:
        pytest.fail("making device nodes needs root: run the tests as root")
    rows = device_nodes.device_nodes(machine.context().host)
    assert [row["path"] for row in rows] == ["/dev/a", "/dev/x/b", "/dev/x/y/c"]


def test_block_devices(machine):
    facts, unknowns = body(periphery.collect, machine.context())
    assert facts["block_devices"] == [
        {
            "name": "sda",
            "device": "8:0",
            "removable": False,
            "encrypted": False,
            "backs_containers": False,
            "honours_weights": True,
        }
    ]
    assert unknowns == {}


def test_a_guest_cannot_see_encryption_below_it(machine):
    machine.write("/proc/cpuinfo", "flags : fpu hypervisor\n")
    facts, unknowns = body(periphery.collect, machine.context())
    assert "encrypted" not in facts["block_devices"][0]
    assert "periphery.block_devices[].encrypted" in unknowns


def test_a_guest_sees_its_own_encryption(machine):
    machine.write("/proc/cpuinfo", "flags : hypervisor\n")
    machine.write(BLOCK + "sda/dm/uuid", "CRYPT-LUKS2-x\n")
    assert body(periphery.collect, machine.context())[0]["block_devices"][0]["encrypted"] is True


def test_everything_below_the_store_backs_containers(machine):
    machine.mounts(ROOT_MOUNT, "40 22 253:0 / /var/lib/docker rw - ext4 /dev/dm-0 rw")
    machine.process(50, "dockerd", ["dockerd"]).write("/var/lib/docker/x")
    machine.link("/sys/dev/block/253:0", "../../devices/virtual/block/dm-0")
    machine.write(BLOCK + "dm-0/dev", "253:0").link(BLOCK + "dm-0/slaves/sda", "../../sda")
    machine.write(BLOCK + "dm-0/queue/scheduler", "[none]")
    facts, _ = body(periphery.collect, machine.context())
    found = {row["name"]: row["backs_containers"] for row in facts["block_devices"]}
    assert found == {"sda": True, "dm-0": True}


def test_a_cost_model_honours_weights_without_bfq(machine):
    machine.write(BLOCK + "sdb/dev", "8:16").write(BLOCK + "sdb/queue/scheduler", "[none] bfq")
    machine.write(BLOCK + "sdc/dev", "8:32").write(BLOCK + "sdc/queue/scheduler", "[none] bfq")
    rows = body(periphery.collect, machine.context())[0]["block_devices"]
    found = {row["name"]: row["honours_weights"] for row in rows}
    assert found == {"sda": True, "sdb": True, "sdc": False}


def test_buses_and_their_guard(machine):
    facts, _ = body(periphery.collect, machine.context())
    assert facts["usb"] == {"present": False, "guard_running": False, "buses": []}
    machine.write("/sys/bus/usb/devices/usb1/authorized_default", "1\n")
    machine.write("/sys/bus/usb/devices/1-1/authorized", "1\n")
    machine.process(60, "usbguard-daemon")
    facts, _ = body(periphery.collect, machine.context())
    assert facts["usb"] == {
        "present": True,
        "guard_running": True,
        "buses": [{"bus": "usb1", "authorized_default": 1}],
    }


def test_a_thunderbolt_attribute_the_kernel_lacks_is_unknown(machine):
    machine.write("/sys/bus/thunderbolt/devices/domain0/security", "user\n")
    facts, unknowns = body(periphery.collect, machine.context())
    assert facts["thunderbolt"] == [{"domain": "domain0", "security": "user"}]
    assert "periphery.thunderbolt[].iommu_dma_protection" in unknowns


def test_vsock_by_node_or_by_driver(machine):
    assert body(periphery.collect, machine.context())[0]["vsock"]["present"] is True
    machine.write("/proc/misc", "232 kvm\n")
    assert body(periphery.collect, machine.context())[0]["vsock"]["present"] is False


def test_an_unreadable_dev_is_unknown_not_empty(machine):
    machine.at("/dev/null.txt").unlink()
    machine.at("/dev").rmdir()
    facts, unknowns = body(periphery.collect, machine.context())
    assert "device_nodes" not in facts
    assert unknowns["periphery.device_nodes"] == "not present on this host"
