"""Ctrl-C, a closed terminal and `kill`: all end a command of the lab in the same way.

Owns: which signals interrupt, and when they must not. Who was started with one
of them ignored (nohup, a shell's background) goes on ignoring it.
"""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final, TypeAlias

_Handler: TypeAlias = Callable[[int, FrameType | None], object] | signal.Handlers
ENDING: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def interruptible() -> Iterator[None]:
    """Let each of these signals raise KeyboardInterrupt."""
    with _handled(signal.default_int_handler):
        yield


@contextmanager
def undisturbed() -> Iterator[None]:
    """Let none of these signals interrupt: what cleans up must come to its end."""
    with _handled(signal.SIG_IGN):
        yield


@contextmanager
def _handled(handler: _Handler) -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in ENDING}
    changed = [number for number in ENDING if before[number] is not signal.SIG_IGN]
    try:
        for number in changed:
            signal.signal(number, handler)
        yield
    finally:
        for number in changed:
            signal.signal(number, before[number])
