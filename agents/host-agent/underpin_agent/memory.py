"""The parent's own memory: settled after the start, and watched while it works."""

import gc
import os
import sys

MAX_RESIDENT_BYTES = 41_943_040  # 40 MiB; the agent needs about 24
STUCK = "UNDERPIN_STUCK"  # children that outlive a restart hanging in the kernel


def resident_bytes():
    """Bytes of the process that lie in memory (proc_pid_statm(5))."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def settle():
    """What was loaded stays: it is never swept again, here or in a child."""
    gc.collect()
    gc.freeze()


class Guard:
    """Says when the process must begin anew, and does it. Two measurements in a row: one may be a
    large request on its way."""

    def __init__(self, resident=resident_bytes, execute=os.execv):
        self._resident, self._execute = resident, execute
        self._seen = 0

    def is_over(self):
        """To be asked once a cycle."""
        self._seen = self._seen + 1 if self._resident() > MAX_RESIDENT_BYTES else 0
        return self._seen >= 2

    def begin_anew(self, stuck=()):
        """Replace this process by a new run of the same command; all state is on disk. It stays the
        same process for a supervisor, and works where there is none."""
        with open("/proc/self/cmdline", "rb") as file:
            arguments = [os.fsdecode(one) for one in file.read().split(b"\0")[:-1]]
        os.environ[STUCK] = ",".join(map(str, stuck))
        return self._execute(sys.executable, arguments)


def stuck_before():
    """Children that a run before this one left hanging."""
    words = os.environ.pop(STUCK, "").split(",")
    return [int(word) for word in words if word.isdigit()]
