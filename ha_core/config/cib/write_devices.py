"""Fence devices as Pacemaker's: their agents and the parameters that begin with `pcmk_`.

Owns: these names, for the reader too. Source: pacemaker-fenced(7).
"""

from typing import Final

from ha_core.config.cib.form import show_time
from ha_core.config.model import FenceAction, FenceDevice

HOSTS: Final = "pcmk_host_list"
PLUGS: Final = "pcmk_host_map"
REBOOT: Final = "pcmk_reboot_action"
DELAY: Final = "pcmk_delay_base"
DELAY_MAX: Final = "pcmk_delay_max"
CALLS: Final = {
    **{call: call for call in ("off", "on", "status", "monitor", "list", "metadata")},
    "reset": "reboot",
}
"""Our names of an agent's actions, and Pacemaker's."""
FIRST_TRY: Final = 1
"""Pacemaker counts the tries, we the repeats."""
_PLUGIN: Final = "external/"


def type_of(agent: str) -> str:
    """Return the type of the agent: its program without a path, or its plug-in."""
    kind, _, name = agent.partition(":")
    return name if kind == "stonith" else name.rpartition("/")[2]


def agent_of(name: str) -> str:
    """Return our name of the agent of that type."""
    return f"stonith:{name}" if name.startswith(_PLUGIN) else f"fence:{name}"


def parameters_of(device: FenceDevice) -> dict[str, str]:
    """Return what the device is told, and what Pacemaker is told of it."""
    found = dict(device.parameters)
    if device.targets:
        found[HOSTS] = " ".join(device.targets)
    if device.plugs:
        found[PLUGS] = ";".join(f"{node}:{plug}" for node, plug in device.plugs)
    if device.action is FenceAction.OFF:
        found[REBOOT] = "off"
    own = dict(device.delays)
    if own:
        names = dict.fromkeys([*own, *device.targets])
        each = (f"{node}:{show_time(own.get(node, device.delay_ms))}" for node in names)
        found[DELAY] = ";".join(each)
    elif device.delay_ms:
        found[DELAY] = show_time(device.delay_ms)
    if device.random_delay_ms:
        longest_ms = max([device.delay_ms, *own.values()])
        found[DELAY_MAX] = show_time(longest_ms + device.random_delay_ms)
    for call, timeout_ms in device.timeouts:
        found[f"pcmk_{CALLS[call]}_timeout"] = show_time(timeout_ms)
    for call, often in device.retries:
        found[f"pcmk_{CALLS[call]}_retries"] = str(often + FIRST_TRY)
    return found
