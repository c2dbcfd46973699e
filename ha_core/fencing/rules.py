"""Rules of fencing: which devices cut a node off, in which order, from where, within what time.

Owns: what follows from the configuration alone. Pure; knows nothing of what is
under way. Source: Pacemaker Explained, "Fencing"; fence-agents, "FenceAgentAPI".
"""

from collections.abc import Iterable
from dataclasses import replace
from enum import StrEnum
from random import Random
from typing import Final

from ha_core.agents.registry import guard_of
from ha_core.config.model import Configuration, FenceAction, FenceDevice, OnFail
from ha_core.config.units import unit
from ha_core.ids import Millis, NodeName
from ha_core.replication.entries import Verdict
from ha_core.status import Instance, InstanceState

FENCED: Final = "fenced:"
"""Begins the method of a verdict on an incarnation that was powered off; the devices follow."""
CUT: Final = "cut:"
"""Begins the method of a verdict on one that was cut off from its storage alone."""
TIMEOUTS_MS: Final[dict[str, Millis]] = {
    "off": 60_000,
    "on": 60_000,
    "reset": 60_000,
    "status": 20_000,
    "monitor": 20_000,
    "list": 20_000,
    "metadata": 10_000,
}
"""Time limits of calls that the configuration does not name."""
RETRIES: Final = 1
"""How often a failed call is repeated, unless the configuration says otherwise."""
RETRY_PAUSE_MS: Final[Millis] = 1000
STATUS_PAUSE_MS: Final[Millis] = 500
"""Between two looks at an outlet that is still on."""
SLACK_MS: Final[Millis] = 5000
"""For killing a hung agent, and for messages, in the limit of an errand."""


class Contract(StrEnum):
    """How a program is talked to."""

    FENCE = "fence"
    """fence-agents: parameters on standard input."""
    STONITH = "stonith"
    """cluster-glue's external plug-ins: parameters in the environment."""


def contract_of(device: FenceDevice) -> Contract:
    """Return the device's contract: the word before the first colon of its agent."""
    is_glue = device.agent.startswith(f"{Contract.STONITH}:")
    return Contract.STONITH if is_glue else Contract.FENCE


def program_of(device: FenceDevice) -> str:
    """Return the agent without its contract, such as `fence_apc` or `external/ipmi`."""
    return device.agent.partition(":")[2] or device.agent


def levels_of(configuration: Configuration, node: NodeName) -> tuple[tuple[FenceDevice, ...], ...]:
    """Return the levels to try in turn; all devices of one must succeed.

    Without levels of its own, each device that has the node as a target is one.
    """
    known = {device.id: device for device in configuration.fence_devices}
    own = configuration.node(node)
    if own is not None and own.fence_levels:
        levels = [
            tuple(known[name] for name in level if name in known) for level in own.fence_levels
        ]
        return tuple(level for level in levels if level)
    return tuple((device,) for device in configuration.fence_devices if node in device.targets)


def is_power(level: Iterable[FenceDevice]) -> bool:
    """Return whether the level ends the machine; storage fencing alone lets it run on."""
    return any(not device.unfence for device in level)


def can_fence(configuration: Configuration, node: NodeName, *, power: bool = False) -> bool:
    """Return whether there is a device for the node (`power`: one that ends the machine)."""
    if not configuration.options.fencing:
        return False
    return any(is_power(level) or not power for level in levels_of(configuration, node))


def method_of(level: Iterable[FenceDevice]) -> str:
    """Return the method that a verdict names when the whole level has succeeded."""
    devices = tuple(level)
    names = "+".join(device.id for device in devices)
    return f"{FENCED if is_power(devices) else CUT}{names}"


def is_fencing(method: str) -> bool:
    """Return whether a verdict's method is a device's word."""
    return method.startswith((FENCED, CUT))


def device_names(method: str) -> str:
    """Return the devices that a verdict's method names, in words."""
    return method.partition(":")[2].replace("+", " and ")


def plug_of(device: FenceDevice, node: NodeName) -> str:
    """Return what the device calls the node: an outlet's number, a machine's name."""
    return dict(device.plugs).get(str(node), str(node))


