"""Agent classes: what must be exclusive, and which guard ends it with the run lease.

Owns: the mapping from a primitive, and the gates that its node has declared, to its guard: how
long after the end of the lease it may still run, and what would shorten that. Pure.
"""

from dataclasses import dataclass, replace
from typing import Final

from ha_core.agents import address
from ha_core.config.model import AgentClass, Exclusivity, Primitive, Role
from ha_core.config.units import has_right
from ha_core.errors import ConfigError
from ha_core.gates import Gates
from ha_core.ids import Millis

LIFETIME_MS: Final = 4500
"""An address is on its interface for up to three seconds beyond the lease (`gate_lifetime`), and
the kernel looks at such times at least a second apart, and rounds: so long after the lease's end
it is gone, whoever stands still. Source: net/ipv4/devinet.c, check_lifetime.
"""
RESET_MS: Final = 1000
"""Watchdogs count in steps of up to a second."""
_DEFAULT_EXCLUSIVITY = {
    AgentClass.PROCESS: Exclusivity.PROCESS,
    AgentClass.ADDRESS: Exclusivity.NETWORK,
}
_ADDRESS_AGENTS: Final = frozenset({"IPaddr", "IPaddr2", "IPv6addr"})
"""Scripts that put an address on an interface: a node without its storage still answers for it."""


@dataclass(frozen=True, slots=True)
class Guard:
    """What keeps a resource from having two owners; `bounded`: gone `extra_ms` after the end of
    the run lease at the latest.
    """

    name: str
    sentence: str
    bounded: bool
    extra_ms: Millis = 0
    cure: str = ""
    """What would make a takeover quicker, done to `NODE`; empty if nothing but a lower D."""


def exclusivity_of(primitive: Primitive) -> Exclusivity:
    """Return what must never exist twice: the configuration's word, else the agent class's.

    Instances of an anonymous clone are there to be several; of one that has one instance the
    configuration's word holds, and that no address may be twice. Of what can be promoted the
    promoted one counts.
    """
    if _is_one_of_several(primitive):
        return Exclusivity.NONE
    if primitive.meta.exclusivity is not None:
        return primitive.meta.exclusivity
    if primitive.agent.type in _ADDRESS_AGENTS:
        return Exclusivity.NETWORK
    return _DEFAULT_EXCLUSIVITY.get(primitive.agent.agent_class, Exclusivity.DEVICE)


def _is_one_of_several(primitive: Primitive) -> bool:
    copy = primitive.copy
    if copy is None or copy.number is not None or copy.clone.promotable:
        return False
    is_address = primitive.agent.agent_class is AgentClass.ADDRESS
    is_word = primitive.meta.exclusivity is not None
    is_one = copy.clone.instances_max is not None and copy.clone.instances_max <= 1
    return not (is_one and (is_word or is_address))


def may_run_twice(primitive: Primitive) -> bool:
    """Return whether the configuration says that two of it do no harm."""
    return exclusivity_of(primitive) is Exclusivity.NONE


def does_no_harm(primitive: Primitive, role: Role | None) -> bool:
    """Return whether a second one in this role would do no harm, as it is configured now."""
    return may_run_twice(primitive) or not has_right(primitive, role)


def as_exclusive(primitive: Primitive) -> Primitive:
    """Return the primitive as it would be if a second one did harm."""
    return replace(primitive, meta=replace(primitive.meta, exclusivity=None), copy=None)


def is_held(primitive: Primitive) -> bool:
    """Return whether the guardian or the kernel ends it with the lease, may it run twice or not."""
    return guard_of(as_exclusive(primitive)).bounded


def can_be_prepared(primitive: Primitive) -> bool:
    """Return whether a node can get ready for its start while another one runs it."""
    return primitive.agent.agent_class is AgentClass.ADDRESS and not may_run_twice(primitive)


def guard_of(primitive: Primitive, gates: Gates = Gates(), *, fenced: bool = False) -> Guard:
    """Return the guard of a primitive on a node with these gates; `fenced`: a fence device can
    cut the node off.
    """
    if may_run_twice(primitive):
        why = "the configuration says that it may run twice"
        if primitive.copy is not None:
            why = f"clone {primitive.copy.clone.id} is there to run it several times"
        return Guard("not needed", why, True)
    if primitive.agent.agent_class is AgentClass.PROCESS:
        return Guard("guardian", "the guardian kills it when the node's run lease ends", True)
    if primitive.agent.agent_class is AgentClass.ADDRESS:
        return _guard_of_address(primitive, gates)
    return _guard_of_device(gates, fenced=fenced)


def _guard_of_address(primitive: Primitive, gates: Gates) -> Guard:
    if is_claim(primitive):
        sentence = "one process of the machine can hold it, and the guardian lets go in time"
        return Guard("guardian", sentence, True)
    if gates.kernel:
        sentence = "the kernel lets nothing to or from it through once the node's run lease ends"
        return Guard("kernel gate", sentence, True)
    why = f" ({gates.no_kernel})" if gates.no_kernel else ""
    sentence = (
        f"the guardian removes it when the node's run lease ends; should that stand still, the"
        f" kernel does up to {LIFETIME_MS} ms later, as the node has no kernel gate{why}"
    )
    cure = "install nftables on NODE and restart its daemon"
    return Guard("guardian", sentence, True, LIFETIME_MS, cure)


def _guard_of_device(gates: Gates, *, fenced: bool) -> Guard:
    if gates.watchdog_ms:
        extra_ms = gates.watchdog_ms + RESET_MS
        sentence = f"the watchdog resets the node {gates.watchdog_ms} ms after its run lease ends"
        cure = "give the watchdog of NODE a shorter time-out"
        if not fenced:
            cure += ", or the cluster a fence device for NODE"
        return Guard("watchdog", sentence, True, extra_ms, cure)
    why = f" ({gates.no_watchdog})" if gates.no_watchdog else ""
    if fenced:
        sentence = "a fence device cuts its node off when that is lost"
        cure = f"a watchdog on NODE bounds the wait should its fence device fail{why}"
        return Guard("fencing", sentence, False, 0, cure)
    sentence = "nothing ends it when its node is lost"
    cure = f"configure a fence device for NODE, or its watchdog{why}"
    return Guard("none", sentence, False, 0, cure)


def is_claim(primitive: Primitive) -> bool:
    """Return whether it is an address that is held without an interface; a faulty one is not."""
    if primitive.agent.agent_class is not AgentClass.ADDRESS:
        return False
    try:
        return address.parse(primitive).is_claim
    except ConfigError:
        return False
