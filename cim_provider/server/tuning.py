"""How the interpreter is set, so that no request waits for what is not its own.

Owns: the garbage collector, the turns of threads, and what the memory allocator
gives back. Each is a matter of milliseconds, or of megabytes.
"""

import ctypes
import gc
import sys
import time
from typing import Final

SWITCH_S: Final = 0.001
"""A thread that parses a long request hands over after so long; the usual 5 ms add up."""
WHOLE_LOOKS: Final = 50
"""Of so many full collections one looks through all there is."""
LONG_LOOK_S: Final = 0.01
"""Processor time of a full collection from which on others would notice that they wait."""
_FULL: Final = 2
"""The collector's oldest generation."""
_M_TRIM_THRESHOLD: Final = -1  # mallopt(3)
_M_MMAP_THRESHOLD: Final = -3
_M_ARENA_MAX: Final = -8
_LARGE_BLOCK_BYTES: Final = 1_048_576
_KEPT_BLOCK_BYTES: Final = 4_194_304


def give_back_large_blocks() -> None:
    """Let each comparison of a password return its 16 MiB, which the heap would keep for ever."""
    libc = ctypes.CDLL(None)
    if hasattr(libc, "mallopt"):
        libc.mallopt(_M_MMAP_THRESHOLD, _LARGE_BLOCK_BYTES)
        # The interpreter runs one thread at a time: heaps for each would stay half empty.
        libc.mallopt(_M_ARENA_MAX, 1)
        # What each answer needs for a moment is not given back and fetched again for the next.
        libc.mallopt(_M_TRIM_THRESHOLD, _KEPT_BLOCK_BYTES)


def keep_turns_short() -> None:
    """To be called once everything that stays has been made: modules, declarations, rows.

    The collector would look through all of it again and again, and everybody would wait.
    """
    sys.setswitchinterval(SWITCH_S)
    gc.collect()
    gc.freeze()
    gc.callbacks.append(SeenOnce())


class SeenOnce:
    """Lets the collector look once at what stays, such as the view of a large cluster.

    A callback of `gc`. What nothing refers to any more goes at once, as ever; a ring of objects
    that came to stay and then lost all that referred to it goes with the next look at everything.
    So nothing comes to stay while looks are short: connections are such rings, for as long as
    they last, and those there were at every look would add up.
    """

    def __init__(self, whole_looks: int = WHOLE_LOOKS, long_s: float = LONG_LOOK_S) -> None:
        self._whole_looks = whole_looks
        self._long_s = long_s
        self._count = 0
        self._began_s = 0.0

    def __call__(self, phase: str, info: dict[str, int]) -> None:
        """See `gc.callbacks`."""
        if info["generation"] != _FULL:
            return
        if phase == "stop":
            if time.thread_time() - self._began_s >= self._long_s:
                gc.freeze()
            return
        self._count += 1
        if self._count % self._whole_looks == 0:
            gc.unfreeze()
        self._began_s = time.thread_time()