def executors_of(
    device: FenceDevice, online: Iterable[NodeName], target: NodeName, local: NodeName
) -> tuple[NodeName, ...]:
    """Return who may use the device against the target, the coordinator itself first."""
    able = [
        name
        for name in online
        if name != target and (not device.reached_from or name in device.reached_from)
    ]
    return tuple(sorted(able, key=lambda name: (name != local, name)))


def timeout_ms(device: FenceDevice, action: str) -> Millis:
    """Return the time limit of one call."""
    return dict(device.timeouts).get(action, TIMEOUTS_MS[action])


def retries_of(device: FenceDevice, action: str) -> int:
    """Return how often a call that failed is repeated."""
    return dict(device.retries).get(action, RETRIES)


def delay_ms(device: FenceDevice, node: NodeName, random: Random) -> Millis:
    """Return how long to wait before the first call: the target's base, plus chance."""
    base_ms = dict(device.delays).get(str(node), device.delay_ms)
    extra_ms = random.randint(0, device.random_delay_ms) if device.random_delay_ms else 0
    return base_ms + extra_ms


def cut_limit_ms(device: FenceDevice) -> Millis:
    """Return the longest that cutting off may take, all calls, repeats and looks together."""
    looks = retries_of(device, "status") + 1
    status_ms = looks * (timeout_ms(device, "status") + RETRY_PAUSE_MS)
    verify_ms = device.settle_ms + status_ms + timeout_ms(device, "metadata")
    off_ms = max(timeout_ms(device, "off"), timeout_ms(device, "reset")) + RETRY_PAUSE_MS
    return (retries_of(device, "off") + 1) * (off_ms + verify_ms) + SLACK_MS


def restore_limit_ms(device: FenceDevice) -> Millis:
    """Return the longest that switching on may take."""
    tries = retries_of(device, "on") + 1
    return tries * (timeout_ms(device, "on") + RETRY_PAUSE_MS) + SLACK_MS


def test_limit_ms(device: FenceDevice, targets: int) -> Millis:
    """Return the longest that a rehearsal may take."""
    calls_ms = sum(timeout_ms(device, action) for action in ("metadata", "monitor", "list"))
    return calls_ms + targets * timeout_ms(device, "status") + SLACK_MS


def with_action(device: FenceDevice, action: FenceAction | None) -> FenceDevice:
    """Return the device as an operator wants it used this once."""
    return device if action is None else replace(device, action=action)


def unfenced_by(configuration: Configuration, node: NodeName) -> tuple[FenceDevice, ...]:
    """Return the devices that must be switched on for the node before it may write."""
    if not configuration.options.fencing:
        return ()
    devices = configuration.fence_devices
    return tuple(device for device in devices if device.unfence and node in device.targets)


def asks_for_fencing(configuration: Configuration, node: NodeName, item: Instance) -> bool:
    """Return whether what failed of the instance is to be ended with its whole node.

    So says `on_fail: fence`; a stop that failed says it by itself, where nothing else would end
    the resource with its lease. Source: Pacemaker Explained, "on-fail".
    """
    failure = item.failure
    if item.state is not InstanceState.BLOCKED or failure is None:
        return False
    primitive = unit(configuration, item.resource)
    if primitive is None or not can_fence(configuration, node, power=True):
        return False
    if failure.on_fail is OnFail.FENCE:
        return True
    own = [operation.on_fail for operation in primitive.operations if operation.action == "stop"]
    is_default = failure.action == "stop" and not any(own)
    return is_default and not guard_of(primitive).bounded


def words_of(verdict: Verdict) -> str:
    """Return in one sentence who vouches that an incarnation runs nothing any more."""
    if not is_fencing(verdict.method):
        return f"{verdict.author} confirmed that {verdict.node} is down: {verdict.reason}"
    names = device_names(verdict.method)
    proved = f"{names} {'have' if ' and ' in names else 'has'} proved"
    if verdict.method.startswith(CUT):
        return f"{verdict.node} is cut off from its storage, as {proved}"
    return f"{verdict.node} is off, as {proved}"


def devices_told(sentence: str) -> str:
    """Return the devices of which `words_of` says that they have proved it; empty if none."""
    head, mark, _ = sentence.partition(" proved")
    words = head.partition(", as ")[2]
    return words.removesuffix(" has").removesuffix(" have") if mark else ""
