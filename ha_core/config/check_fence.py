"""What fence devices must satisfy: agents, nodes, levels, times; and who asks for fencing.

Owns: these rules. Whether an agent is installed and a device answers, `ha fence test` tells.
"""

import re
from collections.abc import Iterable
from typing import Final

from ha_core.config import limits
from ha_core.config.check_resources import bad_parameters
from ha_core.config.faults import (
    Fault,
    bad_name,
    bad_text,
    bad_time,
    listed,
    out_of_range,
    repeated,
    shown,
    shown_at,
    too_many,
)
from ha_core.config.model import Configuration, FenceCall, FenceDevice, Node, OnFail
from ha_core.config.secrets import is_secret_file
from ha_core.ids import NodeName

_PROGRAM = r"[A-Za-z0-9_][A-Za-z0-9_.+-]*"
AGENT: Final = re.compile(rf"fence:({_PROGRAM}|(/{_PROGRAM})+)|stonith:external/{_PROGRAM}")
AGENT_ALLOWED: Final = (
    "fence:PROGRAM (such as fence:fence_ipmilan, or with its whole path),"
    " or stonith:external/PLUGIN"
)
GIVEN: Final = ("action", "option", "port", "plug", "nodename", "node", "hostname")
"""Parameters that the cluster fills in for each call."""


def fence_faults(configuration: Configuration) -> Iterable[Fault]:
    """Yield every fault of fence devices, levels, and operations that ask for fencing."""
    devices = configuration.fence_devices
    yield from repeated("fence_devices", (item.id for item in devices))
    yield from too_many("fence_devices", len(devices), limits.DEVICES_MAX, "devices")
    grace_ms = configuration.options.fencing_grace_ms
    yield from out_of_range("options.fencing_grace", grace_ms, 0, limits.TIME_MS_MAX, " ms")
    names = [node.name for node in configuration.nodes]
    for device in devices:
        yield from _device(device, names)
    for node in configuration.nodes:
        yield from _levels(node, {device.id: device for device in devices})
    yield from _wishes(configuration)


def _device(device: FenceDevice, names: list[NodeName]) -> Iterable[Fault]:
    path = f"fence_devices.{device.id}"
    is_id = bool(limits.ID.fullmatch(device.id))
    yield from bad_name(path, device.id, is_id, limits.ID_ALLOWED)
    if not AGENT.fullmatch(device.agent):
        yield Fault(f"{path}.agent", f"is {shown(device.agent)}; allowed: {AGENT_ALLOWED}")
    yield from bad_parameters(f"{path}.parameters", device.parameters)
    for name, value in device.parameters:
        place = f"{path}.parameters.{name}"
        if name in GIVEN:
            cure = "plugs" if name in ("port", "plug") else "none, the cluster gives it"
            yield Fault(place, f"is given by the cluster for each call; allowed: {cure}")
        if is_secret_file(name) and not value.startswith("/"):
            yield Fault(place, f"is {shown_at(place, value)}; allowed: the whole path of a file")
    yield from repeated(f"{path}.targets", device.targets)
    for key, nodes in (("targets", device.targets), ("reached_from", device.reached_from)):
        for number, node in enumerate(nodes):
            yield from _known(f"{path}.{key}[{number}]", node, names)
    for name, plug in device.plugs:
        yield from _known(f"{path}.plugs.{name}", name, names)
        yield from bad_text(f"{path}.plugs.{name}", plug)
    for name, delay_ms in device.delays:
        yield from _known(f"{path}.delays.{name}", name, names)
        yield from bad_time(f"{path}.delays.{name}", delay_ms, 0)
    yield from _numbers(device, path)


def _numbers(device: FenceDevice, path: str) -> Iterable[Fault]:
    for key, value_ms in (
        ("delay", device.delay_ms),
        ("random_delay", device.random_delay_ms),
        ("settle", device.settle_ms),
    ):
        yield from bad_time(f"{path}.{key}", value_ms, 0)
    for call, timeout_ms in device.timeouts:
        yield from _call(f"{path}.timeouts.{call}", call)
        yield from bad_time(f"{path}.timeouts.{call}", timeout_ms, limits.TIMEOUT_MS_MIN)
    for call, often in device.retries:
        yield from _call(f"{path}.retries.{call}", call)
        yield from out_of_range(f"{path}.retries.{call}", often, 0, limits.RETRIES_MAX)


def _levels(node: Node, devices: dict[str, FenceDevice]) -> Iterable[Fault]:
    for number, level in enumerate(node.fence_levels):
        path = f"nodes.{node.name}.fence_levels[{number}]"
        yield from repeated(path, level)
        for name in level:
            if name not in devices:
                text = f"names the device {shown(name)}, which does not exist"
                yield Fault(path, f"{text}; allowed: {listed(sorted(devices))}")
            elif node.name not in devices[name].targets:
                text = (
                    f"names the device {shown(name)}, which does not have {node.name} as a target"
                )
                yield Fault(path, f"{text}; allowed: a device with it under targets")


def _wishes(configuration: Configuration) -> Iterable[Fault]:
    if configuration.fence_devices:
        return
    for primitive in configuration.primitives:
        for operation in primitive.operations:
            if operation.on_fail is OnFail.FENCE:
                path = f"resources.{primitive.id}.operations.{operation.action}.on_fail"
                text = "is fence, but there is no fence device"
                yield Fault(path, f"{text}; allowed: another word, or a device that cuts nodes off")


def _known(path: str, name: str, names: list[NodeName]) -> Iterable[Fault]:
    if name not in names:
        text = f"names the node {shown(name)}, which does not exist"
        yield Fault(path, f"{text}; allowed: {listed(names)}")


def _call(path: str, call: str) -> Iterable[Fault]:
    if call not in tuple(FenceCall):
        yield Fault(path, f"is the action {shown(call)}; allowed: {', '.join(FenceCall)}")
