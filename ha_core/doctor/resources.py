"""Findings about resources: what does not run, what was left as it is by hand, what nobody guards.

Owns: these checks. Pure.
"""

from collections.abc import Iterator

from ha_core.agents.registry import is_claim
from ha_core.config.model import AgentClass, Primitive
from ha_core.doctor.facts import Examined
from ha_core.doctor.findings import Finding, Severity, ok, some
from ha_core.snapshot import ClusterSnapshot, Commanded, ResourceSummary
from ha_core.transition.failure import monitors_of

RESOURCES = "resources"
BY_HAND = "by-hand"
GUARDS = "guards"
MONITORS = "monitors"


def resources(examined: Examined) -> Iterator[Finding]:
    """Yield every resource that does not run as it should, or has failed before."""
    seen = examined.snapshot
    if seen is None:
        return
    if not seen.quorate:
        yield from _without_quorum(seen)
        return
    found = [each for item in seen.resources for each in _resource(seen, item)]
    running = sum(item.state == "started" for item in seen.resources)
    well = f"{running} of {len(seen.resources)} resources run, none has failed"
    yield from found or [ok(RESOURCES, well if seen.resources else "nothing is configured to run")]


def _without_quorum(seen: ClusterSnapshot) -> Iterator[Finding]:
    """What does not run, or is not known to, has one cause: that is told once."""
    names = [item.id for item in seen.resources if item.state != "started"]
    if names:
        why = "without a quorum nothing is started, and what others run is not known"
        text = f"not known to run: {some(names)}"
        cure = "bring the quorum back; then they start by themselves"
        yield Finding(Severity.CRITICAL, RESOURCES, "", text, why, cure)


def _resource(seen: ClusterSnapshot, item: ResourceSummary) -> Iterator[Finding]:
    name = item.id
    if item.state in ("failed", "blocked"):
        word = "has failed" if item.state == "failed" else "is blocked"
        why = "it is down, or the cluster does not dare to touch it"
        cure = f"ha why {name}; mend what it names, then: ha resource cleanup {name}"
        text = f"{name} {word}{f': {item.why}' if item.why else ''}"
        yield Finding(Severity.CRITICAL, RESOURCES, name, text, why, cure)
    elif item.state == "unknown":
        why = "nobody can say whether it runs, so it is started nowhere"
        cure = f"ha why {name}"
        text = f"whether {name} runs is not known"
        yield Finding(Severity.CRITICAL, RESOURCES, name, text, why, cure)
    elif item.state == "stopped" and item.target == "started":
        severity = Severity.NOTICE if seen.pending else Severity.CRITICAL
        why = "it is wanted, and runs nowhere"
        text = f"{name} is stopped{f': {item.why}' if item.why else ''}"
        yield Finding(severity, RESOURCES, name, text, why, f"ha why {name}")
    if item.fail_count and item.state not in ("failed", "blocked"):
        where = _failed_on(seen, item)
        why = "a few more failures there and it may not run there any more"
        cure = f"find out why, then: ha resource cleanup {name}"
        text = f"{name} has failed before{f' on {where}' if where else ''} and runs again"
        if item.state != "started":
            text = f"{name} has failed before{f' on {where}' if where else ''}"
        yield Finding(Severity.WARNING, RESOURCES, name, text, why, cure)


def _failed_on(seen: ClusterSnapshot, item: ResourceSummary) -> str:
    return ", ".join(
        node.name
        for node in seen.instances
        if (instance := node.instance(item.id)) is not None and instance.fail_count
    )


def by_hand(examined: Examined) -> Iterator[Finding]:
    """Yield what an administrator has changed for a while and may have forgotten."""
    seen = examined.snapshot
    if seen is None:
        return
    found = [_commanded(item) for item in seen.commanded]
    for item in seen.resources:
        if not item.managed:
            why = "the cluster watches it at most: it neither restarts it nor takes it over"
            cure = f"ha resource manage {item.id}"
            text = f"{item.id} is unmanaged"
            found.append(Finding(Severity.WARNING, BY_HAND, item.id, text, why, cure))
        elif item.target == "stopped":
            why = "it stays down until somebody starts it"
            cure = f"ha resource start {item.id}"
            text = f"{item.id} was stopped on purpose"
            found.append(Finding(Severity.NOTICE, BY_HAND, item.id, text, why, cure))
    if seen.configuration.options.stop_all:
        why = "no service runs until that is changed"
        cure = "take 'stop_all' out of the file, then: ha apply FILE"
        text = "everything is wanted stopped ('stop_all')"
        found.append(Finding(Severity.WARNING, BY_HAND, "", text, why, cure))
    yield from found or [ok(BY_HAND, "no move, ban, stop or unmanaged resource was left behind")]


