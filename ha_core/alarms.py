"""What is worth a person's look now: faults with their cures, and what is not wrong but near it.

Owns: these sentences. Pure: facts and summaries in. Knows nothing of screens.
"""

from collections.abc import Iterable
from datetime import UTC, datetime

from ha_core.config.model import LossPolicy, NoQuorumPolicy
from ha_core.config.secrets import is_secret
from ha_core.config.units import plain, unit
from ha_core.facts import Facts
from ha_core.fencing.rules import unfenced_by
from ha_core.fencing.tickets import without_device
from ha_core.ids import NodeName, ResourceId
from ha_core.quorum.outlook import Outlook, waiting
from ha_core.snapshot import LinkSummary, NodeSummary, ResourceSummary
from ha_core.status import Failure, FencingStatus, Instance, InstanceState, NodeState
from ha_core.transition.failure import OCF_NOT_RUNNING

_GONE = ("lost", "left")


def faults(
    facts: Facts,
    nodes: tuple[NodeSummary, ...],
    resources: tuple[ResourceSummary, ...],
    *,
    is_electing: bool,
) -> tuple[str, ...]:
    """Return what is wrong now, one sentence each, with the cure."""
    return (
        *_store(facts),
        *(f"{facts.local} {text}" for text in facts.unbound),
        *_quorum(facts, is_electing=is_electing),
        *_awaited(facts),
        *_ignored(facts),
        *_lost(nodes),
        *(_fencing(item) for item in facts.fencing if facts.quorate),
        *_without_storage(facts),
        *_resources(facts, resources),
        *_orphans(facts),
        *_links(facts, nodes),
        *_connectivity(facts, nodes),
    )


def notices(facts: Facts, seen: Outlook) -> tuple[str, ...]:
    """Return what is not wrong, but would make the next fault a grave one."""
    tight = (seen.text,) if seen.is_tight else ()
    return (
        *tight,
        *_votes_to_come(facts),
        *_without_device(facts),
        *_clear_secrets(facts),
        *_strangers(facts),
    )


def _votes_to_come(facts: Facts) -> tuple[str, ...]:
    if not facts.quorate or not facts.revisions:
        return ()
    newest = facts.revisions[-1]
    there = (NodeState.ONLINE, NodeState.PENDING)
    present = {node.name for node in facts.nodes if node.state in there}
    return waiting(facts.configuration, newest.will_vote, present, none_alone=newest.none_alone)


def _without_device(facts: Facts) -> Iterable[str]:
    tickets = facts.configuration.tickets
    names = (item.ticket for item in tickets if item.loss_policy is LossPolicy.FENCE)
    texts = (without_device(facts.configuration, name) for name in dict.fromkeys(names))
    return [text for text in texts if text]


def _clear_secrets(facts: Facts) -> tuple[str, ...]:
    return tuple(
        f"whoever may read the configuration can read '{name}' of the fence device {device.id}:"
        f" keep it in a file of mode 0600 on every node, and write '{name}_file: PATH'"
        for device in facts.configuration.fence_devices
        for name, _ in device.parameters
        if is_secret(name)
    )


