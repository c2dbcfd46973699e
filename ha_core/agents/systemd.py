"""Systemd units: how the service manager is asked, and what its answer means.

Owns: the call and the reading of the output. Runs nothing. Source:
systemctl(1), `is-active`; org.freedesktop.systemd1(5), "ActiveState".
"""

from typing import Final

from ha_core.agents import ocf

PROGRAM: Final = "systemctl"
RUNS_HERE: Final = "/run/systemd/system"
"""Exists where systemd is the service manager. Source: sd_booted(3)."""
_ACTIONS: Final = {"start": "start", "stop": "stop", "monitor": "is-active"}
_STATES: Final = {
    "active": ocf.SUCCESS,
    "reloading": ocf.SUCCESS,
    "inactive": ocf.NOT_RUNNING,
    "failed": ocf.GENERIC,
    "activating": ocf.GENERIC,
    "deactivating": ocf.GENERIC,
    "unknown": ocf.NOT_INSTALLED,
}
_NO_SUCH_UNIT: Final = 5  # systemctl(1), "Exit status", of start


def arguments(unit: str, action: str) -> tuple[str, ...]:
    """Return the arguments of `systemctl`; a name without a suffix is a service."""
    name = unit if "." in unit else f"{unit}.service"
    return (_ACTIONS[action], "--", name)


def exit_code(action: str, code: int, output: str) -> int:
    """Return the OCF exit code; stopping what does not exist is done already."""
    if action == "monitor":
        return _STATES.get(output.strip(), ocf.GENERIC)
    if code == _NO_SUCH_UNIT:
        return ocf.SUCCESS if action == "stop" else ocf.NOT_INSTALLED
    return ocf.SUCCESS if code == 0 else ocf.GENERIC
