"""Which nodes a lost ticket wants cut off: loss policy `fence`.

Owns: that rule. Source: Pacemaker Explained, "Multi-Site Clusters and Tickets".
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from ha_core.config.choices import LossPolicy, Role
from ha_core.config.model import Configuration, TicketConstraint
from ha_core.config.units import plain, units_of
from ha_core.fencing.rules import can_fence
from ha_core.ids import NodeName, ResourceId
from ha_core.status import Instance, InstanceState, Ticket

_RUNS = (InstanceState.STARTED, InstanceState.FAILED, InstanceState.BLOCKED)


@dataclass(frozen=True, slots=True)
class Lapse:
    """A node has run something that it may run only with a ticket which is not granted here."""

    constraint: TicketConstraint
    resource: ResourceId
    """The instance that was seen there."""

    @property
    def text(self) -> str:
        """Why the node is cut off, in words."""
        how = "was promoted" if self.constraint.role is Role.PROMOTED else "ran"
        return f"{lost(self.constraint.ticket)}, and {self.resource} {how} there"


def lost(ticket: str) -> str:
    """Return with what a reason begins that is of this ticket."""
    return f"ticket {ticket} is not granted here"


def granted(tickets: Iterable[Ticket]) -> frozenset[str]:
    """Return the names of those that are granted here, in standby or not."""
    return frozenset(item.name for item in tickets if item.granted)


def is_open(
    configuration: Configuration, here: Collection[str], constraint: TicketConstraint
) -> bool:
    """Return whether what runs by this constraint is to be cut off: its ticket is lost, not only in
    standby, and its loss policy says so. `here`: the tickets that are granted.
    """
    is_fence = constraint.loss_policy is LossPolicy.FENCE
    return is_fence and constraint.ticket not in here and constraint in configuration.tickets


def lapse_of(
    configuration: Configuration,
    here: Collection[str],
    node: NodeName,
    instances: Iterable[Instance],
) -> Lapse | None:
    """Return the first thing on the node for which it is to be cut off; None without a device that
    ends the machine: then it is stopped alone.
    """
    found = [item for item in configuration.tickets if is_open(configuration, here, item)]
    if not found or not can_fence(configuration, node, power=True):
        return None
    running = [item for item in instances if item.state in _RUNS]
    for constraint in found:
        names = {plain(part.id) for part in units_of(configuration, constraint.resource)}
        for item in running:
            if plain(item.resource) in names and _has(item, constraint.role):
                return Lapse(constraint, item.resource)
    return None


def _has(item: Instance, role: Role | None) -> bool:
    """Return whether it runs in the role that needs the ticket; of unknown role it may."""
    return role is not Role.PROMOTED or item.role is not Role.UNPROMOTED


def unable(configuration: Configuration) -> tuple[NodeName, ...]:
    """Return the nodes that run resources and that no fence device ends."""
    return tuple(
        node.name
        for node in configuration.nodes
        if not node.witness and not can_fence(configuration, node.name, power=True)
    )


def without_device(configuration: Configuration, ticket: str) -> str:
    """Return the sentence that says where the policy is no more than `stop`; nothing if nowhere."""
    nodes = unable(configuration)
    if not nodes:
        return ""
    if not configuration.options.fencing:
        return f"'loss: fence' of ticket {ticket} acts as stop: fencing is off"
    text = f"'loss: fence' of ticket {ticket} acts as stop on {', '.join(nodes)}"
    return f"{text}: no fence device ends {'it' if len(nodes) == 1 else 'them'}"
