"""Running a piece of work with fewer rights, in a forked child that gives the others away."""

import ctypes
import json
import os
import traceback
from collections.abc import Callable
from typing import Any, Final

NOBODY: Final = 65_534
DAC_READ_SEARCH, SYS_PTRACE = 2, 19  # include/uapi/linux/capability.h
PR_SET_KEEPCAPS = 8  # prctl(2)
CAPABILITY_VERSION_3 = 0x2008_0522  # capset(2)


def as_root(work: Callable[[], Any]) -> Any:
    """The JSON value of ``work()`` with all rights of this process, in a child like the others."""
    return in_child(work, give_away=lambda: None)


def as_nobody(work: Callable[[], Any], *, group: int = NOBODY) -> Any:
    """The JSON value of ``work()`` run by an account without any right, a member of ``group``."""

    def give_away() -> None:
        os.setgroups([])
        os.setresgid(group, group, group)
        os.setresuid(NOBODY, NOBODY, NOBODY)

    return in_child(work, give_away=give_away)


def with_capabilities(work: Callable[[], Any], *numbers: int) -> Any:
    """The JSON value of ``work()`` run by an account that holds these capabilities only."""

    def give_away() -> None:
        library = ctypes.CDLL(None, use_errno=True)
        check(library.prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0))
        os.setgroups([])
        os.setresgid(NOBODY, NOBODY, NOBODY)
        os.setresuid(NOBODY, NOBODY, NOBODY)
        low = sum(1 << number for number in numbers)
        header = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION_3, 0)
        check(library.capset(header, (ctypes.c_uint32 * 6)(low, low, 0, 0, 0, 0)))

    return in_child(work, give_away=give_away)


def check(result: int) -> None:
    """Raise OSError for a failed call of the C library."""
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def in_child(work: Callable[[], Any], *, give_away: Callable[[], None]) -> Any:
    """The JSON value of ``work()`` after ``give_away()``; both run in a forked child."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            os.close(reading)
            give_away()
            with os.fdopen(writing, "w") as pipe:
                json.dump(work(), pipe)
            status = 0
        except BaseException:  # noqa: BLE001 the child must end here, whatever happened
            traceback.print_exc()
        finally:
            os._exit(status)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        text = pipe.read()
    _pid, status = os.waitpid(child, 0)
    assert status == 0, f"the child ended with status {status}"
    return json.loads(text)
