"""What a command would make of configuration and status, and whether it would be refused now.

Owns: the dry run of a command. Whether it is refused is asked of the
coordinator's own rules, with what this node knows.
"""

from dataclasses import replace

from ha_core import commands
from ha_core.config.change import apply_command, no_resource, no_ticket
from ha_core.config.model import Configuration
from ha_core.config.units import plain, units_of
from ha_core.coordinator.desk import NO_QUORUM, edited
from ha_core.coordinator.ends import starts
from ha_core.coordinator.record import Record
from ha_core.coordinator.refusals import refuse_standstill, refuse_unsafe
from ha_core.errors import RefusedError
from ha_core.gates import Gates
from ha_core.ids import ResourceId
from ha_core.preview.suppose import Given
from ha_core.quorum.votes import step_fault
from ha_core.replication.tickets import refuse_granted
from ha_core.snapshot import ClusterSnapshot
from ha_core.status import ClusterStatus, InstanceState, NodeStatus, Ticket

_DOWN = (InstanceState.STOPPED, InstanceState.UNKNOWN)


def title_of(command: Given) -> str:
    """Return the command in a few words, such as `n1 goes into standby`."""
    match command:
        case commands.Apply():
            return "the configuration is applied"
        case commands.SetStandby():
            return f"{command.node} {'goes into' if command.standby else 'leaves'} standby"
        case commands.SetTargetRole():
            return f"{command.resource} is wanted {command.role or 'as configured'}"
        case commands.Ban():
            word = "not to be promoted on" if command.promoted else "banned from"
            return f"{command.resource} is {word} {command.node}"
        case commands.Restart():
            return f"{command.resource} restarts"
        case commands.Move():
            word = "promoted on" if command.promoted else "moved to"
            return f"{command.resource} is {word} {command.node}"
        case commands.SetTicket(granted=None):
            return f"ticket {command.ticket} {'goes into' if command.standby else 'leaves'} standby"
        case commands.SetTicket():
            return f"ticket {command.ticket} is {'granted' if command.granted else 'revoked'}"
        case commands.AddTicket():
            return f"ticket {command.ticket} is added"
        case commands.RemoveTicket():
            return f"ticket {command.ticket} is removed"


def configured(snapshot: ClusterSnapshot, command: Given) -> Configuration:
    """Return the configuration after the command.

    Raises: RefusedError: it names what does not exist, or asks for what cannot be done.
    """
    if isinstance(command, commands.Apply):
        return command.configuration
    old = snapshot.configuration
    if isinstance(command, commands.Restart):
        if not units_of(old, command.resource):
            raise no_resource(old, command.resource)
        return old
    if isinstance(command, commands.SetTicket):
        if command.ticket not in {item.name for item in snapshot.tickets}:
            raise no_ticket(old, command.ticket)
        return old
    return apply_command(old, command, starts(command, snapshot.instances))


def refusal_of(snapshot: ClusterSnapshot, command: Given) -> str:
    """Return the sentence with which a coordinator that knows what we know would refuse it."""
    if not snapshot.quorate:
        return NO_QUORUM.text
    if isinstance(command, commands.Apply) and command.base not in (None, snapshot.revision):
        return f"the configuration is at revision {snapshot.revision}, not {command.base}"
    current = snapshot.configuration
    gates = {node.name: node.gates for node in snapshot.nodes}
    records = [
        Record(
            item.name,
            item.state,
            item.generation,
            instances=item.instances,
            gates=gates.get(item.name, Gates()),
        )
        for item in snapshot.instances
    ]
    try:
        if isinstance(command, commands.RemoveTicket):
            known = (Ticket(item.name, item.granted) for item in snapshot.tickets)
            refuse_granted(command.ticket, known)
        changed, _ = edited(current, (), command, starts(command, snapshot.instances))
        refuse_unsafe(current, changed, records, ())
        refuse_standstill(current, changed, set(current.voters()) - set(snapshot.votes_missing))
    except RefusedError as refusal:
        return str(refusal)
    return step_fault(current.voters(), changed.voters())


def begun(
    status: ClusterStatus, old: Configuration, new: Configuration, command: Given | None
) -> ClusterStatus:
    """Return the status with what must restart: asked for, or running by an old definition."""
    changed = {
        item.id
        for item in new.primitives
        if (before := old.primitive(item.id)) is not None
        and (before.agent, before.parameters) != (item.agent, item.parameters)
    }
    nodes = tuple(_stale(node, changed) for node in status.nodes)
    if isinstance(command, commands.SetTicket):
        status = replace(status, tickets=_with_ticket(status.tickets, command))
    asked = set()
    if isinstance(command, commands.Restart):
        clone = new.clone(command.resource)
        asked.add(clone.member if clone is not None else command.resource)
    return replace(status, nodes=nodes, restarts=tuple(sorted({*status.restarts, *asked})))


def _with_ticket(known: tuple[Ticket, ...], command: commands.SetTicket) -> tuple[Ticket, ...]:
    found = {item.name: item for item in known}
    before = found.get(command.ticket, Ticket(command.ticket))
    found[command.ticket] = replace(
        before,
        granted=before.granted if command.granted is None else command.granted,
        standby=before.standby if command.standby is None else command.standby,
    )
    return tuple(found[name] for name in sorted(found))


def _stale(node: NodeStatus, changed: set[ResourceId]) -> NodeStatus:
    instances = tuple(
        replace(item, stale=True)
        if plain(item.resource) in changed and item.state not in _DOWN
        else item
        for item in node.instances
    )
    return replace(node, instances=instances)
