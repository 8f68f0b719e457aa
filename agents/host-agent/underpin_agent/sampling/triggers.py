"""Kernel triggers on pressure files: the kernel wakes the sampler, nobody polls.

Works where the agent may write the pressure files (Documentation/accounting/psi.rst): not below a
read-only mount and not in a unit with ProtectControlGroups; there the glance alone finds trouble.
The window is 2 s, the shortest that needs no right. At most 32 containers, in order of their keys.
"""

import os
import select

TRIGGER = b"some 200000 2000000\0"
MAX_CONTAINERS = 32
FLAGS = os.O_RDWR | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC


class Triggers:
    """Waits for pressure on processor time of containers, and for the end of ``watched``."""

    __slots__ = ("_files", "_held", "_poll", "_refused")

    def __init__(self, files, watched=None):
        self._files = files
        self._poll = select.poll()
        self._held = {}  # descriptor: key
        self._refused = False
        if watched is not None:
            self._poll.register(watched, 0)  # POLLERR and POLLHUP come unasked

    def follow(self, containers):
        """Hold triggers for the containers that are there now."""
        known = {key: descriptor for descriptor, key in self._held.items()}
        for key in known.keys() - containers.keys():
            self._drop(known[key])
        for key in sorted(containers):
            if self._refused or len(self._held) >= MAX_CONTAINERS:
                return
            if key not in known and "v2" in containers[key].folders:
                self._arm(key, containers[key].folders["v2"] + "/cpu.pressure")

    def wait(self, seconds):
        """``(keys under pressure, False)``, or True in place of False when the parent is gone."""
        found, ended = [], False
        for descriptor, event in self._poll.poll(max(0, int(seconds * 1000))):
            key = self._held.get(descriptor)
            if key is None:
                ended = True
            elif event & select.POLLERR:  # the group was removed
                self._drop(descriptor)
            else:
                found.append(key)
        return found, ended

    def _arm(self, key, path):
        try:
            descriptor = os.open(self._files.prefix + path, FLAGS)
        except FileNotFoundError:
            return
        except OSError:
            self._refused = True
            return
        try:
            os.write(descriptor, TRIGGER)
        except OSError:
            os.close(descriptor)
            self._refused = True
            return
        self._held[descriptor] = key
        self._poll.register(descriptor, select.POLLPRI)

    def _drop(self, descriptor):
        self._poll.unregister(descriptor)
        os.close(descriptor)
        del self._held[descriptor]
