"""LSB init scripts: what their exit codes mean in OCF's terms.

Owns: the translation. Runs nothing. Source: Linux Standard Base Core 5.0,
"Init Script Actions"; start of a running and stop of a stopped service are 0.
"""

from typing import Final

from ha_core.agents import ocf

DIRECTORY: Final = "/etc/init.d"
ACTIONS: Final = {"start": "start", "stop": "stop", "monitor": "status"}
_STOPPED: Final = (1, 2, 3)  # dead with pid file, dead with lock file, stopped
_ORDINARY_CODES_MAX: Final = 7


def exit_code(action: str, code: int) -> int:
    """Return the OCF exit code for a script's exit code.

    A dead service with a pid or lock file left is stopped; an unknown state is a failure.
    """
    if action == "monitor":
        if code in _STOPPED:
            return ocf.NOT_RUNNING
        return ocf.SUCCESS if code == 0 else ocf.GENERIC
    if action == "stop" and code == ocf.NOT_RUNNING:
        return ocf.SUCCESS
    return code if 0 <= code <= _ORDINARY_CODES_MAX else ocf.GENERIC