def _commanded(item: Commanded) -> Finding:
    what = f"{item.resource} is {'kept on' if item.is_allowed else 'banned from'} {item.node}"
    has_end = item.expires_wall_ms is not None or item.ends_with_node
    cure = f"ha resource clear {item.resource}"
    if not has_end:
        why = "it never ends by itself, and one day there is no other node"
        if item.is_allowed:
            why = "it never ends by itself, and outweighs what the configuration prefers"
        text = f"{what}, without an end"
        return Finding(Severity.WARNING, BY_HAND, item.resource, text, why, cure)
    end = "at a time that was set" if item.expires_wall_ms is not None else "with that node's loss"
    why = "until then it is not placed as the configuration says"
    text = f"{what} by hand, which ends {end}"
    return Finding(Severity.NOTICE, BY_HAND, item.resource, text, why, f"sooner: {cure}")


def guards(examined: Examined) -> Iterator[Finding]:
    """Yield every resource that nothing ends with its node's lease, and nodes without a gate."""
    seen = examined.snapshot
    if seen is None:
        return
    found = [*_unguarded(seen), *_without_kernel(seen), *_without_watchdog(examined)]
    yield from found or [ok(GUARDS, "every resource is kept from having two owners")]


def _unguarded(seen: ClusterSnapshot) -> Iterator[Finding]:
    for item in seen.resources:
        primitive = seen.configuration.primitive(item.id)
        risk = primitive.meta.accept_risk if primitive is not None else None
        if item.guard == "none" and risk:
            why = "after a loss it may run twice for a while"
            cure = item.shorter[0] if item.shorter else f"ha why {item.id}"
            text = f"{item.id} is taken over without proof, accepted with the words '{risk}'"
            yield Finding(Severity.NOTICE, GUARDS, item.id, text, why, cure)
        elif item.guard == "none":
            why = "when its node is lost, it is down until somebody says in writing that it is off"
            cure = item.shorter[0] if item.shorter else f"ha why {item.id}"
            text = f"nothing ends {item.id} when its node is lost"
            yield Finding(Severity.WARNING, GUARDS, item.id, text, why, cure)


def _without_kernel(seen: ClusterSnapshot) -> Iterator[Finding]:
    """A kernel gate is missing where an address of an interface has to do with the guardian."""
    slow = [
        item.id
        for item in seen.configuration.primitives
        if item.agent.agent_class is AgentClass.ADDRESS and not is_claim(item)
    ]
    for node in seen.nodes:
        if slow and node.state == "online" and not node.witness and not node.gates.kernel:
            why = "an address may answer for seconds longer after its node has lost its lease"
            reason = f" ({node.gates.no_kernel})" if node.gates.no_kernel else ""
            cure = f"install nftables on {node.name}, then restart its daemon"
            text = f"{node.name} has no kernel gate{reason}: {', '.join(slow)}"
            yield Finding(Severity.NOTICE, GUARDS, node.name, text, why, cure)


def _without_watchdog(examined: Examined) -> Iterator[Finding]:
    seen = examined.snapshot
    assert seen is not None, "the caller has looked"
    own = next((node for node in seen.nodes if node.name == seen.local), None)
    if own is not None and examined.machine.wants_watchdog and not own.gates.watchdog_ms:
        why = "what counts on it is not ended when this node hangs"
        reason = f" ({own.gates.no_watchdog})" if own.gates.no_watchdog else ""
        cure = "mend 'watchdog' in etc/node.yaml or load its driver, then restart the daemon"
        text = f"{own.name} names a watchdog and has none{reason}"
        yield Finding(Severity.WARNING, GUARDS, own.name, text, why, cure)


def monitors(examined: Examined) -> Iterator[Finding]:
    """Yield every managed resource whose health nobody looks at."""
    seen = examined.snapshot
    if seen is None:
        return
    defaults = seen.configuration.defaults
    interval_ms, limit_ms = defaults.monitor_interval_ms, defaults.operation_timeout_ms
    blind = [
        primitive.id
        for primitive in seen.configuration.primitives
        if not _is_watched(primitive, interval_ms, limit_ms)
    ]
    for name in blind:
        why = "if it dies, the cluster does not notice and nobody restarts it"
        cure = f"give it 'operations: {{monitor: {{interval: 10s}}}}' in the file (ha why {name})"
        text = f"no monitor watches {name}"
        yield Finding(Severity.WARNING, MONITORS, name, text, why, cure)
    if not blind:
        yield ok(MONITORS, "every resource is watched")


def _is_watched(primitive: Primitive, interval_ms: int, limit_ms: int) -> bool:
    named = monitors_of(primitive, None, interval_ms, limit_ms)
    return any(each.enabled and each.interval_ms > 0 for each in named)