def _strangers(facts: Facts) -> Iterable[str]:
    """No fault: what refused frames say of their sender is proved by nothing."""
    if not facts.strangers:
        return
    (first, since_wall_ms), *others = facts.strangers
    since = datetime.fromtimestamp(since_wall_ms // 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")
    more = ", ".join(sorted({item.host for item, _ in others} - {first.host}))
    yield (
        f"{facts.local} refuses frames from {first.host} over link {first.link} since {since} UTC"
        f" ({first.text})"
        + (f", and from {more}" if more else "")
        + ": give the other cluster another port, or compare the key rings and addresses"
    )


def _lost(nodes: tuple[NodeSummary, ...]) -> Iterable[str]:
    for node in nodes:
        if node.fenced_by:
            cure = "find out why; if it does not come back by itself, start it"
            yield f"node {node.name} was cut off by {node.fenced_by}: {cure}"
        elif node.state == "lost":
            cure = "start it, or mend its links; it comes back by itself"
            yield f"node {node.name} is lost: {cure}"


def _without_storage(facts: Facts) -> Iterable[str]:
    for node in facts.nodes if facts.quorate else ():
        devices = unfenced_by(facts.configuration, node.name)
        if devices and node.state is NodeState.ONLINE and not node.unfenced:
            names = ", ".join(device.id for device in devices)
            yield (
                f"node {node.name} is without its storage, which {names} has not switched on yet:"
                f" what needs it does not start there; see 'ha fence history {node.name}'"
            )


def _fencing(item: FencingStatus) -> str:
    name, by = item.node, f" by {item.device} through {item.executor}" if item.device else ""
    if item.stage == "restoring":
        return f"node {name} is being switched on again{by}"
    if item.stage == "resting":
        cure = f"if it is down for sure: ha node confirm-down {name} --reason TEXT"
        return f"node {name} could not be cut off ({item.fault}), and is tried again; {cure}"
    word = "is to be cut off soon" if item.stage == "waiting" else f"is being cut off{by}"
    return f"node {name} {word}: {item.reason}"


def _store(facts: Facts) -> Iterable[str]:
    if facts.superseded_by:
        yield (
            f"the disk of {facts.local} is an older copy: this is its start {facts.generation}, but"
            f" the others remember start {facts.superseded_by}, and take nothing that it says;"
            f" remove it at another node ('ha node remove {facts.local}'), then let it join anew"
        )


def _quorum(facts: Facts, *, is_electing: bool) -> Iterable[str]:
    if facts.quorate or facts.superseded_by:
        return
    if is_electing:
        yield (
            f"{facts.local} sees no coordinator, though a majority of voters is there: they are"
            " electing one; wait a moment"
        )
        return
    why = f"; it does not go on alone: {facts.alone_fault}" if facts.alone_fault else ""
    yield (
        f"{facts.local} sees no working coordinator: no quorum, nothing new is started{why};"
        " bring back nodes until a majority of voters can talk to each other"
    )


def _awaited(facts: Facts) -> Iterable[str]:
    if facts.quorate and facts.awaited:
        names = ", ".join(facts.awaited)
        yield (
            f"the cluster has just started and waits for {names}: nothing is started before"
            " ('wait_for_all'); start it, or, if it is down for sure:"
            " ha quorum release --reason TEXT"
        )


def _ignored(facts: Facts) -> Iterable[str]:
    """As long as it is configured: a partition that nobody looks at must not do it in silence."""
    options = facts.configuration.options
    if options.no_quorum_policy is NoQuorumPolicy.IGNORE:
        words = options.no_quorum_acknowledgement
        yield (
            "without a quorum a node keeps what no lease ends, though the majority may start it as"
            f" well: 'no_quorum_policy: ignore', accepted with the words '{words}'; 'stop' is safe"
        )


def _resources(facts: Facts, resources: tuple[ResourceSummary, ...]) -> Iterable[str]:
    for resource in resources:
        if resource.state == "blocked":
            yield f"resource {resource.id} is blocked: {resource.why}"
        elif resource.state == "failed":
            yield f"resource {resource.id} has failed: {_newest_failure(resource.id, facts)}"


def _newest_failure(resource: ResourceId, facts: Facts) -> str:
    found = [
        (instance.failure.at_wall_ms, node.name, instance.failure)
        for node in facts.nodes
        if (instance := node.instance(resource)) is not None and instance.failure
    ]
    if not found:
        return f"see ha why {resource}"
    _, node, failure = max(found, key=lambda item: (item[0], item[1]))
    return f"{_what_failed(failure, node)}; mend it, then: ha resource cleanup {resource}"


def _what_failed(failure: Failure, node: NodeName) -> str:
    if (failure.action, failure.exit_code) == ("monitor", OCF_NOT_RUNNING):
        return f"it did not run any more on {node} ({failure.reason})"
    return f"{failure.action} on {node} gave exit code {failure.exit_code} ({failure.reason})"


def _orphans(facts: Facts) -> Iterable[str]:
    """What a node still runs and nobody wants any more: no decision speaks of it."""
    for node in facts.nodes:
        for item in node.instances:
            if unit(facts.configuration, item.resource) is None:
                is_known = facts.configuration.primitive(plain(item.resource)) is not None
                yield from _orphan(node.name, item, is_called_otherwise=is_known)


def _orphan(node: NodeName, item: Instance, *, is_called_otherwise: bool) -> Iterable[str]:
    name = item.resource
    begin = f"resource {name} is not in the configuration any more"
    if is_called_otherwise:
        begin = f"nothing of resource {plain(name)} is called {name} any more"
    if item.state is InstanceState.BLOCKED:
        why = f" ({item.failure.reason})" if item.failure else ""
        cure = f"end it there, then: ha resource cleanup {name}"
        yield f"{begin}, but could not be stopped on {node}{why}; {cure}"
    elif item.state is InstanceState.UNCERTAIN:
        yield (
            f"{begin}, but may still run on {node}, which is lost; if {node} is down for sure:"
            f" ha node confirm-down {node} --reason TEXT"
        )
    elif item.state in (InstanceState.STARTED, InstanceState.FAILED) and item.pending != "stop":
        yield f"{begin}, but {node} still has it; end it there, then: ha resource cleanup {name}"


def _links(facts: Facts, nodes: tuple[NodeSummary, ...]) -> Iterable[str]:
    """A link is down beside others that carry on, or all that lead to a node that is there."""
    fresh_ms = facts.timers.election_ms
    heard = {link.peer for link in facts.links if link.up and link.silent_ms < fresh_ms}
    for link in facts.links:
        if not link.up and link.peer in heard:
            yield f"link {link.link} to {link.peer} is down; other links carry on"
    if not facts.quorate:
        return
    there = {node.name for node in nodes if node.state not in _GONE}
    for peer in sorted(there & {link.peer for link in facts.links}):
        own = [link for link in facts.links if link.peer == peer]
        if not any(link.up for link in own):
            yield (
                f"nothing is heard from {peer}, which the coordinator calls online, over"
                f" {_names(own)}: mend the way from {peer} to {facts.local}"
            )


def _connectivity(facts: Facts, nodes: tuple[NodeSummary, ...]) -> Iterable[str]:
    """A node that misses what another reaches has a fault; a target that all miss is one."""
    known = {
        node.name: node.connectivity
        for node in nodes
        if node.connectivity is not None and node.state not in _GONE
    }
    for name, reach in known.items():
        if reach.fault:
            yield f"nothing is known of what {name} reaches: {reach.fault}"
    for target in facts.configuration.ping.targets:
        missing = [name for name, reach in known.items() if target.name in reach.missed]
        hosts = ", ".join(target.hosts)
        if missing:
            who = "no node" if len(missing) == len(known) else f"{', '.join(missing)} does not"
            verb = "reaches" if who == "no node" else "reach"
            yield f"{who} {verb} the ping target {target.name} ({hosts}): mend the network there"


def _names(links: list[LinkSummary]) -> str:
    names = [str(link.link) for link in links]
    return f"link {names[0]}" if len(names) == 1 else f"any of the links {', '.join(names)}"
