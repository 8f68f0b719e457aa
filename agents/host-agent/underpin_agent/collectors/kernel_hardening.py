"""``kernel.hardening.*``: start-up switches, decided by the command line, else by the build."""

import os

from ..reading import ReadFailed
from .gathering import Unknown

# kstrtobool() in lib/kstrtox.c
_TRUE = ("1", "y", "Y", "t", "T", "on", "On", "ON", "oN")
_FALSE = ("0", "n", "N", "f", "F", "off", "Off", "OFF", "oF")
_FORCE = {"always": "always", "ptrace": "ptrace", "never": "never"}


def gather(gathering, host, words, symbols):
    """Store ``hardening.*``. ``words`` and ``symbols`` are None where they could not be read."""
    rows = {
        "init_on_alloc": lambda: _switch(
            words, symbols, "init_on_alloc", "CONFIG_INIT_ON_ALLOC_DEFAULT_ON"
        ),
        "init_on_free": lambda: _switch(
            words, symbols, "init_on_free", "CONFIG_INIT_ON_FREE_DEFAULT_ON"
        ),
        "slab_nomerge": lambda: slab_nomerge(words, symbols),
        "kernel_stack_offset": lambda: kernel_stack_offset(words, symbols),
        "page_shuffle": lambda: page_shuffle(host, words, symbols),
        "vsyscall_none": lambda: vsyscall_none(words, symbols, os.uname().machine),
        "proc_mem_force": lambda: proc_mem_force(words, symbols),
        "block_device_write_mounted": lambda: block_device_write_mounted(words, symbols, gathering),
    }
    for name, read in rows.items():
        gathering.fact("hardening." + name, read)


def slab_nomerge(words, symbols):
    """True when slab caches of equal size stay apart (slub.rst)."""
    words = _known(words)
    if "slab_nomerge" in words or "slub_nomerge" in words:
        return True
    if "slab_merge" in words or "slub_merge" in words:
        return False
    return _known(symbols)["CONFIG_SLAB_MERGE_DEFAULT"] != "y"


def kernel_stack_offset(words, symbols):
    """True when each system call starts at another stack offset."""
    if symbols is not None and symbols["CONFIG_RANDOMIZE_KSTACK_OFFSET"] != "y":
        return False
    return _switch(
        words, symbols, "randomize_kstack_offset", "CONFIG_RANDOMIZE_KSTACK_OFFSET_DEFAULT"
    )


def page_shuffle(host, words, symbols):
    """True when the page allocator shuffles its free lists; the running kernel answers root."""
    if symbols is not None and symbols["CONFIG_SHUFFLE_PAGE_ALLOCATOR"] != "y":
        return False
    try:
        return host.line("/sys/module/page_alloc/parameters/shuffle") in _TRUE
    except ReadFailed:
        value = _last(_known(words), "page_alloc.shuffle")
    if value is None and symbols is None:
        raise Unknown(reason="no parameter and no build options")
    return value in _TRUE


def vsyscall_none(words, symbols, machine):
    """True without the fixed vsyscall page, which only x86-64 ever had."""
    if machine != "x86_64":
        return True
    value = _last(_known(words), "vsyscall")
    if value in ("none", "emulate", "xonly"):
        return value == "none"
    symbols = _known(symbols)
    built = symbols["CONFIG_X86_VSYSCALL_EMULATION"]
    return symbols["CONFIG_LEGACY_VSYSCALL_NONE"] == "y" or built != "y"


def proc_mem_force(words, symbols):
    """Who may write protected pages through /proc/<pid>/mem; kernels before 6.12 always allow."""
    value = _last(_known(words), "proc_mem.force_override")
    if value in _FORCE:
        return _FORCE[value]
    symbols = _known(symbols)
    if symbols["CONFIG_PROC_MEM_NO_FORCE"] == "y":
        return "never"
    if symbols["CONFIG_PROC_MEM_FORCE_PTRACE"] == "y":
        return "ptrace"
    return "always"


def block_device_write_mounted(words, symbols, gathering):
    """True when a mounted block device can be written directly; always so before Linux 6.8."""
    version = gathering.facts.get("version", [])
    if version and version < [6, 8]:
        return True
    value = _last(_known(words), "bdev_allow_write_mounted")
    if value in _TRUE or value in _FALSE:
        return value in _TRUE
    return _known(symbols)["CONFIG_BLK_DEV_WRITE_MOUNTED"] == "y"


def _switch(words, symbols, parameter, symbol):
    value = _last(_known(words), parameter)
    if value in _TRUE or value in _FALSE:
        return value in _TRUE
    return _known(symbols)[symbol] == "y"


def _last(words, key):
    values = words.get(key)
    return values[-1] if values else None


def _known(source):
    if source is None:
        raise Unknown(reason="no parameter and no build options")
    return source
