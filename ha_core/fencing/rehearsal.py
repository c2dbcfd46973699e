"""The fence rehearsal: is the agent there, does the device answer, does it know its targets?

Owns: these calls and what is told of them. Harms nothing: `off`, `on` and
`reset` are never called.
"""

from collections.abc import Generator
from typing import Final

from ha_core.config.model import FenceCall, FenceDevice
from ha_core.fencing import rules
from ha_core.fencing.steps import Answer, Call, Pause, Result, Steps
from ha_core.ids import NodeName

SEEN_OFF: Final = ", which is off"


def rehearse(device: FenceDevice, targets: tuple[NodeName, ...]) -> Steps:
    """Yield the calls of a rehearsal."""
    spoken = yield Call(FenceCall.METADATA, NodeName(""))
    fault = _agent_fault(device, spoken)
    if not fault:
        monitored = yield Call(FenceCall.MONITOR, NodeName(""))
        if not (monitored.ok or monitored.is_off):
            fault = f"the device does not answer: {monitored.told(FenceCall.MONITOR)}"
    tested: list[tuple[NodeName, bool, str]] = []
    for target in targets:
        ok, told = False, fault
        if not fault:
            ok, told = yield from _knows(device, target, spoken.text.split())
        tested.append((target, ok, told))
    return Result(not fault and all(ok for _, ok, _ in tested), fault, tuple(tested))


def _agent_fault(device: FenceDevice, spoken: Answer) -> str:
    if not spoken.ok:
        return f"the agent cannot be used: {spoken.told(FenceCall.METADATA)}"
    known = spoken.text.split()
    if rules.contract_of(device) is rules.Contract.FENCE and known and "off" not in known:
        return f"the agent cannot switch off, it knows {', '.join(known)}"
    return ""


def _knows(
    device: FenceDevice, target: NodeName, actions: list[str]
) -> Generator[Call | Pause, Answer, tuple[bool, str]]:
    """Yield the calls that show whether the device knows the target; return that and the words."""
    plug = rules.plug_of(device, target)
    name = f"it knows {plug}" if plug == target else f"it knows {target} as {plug}"
    if rules.contract_of(device) is rules.Contract.STONITH:
        listed = yield Call(FenceCall.LIST, target)
        return listed.ok, name if listed.ok else listed.told(FenceCall.LIST)
    if actions and "status" not in actions:
        return True, "it answers; its agent can tell no status"
    answer = yield Call(FenceCall.STATUS, target)
    if answer.ok or answer.is_off:
        return True, f"{name}{', which is on' if answer.ok else SEEN_OFF}"
    told = answer.told(FenceCall.STATUS)
    if "list" in actions:
        listed = yield Call(FenceCall.LIST, target)
        told += f"; it lists {listed.text}" if listed.ok and listed.text else ""
    return False, told
