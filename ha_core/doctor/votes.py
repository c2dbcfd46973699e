"""Findings about votes and nodes: is there a quorum, does it bear a loss, who is not there.

Owns: these checks. Pure.
"""

from collections.abc import Iterator

from ha_core.config.choices import NoQuorumPolicy, TwoNode
from ha_core.doctor.facts import Examined
from ha_core.doctor.findings import Finding, Severity, ok
from ha_core.snapshot import ClusterSnapshot, NodeSummary

QUORUM = "quorum"
NODES = "nodes"


def quorum(examined: Examined) -> Iterator[Finding]:
    """Yield what the votes mean."""
    seen = examined.snapshot
    if seen is None:
        return
    if not seen.quorate:
        yield _without(seen)
        return
    spare = seen.votes - seen.votes_needed
    if seen.votes_expected <= 1:
        why = "when this node is lost, nothing takes its services over"
        cure = "'ha token' here, then 'ha join TOKEN' on a second machine, and a witness on a third"
        yield Finding(Severity.WARNING, QUORUM, "", "one node alone has a vote", why, cure)
    elif spare < 1:
        yield _tight(seen)
    else:
        yield ok(QUORUM, seen.outlook or _count(seen))
    if seen.awaited:
        names = ", ".join(seen.awaited)
        why = "nothing is started before all of them were seen ('wait_for_all')"
        cure = "start them; if they are down for certain: ha quorum release --reason TEXT"
        text = f"the cluster waits for {names}"
        yield Finding(Severity.CRITICAL, QUORUM, names, text, why, cure)
    if seen.configuration.options.no_quorum_policy is NoQuorumPolicy.IGNORE:
        why = "a node that is cut off goes on while the others start the same: two owners"
        cure = "set 'no_quorum_policy: stop' in the file, then: ha apply FILE"
        text = "without a quorum everything goes on ('no_quorum_policy: ignore')"
        yield Finding(Severity.WARNING, QUORUM, "", text, why, cure)


def _without(seen: ClusterSnapshot) -> Finding:
    if seen.electing:
        why = "until then nothing is started, moved or configured"
        text = "a majority is there and elects a coordinator"
        return Finding(Severity.WARNING, QUORUM, "", text, why, "wait a moment, then look again")
    missing = ", ".join(seen.votes_missing) or "the missing voters"
    why = "nothing can be started, moved or configured, and what ran here was stopped"
    cure = f"bring back {missing}, or mend the network to them"
    return Finding(Severity.CRITICAL, QUORUM, "", seen.outlook or _count(seen), why, cure)


def _tight(seen: ClusterSnapshot) -> Finding:
    """Nothing may be lost; two nodes with fencing go on all the same, once that has succeeded."""
    text, _, cure = (seen.outlook or _count(seen)).partition("; ")
    if seen.votes_missing or not cure:
        cure = _cure_of(seen)
    why = "one more failure, of any voter, and the cluster stops or waits"
    is_decided = seen.configuration.options.two_node is TwoNode.FENCING and not seen.votes_missing
    if is_decided and seen.votes_expected == 2:
        why = "the survivor waits for the fence device; if that fails, nothing goes on"
        return Finding(Severity.NOTICE, QUORUM, "", text, why, cure)
    return Finding(Severity.WARNING, QUORUM, "", text, why, cure)


def _count(seen: ClusterSnapshot) -> str:
    have = f"{seen.votes} of {seen.votes_expected} votes are there"
    return f"{have}, and {seen.votes_needed} are needed"


def _cure_of(seen: ClusterSnapshot) -> str:
    if seen.votes_missing:
        return f"bring back {', '.join(seen.votes_missing)}"
    return "add a witness: 'ha token --node NAME' here, 'ha witness add TOKEN' on another machine"


def nodes(examined: Examined) -> Iterator[Finding]:
    """Yield every node that is not simply there, and what was left switched off by hand."""
    seen = examined.snapshot
    if seen is None:
        return
    found = [each for node in seen.nodes if (each := _node(node, seen)) is not None]
    if seen.leaving:
        why = "it takes nothing over any more"
        text = f"{seen.local} is being stopped"
        found.append(Finding(Severity.NOTICE, NODES, seen.local, text, why, "afterwards: ha start"))
    options = seen.configuration.options
    if options.maintenance:
        why = "no service is watched, started or taken over anywhere"
        cure = "ha node maintenance --all --off"
        text = "the whole cluster is in maintenance"
        found.append(Finding(Severity.WARNING, NODES, "", text, why, cure))
    yield from found or [ok(NODES, f"all {len(seen.nodes)} nodes are online")]


def _node(node: NodeSummary, seen: ClusterSnapshot) -> Finding | None:
    name = node.name
    match node.state:
        case "lost" if node.unclean:
            why = "what it may still run is started nowhere else until that is proved to be over"
            cure = f"start it; if it is off for certain: ha node confirm-down {name} --reason TEXT"
            text = f"{name} is lost, and may still run something"
            return Finding(Severity.CRITICAL, NODES, name, text, why, cure)
        case "lost":
            why = "the others carry its load, and the next loss has one node less to go to"
            by = f"; it was cut off by {node.fenced_by}" if node.fenced_by else ""
            cure = f"find out why (ha events), then start {name}; it comes back by itself"
            return Finding(Severity.WARNING, NODES, name, f"{name} is lost{by}", why, cure)
        case "left":
            why = "the next loss has one node less to go to"
            cure = f"'ha start' on {name}; if it is gone for good: ha node remove {name}"
            text = f"{name} was stopped in good order"
            return Finding(Severity.NOTICE, NODES, name, text, why, cure)
        case "standby":
            return _standby(node)
        case "maintenance":
            why = "its services are not watched, and nothing takes them over"
            cure = f"ha node maintenance {name} --off"
            return Finding(Severity.WARNING, NODES, name, f"{name} is in maintenance", why, cure)
        case "suspect":
            why = "if it stays silent, its services are taken over"
            if not seen.quorate:
                why = "without a quorum nobody decides what becomes of its services"
            cure = "look again in a moment; if it does not end: ha links --history"
            text = f"{name} is silent, or comes back just now"
            return Finding(Severity.NOTICE, NODES, name, text, why, cure)
        case _:
            return None


def _standby(node: NodeSummary) -> Finding:
    name = node.name
    if node.standby_until_wall_ms is not None:
        text = f"{name} stands by, which ends by itself"
        why = "until then the next loss has one node less to go to"
        return Finding(Severity.NOTICE, NODES, name, text, why, f"sooner: ha node online {name}")
    why = "it takes nothing over, and nothing ends that by itself"
    cure = f"ha node online {name}"
    return Finding(Severity.WARNING, NODES, name, f"{name} is in standby", why, cure)
