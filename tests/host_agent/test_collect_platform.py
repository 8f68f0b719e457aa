"""The platform section: what the machine is, and what a guest cannot know about it."""

import struct

import pytest
from underpin_agent.collectors import block, platform, platform_cpu, platform_devices
from underpin_agent.collectors import platform_memory as memory
from underpin_agent.collectors.gathering import Unknown, number_list

from tests.host_agent.hosts.building import Machine, body

CPU = "/sys/devices/system/cpu/"
GUEST_ONLY_UNKNOWN = (
    "platform.smt.control",
    "platform.smt.active",
    "platform.microcode",
    "platform.memory.error_correction",
    "platform.iommu",
)


@pytest.fixture
def machine(tmp_path):
    built = Machine(tmp_path).files(
        **{
            "/proc/cpuinfo": "processor : 0\nflags\t\t: fpu sme tsc\n",
            "/proc/cmdline": "quiet\n",
            "/proc/meminfo": "MemTotal:  1000 kB\nSwapTotal: 5 kB\nHugePages_Total:  3\n",
            "/proc/filesystems": "nodev\tsysfs\nnodev\tresctrl\n",
            "/proc/swaps": "Filename Type Size Used Priority\n",
            CPU + "online": "0-1\n",
            CPU + "isolated": "1\n",
            CPU + "nohz_full": "(null)\n",
            CPU + "smt/active": "1\n",
            CPU + "smt/control": "on\n",
            CPU + "vulnerabilities/old_microcode": "Vulnerable\n",
            "/sys/devices/system/node/online": "0-1\n",
            "/sys/devices/system/edac/mc/mc0/dimm0/dimm_edac_mode": "SECDED\n",
            "/sys/kernel/mm/transparent_hugepage/enabled": "always [madvise] never\n",
            "/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages": "4\n",
            "/sys/class/dmi/id/sys_vendor": "Example Corp\n",
            "/sys/kernel/iommu_groups/0/type": "DMA-FQ\n",
            "/sys/kernel/iommu_groups/1/type": "identity\n",
        }
    )
    for number in (0, 1):
        folder = f"{CPU}cpu{number}/"
        built.files(
            **{
                folder + "topology/physical_package_id": "0\n",
                folder + "topology/core_id": "3\n",
                folder + "topology/thread_siblings_list": "0-1\n",
                folder + "cache/index0/level": "1\n",
                folder + "cache/index0/shared_cpu_list": f"{number}\n",
                folder + "cache/index2/level": "3\n",
                folder + "cache/index2/shared_cpu_list": "0-1\n",
                folder + "node0/x": "",
            }
        )
    return built


def test_real_hardware_is_described_whole(machine):
    facts, unknowns = body(platform.collect, machine.context())
    assert facts["virtualisation"] == "none"
    assert facts["cloud"] == "none"
    assert facts["smt"] == {"control": "on", "active": True}
    assert facts["microcode"] == "vulnerable"
    assert facts["memory"] == {
        "total_bytes": 1_024_000,
        "numa_nodes": 2,
        "error_correction": True,
        "encryption": "none",
    }
    assert facts["iommu"]["groups"] == 2
    assert facts["iommu"]["types"] == ["DMA-FQ", "identity"]
    assert facts["isolated_cpus"] == [1]
    assert facts["cpus"][1] == {
        "id": 1,
        "core": "0.3",
        "siblings": [0, 1],
        "last_level_cache": [0, 1],
        "node": 0,
    }
    assert facts["hugepages"] == [{"size_kib": 2048, "count": 4}]
    assert set(unknowns) == {"platform.balloon.driver", "platform.balloon.deflate_on_oom"}


def test_a_guest_leaves_out_what_describes_the_virtual_machine(machine):
    machine.write("/proc/cpuinfo", "flags : fpu hypervisor\n").write(CPU + "smt/active", "0")
    facts, unknowns = body(platform.collect, machine.context())
    assert facts["virtualisation"] == "vm"
    assert not {"smt", "microcode", "iommu"} & set(facts)
    assert "error_correction" not in facts["memory"]
    for path in GUEST_ONLY_UNKNOWN:
        assert path in unknowns


def test_a_guest_that_sees_threads_says_so(machine):
    machine.write("/proc/cpuinfo", "flags : fpu hypervisor\n")
    facts, _ = body(platform.collect, machine.context())
    assert facts["smt"] == {"active": True}


def test_a_guest_without_firmware_tables_does_not_know_its_cloud(machine):
    machine.write("/proc/cpuinfo", "flags : hypervisor\n")
    machine.at("/sys/class/dmi/id/sys_vendor").unlink()
    _, unknowns = body(platform.collect, machine.context())
    assert unknowns["platform.cloud"] == "not present on this host"


@pytest.mark.parametrize(
    ("vendor", "product", "tag", "name"),
    [
        ("Amazon EC2", "m5.large", "", "aws"),
        ("Google", "Google Compute Engine", "", "gcp"),
        ("Google", "Pixel", "", "none"),
        ("Microsoft Corporation", "Virtual Machine", "7783-7084-3265-9085-8269-3286-77", "azure"),
        ("Microsoft Corporation", "Virtual Machine", "", "none"),
        ("QEMU", "Standard PC", "OracleCloud.com", "oracle"),
        ("QEMU", "Standard PC", "", "none"),
    ],
)
def test_the_cloud_by_firmware_strings(vendor, product, tag, name):
    assert platform.cloud_name(vendor, product, tag) == name


