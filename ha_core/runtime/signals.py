"""Names of signals, for whoever says by which one a process was killed."""

import signal
from typing import Final

_NAMES: Final = {each.value: each.name for each in signal.Signals}


def signal_name(number: int) -> str:
    """Return the name of a signal; of most real-time ones, their distance from the first.

    Source: signal(7).
    """
    if signal.SIGRTMIN < number < signal.SIGRTMAX:
        return f"SIGRTMIN+{number - signal.SIGRTMIN}"
    return _NAMES.get(number, "unknown")  # two are the C library's own