@pytest.mark.parametrize(
    ("flags", "words", "expected"),
    [
        ({"sme"}, ["mem_encrypt=on"], "sme"),
        ({"sme"}, [], "none"),
        ({"hypervisor", "sev_snp"}, [], "sev"),
        ({"hypervisor"}, [], "none"),
        ({"hypervisor", "tdx_guest"}, [], "tdx"),
        (set(), [], "none"),
    ],
)
def test_memory_encryption_is_what_is_active(flags, words, expected):
    assert memory.memory_encryption(flags, words) == expected


def test_the_tme_flag_alone_proves_nothing():
    with pytest.raises(Unknown):
        memory.memory_encryption({"tme"}, [])


def smbios(*structures):
    """A table of structures ``(type, formatted bytes)``, each with an empty string set."""
    return b"".join(
        struct.pack("<BBH", kind, 4 + len(content), 0) + content + b"\0\0"
        for kind, content in structures
    )


@pytest.mark.parametrize(
    ("correction", "corrected"), [(3, False), (4, False), (5, True), (6, True)]
)
def test_error_correction_from_the_firmware_table(correction, corrected):
    array = bytes([3, 3, correction]) + bytes(8)
    table = smbios((0, bytes(20)), (16, array), (127, b""))
    assert memory.dmi_error_correction(table) is corrected


@pytest.mark.parametrize("table", [b"", b"\x10\x0f", smbios((16, bytes([3, 4, 6])), (127, b""))])
def test_a_table_without_system_memory_is_unknown(table):
    with pytest.raises(Unknown):
        memory.dmi_error_correction(table)


def test_swap_on_an_encrypted_volume_of_a_volume_group(machine):
    machine.write(
        "/proc/swaps", "Filename\n/dev/dm-1 partition 1 0 -2\n/dev/zram0 partition 1 0 5\n"
    )
    machine.write("/sys/class/block/dm-1/dm/uuid", "LVM-x\n").link(
        "/sys/class/block/dm-1/slaves/dm-0", "../../dm-0"
    )
    machine.write("/sys/class/block/dm-0/dm/uuid", "CRYPT-LUKS2-1\n")
    facts, _ = body(platform.collect, machine.context())
    assert facts["swap"] == [
        {"name": "/dev/dm-1", "kind": "partition", "encrypted": True},
        {"name": "/dev/zram0", "kind": "zram", "encrypted": False},
    ]


def test_a_volume_on_two_disks_is_encrypted_only_when_both_are(machine):
    machine.write("/sys/class/block/md0/slaves/dm-0", "").write(
        "/sys/class/block/md0/slaves/sdb", ""
    )
    machine.write("/sys/class/block/dm-0/dm/uuid", "CRYPT-LUKS2-1\n")
    host = machine.context().host
    assert block.encrypted(host, "dm-0") is True
    assert block.encrypted(host, "md0") is False


@pytest.mark.parametrize(
    ("text", "numbers"), [("0-3,8", [0, 1, 2, 3, 8]), ("", []), ("5", [5]), ("0 2", [0, 2])]
)
def test_lists_of_the_kernel(text, numbers):
    assert number_list(text) == numbers


def test_resctrl_is_partitioned_by_groups_only(machine):
    host = machine.context().host
    machine.write("/sys/fs/resctrl/schemata", "").write("/sys/fs/resctrl/info/x", "")
    machine.write("/sys/fs/resctrl/mon_groups/m/schemata", "")
    assert platform_cpu.resctrl_partitioned(host) is False
    machine.write("/sys/fs/resctrl/gold/schemata", "")
    assert platform_cpu.resctrl_partitioned(host) is True


def test_secure_boot_is_false_without_firmware_support_and_unknown_without_variables(machine):
    host = machine.context().host
    assert platform_devices.secure_boot(host) is False
    machine.write("/sys/firmware/efi/runtime", "x")
    with pytest.raises(Unknown):
        platform_devices.secure_boot(host)
    name = "SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"
    machine.write("/sys/firmware/efi/efivars/" + name, b"\x06\0\0\0\x01")
    assert platform_devices.secure_boot(host) is True


def test_the_balloon_tells_whether_it_gives_memory_back(machine):
    machine.write("/sys/bus/virtio/drivers/virtio_balloon/bind", "")
    host = machine.context().host
    assert platform_devices.balloon_driver(host) == ""
    machine.write("/sys/bus/virtio/drivers/virtio_balloon/virtio0/x", "")
    machine.write("/sys/bus/virtio/devices/virtio0/features", "0110010\n")
    facts, _ = body(platform.collect, machine.context())
    assert facts["balloon"] == {
        "present": True,
        "driver": "virtio_balloon",
        "deflate_on_oom": True,
    }


def test_a_missing_cache_table_is_unknown_not_unshared(machine):
    for name in ("index0", "index2"):
        for leaf in ("level", "shared_cpu_list"):
            machine.at(f"{CPU}cpu0/cache/{name}/{leaf}").unlink()
        machine.at(f"{CPU}cpu0/cache/{name}").rmdir()
    machine.at(CPU + "cpu0/cache").rmdir()
    facts, unknowns = body(platform.collect, machine.context())
    assert "last_level_cache" not in facts["cpus"][0]
    assert "platform.cpus[].last_level_cache" in unknowns
