"""`ha why`: one sentence, the chain of reasons behind it, and what would change it.

Owns: the answer's form. Pure: it reads the reasons that the policy engine recorded in the
snapshot, and invents none; what would change it has been tried (`ha_core.policy.counterfactual`).
"""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Final

from ha_core.cli import former_names
from ha_core.cli.goals import in_words, members, watched, where
from ha_core.cli.offer import offers
from ha_core.config.change import no_node, no_resource
from ha_core.config.model import OrderedAction, Origin, Role
from ha_core.config.units import plain, units_of
from ha_core.fencing.tickets import is_open, lost, without_device
from ha_core.ids import INFINITY, Millis, NodeName, ResourceId
from ha_core.policy.balance import Weight, weighed
from ha_core.policy.counterfactual import WayOut, sentences, way_out
from ha_core.policy.scores import text as score_text
from ha_core.policy.transition import Decision, Reason
from ha_core.policy.wording import together
from ha_core.preview.foresee import observed
from ha_core.snapshot import ClusterSnapshot, ResourceSummary
from ha_core.status import Instance, InstanceState

WAYS_MAX: Final = 8
"""More ways than people read; the quickest ones come first."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """The answer for one primitive."""

    resource: str
    sentence: str
    reasons: tuple[str, ...]
    scores: tuple[tuple[str, int], ...]
    changes: tuple[str, ...]
    """What would change it, one sentence each, with the command."""
    protection: str = ""
    """Which guard keeps it from a second owner, and how long a takeover must wait."""
    shorter: tuple[str, ...] = ()
    """What would make a takeover quicker, one sentence each."""
    weights: tuple[str, ...] = ()
    """Of each reason, how much it counts; empty where it is no score."""
    way_out: WayOut = field(default_factory=WayOut)
    """What would change it, as data."""
    wishes: tuple[Weight, ...] = ()
    """Where finite scores decide between nodes: what each that could be had counts, and by what."""


def explain(
    snapshot: ClusterSnapshot, resource: str, node: str | None = None, at_wall_ms: Millis = 0
) -> tuple[Explanation, ...]:
    """Return why the primitive (or each one of the group) is where it is, or not on `node`.

    `at_wall_ms`: constraints and failures that have ended by then count no more.

    Raises: RefusedError: no such resource, or no such node.
    """
    items = members(snapshot, resource)
    if not items:
        raise no_resource(snapshot.configuration, resource)
    if node is not None and snapshot.configuration.node(NodeName(node)) is None:
        raise no_node(snapshot.configuration, node)
    return tuple(_explain_one(snapshot, item, node, at_wall_ms) for item in items)


def value(explanation: Explanation) -> dict[str, object]:
    """Return the answer as `ha why --json` prints it."""
    reasons = [
        f"{reason} ({weight})" if weight else reason
        for reason, weight in zip(explanation.reasons, explanation.weights, strict=True)
    ]
    return {**asdict(explanation), "scores": dict(explanation.scores), "reasons": reasons}


def text(explanation: Explanation, *, with_scores: bool = False) -> str:
    """Return the answer for people, who ask for the arithmetic if they want it."""
    lines = [explanation.sentence]
    for reason, weight in zip(explanation.reasons, explanation.weights, strict=True):
        lines.append(f"  because {reason}" + (f" ({weight})" if weight and with_scores else ""))
    if explanation.scores and with_scores:
        scores = ", ".join(f"{name} {_score(score)}" for name, score in explanation.scores)
        lines.append(f"  scores: {scores}")
    lines += [f"  to change it: {change}" for change in explanation.changes[:WAYS_MAX]]
    if len(explanation.changes) > WAYS_MAX:
        more = len(explanation.changes) - WAYS_MAX
        lines.append(f"  to change it: {more} more ways, which --json lists")
    if explanation.protection:
        lines.append(f"  protected by {explanation.protection}")
    lines += [f"  for a quicker takeover: {way}" for way in explanation.shorter]
    return "\n".join(lines)


def _explain_one(
    snapshot: ClusterSnapshot, item: ResourceSummary, node: str | None, at_wall_ms: Millis
) -> Explanation:
    decision = _decision(snapshot, item.id)
    way = way_out(
        snapshot.configuration,
        observed(snapshot),
        at_wall_ms,
        item.id,
        None if node is None else NodeName(node),
    )
    sentence = _sentence(snapshot, item, decision, node)
    chain = dict.fromkeys(
        (reason.text, "" if reason.score is None else _score(reason.score))
        for reason in (
            *former_names.waits(snapshot, item),
            *_of_tries(snapshot, item, decision),
            *together(_about(decision, node)),
            *_of_primaries(snapshot, item, node),
            *_of_lost_tickets(snapshot, item),
            *_of_fencing(snapshot, item),
        )
        if reason.text not in sentence
    )
    return Explanation(
        resource=item.id,
        sentence=sentence,
        reasons=tuple(text for text, _ in chain),
        weights=tuple(weight for _, weight in chain),
        scores=decision.scores if decision is not None else (),
        changes=tuple(dict.fromkeys(_changes(snapshot, item, node, way, at_wall_ms))),
        way_out=way,
        wishes=_wishes(snapshot, decision),
        protection=_protection(item) if node is None else "",
        shorter=item.shorter if node is None else (),
    )


def _decision(snapshot: ClusterSnapshot, resource: ResourceId) -> Decision | None:
    return next((d for d in snapshot.decisions if d.resource == resource), None)


def _wishes(snapshot: ClusterSnapshot, decision: Decision | None) -> tuple[Weight, ...]:
    if decision is None or not decision.reasons or decision.reasons[0].code != "best-score":
        return ()
    scores = dict(decision.scores)
    able = [
        node.name
        for node in snapshot.nodes
        if node.state == "online" and not node.witness and scores.get(node.name, -1) >= 0
    ]
    return weighed(scores, decision.reasons[1:], able) if len(able) > 1 else ()


def _sentence(
    snapshot: ClusterSnapshot, item: ResourceSummary, decision: Decision | None, node: str | None
) -> str:
    here = where((item,))
    why = f": {_as_it(item)}" if item.why else ""
    if node is None or node in item.nodes:
        return here + why
    against = _against(snapshot, item, decision, node)
    if not against:
        return f"{item.id} is not on {node}; {here}{why}"
    return f"{item.id} is not on {node}: {against}; {here}"


def _protection(item: ResourceSummary) -> str:
    if not item.guard_text:
        return ""
    name = "nothing" if item.guard == "none" else item.guard
    wait = item.takeover_wait_ms
    begins = "only after proof or an operator's word"
    if wait is not None:
        begins = f"{wait} ms after its node falls silent"
    return f"{name}: {item.guard_text}; a takeover begins {begins}"


def _as_it(item: ResourceSummary) -> str:
    """Return why it is where it is, without its name, which the sentence has named already."""
    begin = f"{item.id} "
    return f"it {item.why.removeprefix(begin)}" if item.why.startswith(begin) else item.why


def _against(
    snapshot: ClusterSnapshot, item: ResourceSummary, decision: Decision | None, node: str
) -> str:
    """Return what speaks against that node; nothing if no score decides that."""
    summary = next(item for item in snapshot.nodes if item.name == node)
    if summary.witness:
        return f"{node} is a witness, which hosts nothing"
    if summary.state != "online":
        return f"{node} is {in_words(summary.state)}"
    places = {place.node for place in decision.places} if decision is not None else set()
    if decision is None or decision.blocked or not item.managed:
        return ""
    if decision.node == node or node in places:
        return ""
    bad = [r for r in decision.reasons if r.node == node and r.score is not None and r.score < 0]
    worst = min(bad, key=lambda reason: reason.score or 0, default=None)
    if worst is not None:
        return worst.text
    scores: dict[str, int] = dict(decision.scores)
    if places:
        return f"{len(places)} other nodes come first"
    if decision.node is None or node not in scores or decision.node not in scores:
        return ""
    better, there = (_plain(scores[name]) for name in (decision.node, node))
    return f"{decision.node} has {better}, {node} {there}"


def _of_primaries(
    snapshot: ClusterSnapshot, item: ResourceSummary, node: str | None
) -> Iterable[Reason]:
    """Yield why that is where it is which the resource must be with, one after another; with a
    node, also what must keep it from there.
    """
    seen, queue = {item.id}, [item.id]
    while queue:
        for primary in _primaries(snapshot, queue.pop(0)):
            decision = _decision(snapshot, primary)
            if primary in seen or decision is None or not decision.reasons:
                continue
            seen.add(primary)
            queue.append(primary)
            head = decision.reasons[0]
            where_it_is = f"is on {decision.node}" if decision.node else "runs nowhere"
            yield Reason(head.code, f"{primary} {where_it_is}: {head.text}")
            for reason in decision.reasons[1:] if node is not None else ():
                holds = reason.node == decision.node and (reason.score or 0) >= INFINITY
                forbids = reason.node == node and (reason.score or 0) <= -INFINITY
                if (holds or forbids) and reason.text not in head.text:
                    yield Reason(reason.code, f"{primary}: {reason.text}")


def _of_tries(
    snapshot: ClusterSnapshot, item: ResourceSummary, decision: Decision | None
) -> Iterable[Reason]:
    """Yield what a primitive that does not run yet waits for, where that has failed and is tried
    again: while a try is under way, no plan speaks of the failure.
    """
    if item.nodes or decision is None or decision.node is None or decision.blocked:
        return
    configuration = snapshot.configuration
    wholes = (configuration.group_of(item.id), configuration.clone_of(item.id))
    names = {item.id, *(whole.id for whole in wholes if whole is not None)}
    for order in configuration.orderings:
        if order.then not in names:
            continue
        firsts = {part.id for part in units_of(configuration, order.first)}
        seen = [
            (node.name, found)
            for node in snapshot.instances
            for found in node.instances
            if found.resource in firsts
        ]
        if any(_has_done(found, order.first_action) for _, found in seen):
            continue
        for name, found in seen:
            failure = found.failure
            if failure is not None and failure.action == order.first_action:
                words = f"{failure.action} failed last on {name} ({failure.reason})"
                text = f"it waits for {found.resource}, whose {words} and is tried again"
                yield Reason("ordering", text, name)


def _has_done(item: Instance, action: str) -> bool:
    if action == OrderedAction.PROMOTE:
        return item.role is Role.PROMOTED
    return item.state is InstanceState.STARTED


def _of_lost_tickets(snapshot: ClusterSnapshot, item: ResourceSummary) -> Iterable[Reason]:
    """Yield what comes of nodes that run it although its ticket was lost: loss policy `fence`."""
    configuration = snapshot.configuration
    here = {ticket.name for ticket in snapshot.tickets if ticket.granted}
    for constraint in configuration.tickets:
        names = {plain(part.id) for part in units_of(configuration, constraint.resource)}
        if plain(item.id) not in names or not is_open(configuration, here, constraint):
            continue
        text = f"ticket {constraint.ticket} has 'loss: fence': nodes that run it are cut off"
        yield Reason("ticket", text)
        stopped = without_device(configuration, constraint.ticket)
        if stopped:
            yield Reason("ticket", stopped)
        for case in snapshot.fencing:
            is_over = case.stage in ("proved", "restoring")
            if not is_over and case.reason.startswith(lost(constraint.ticket)):
                yield Reason("ticket", f"{case.node} is to be cut off: {case.reason}")


def _of_fencing(snapshot: ClusterSnapshot, item: ResourceSummary) -> Iterable[Reason]:
    """Yield how far the fence devices are with the nodes on which it may still run."""
    unsure = {
        node.name
        for node in snapshot.instances
        for found in node.instances
        if found.resource == item.id and found.state is InstanceState.UNCERTAIN
    }
    for case in snapshot.fencing:
        if case.node not in unsure:
            continue
        if case.stage == "resting":
            text = f"{case.node} could not be cut off ({case.fault}), and is tried again"
            yield Reason("fencing", text, case.node)
        elif case.stage == "cutting":
            failed = f"; before that, {case.fault}" if case.fault else ""
            text = f"{case.device} is cutting off {case.node} through {case.executor}{failed}"
            yield Reason("fencing", text, case.node)


def _primaries(snapshot: ClusterSnapshot, resource: ResourceId) -> Iterable[ResourceId]:
    configuration = snapshot.configuration
    group = configuration.group_of(resource)
    clone = configuration.clone_of(resource)
    names = {resource}
    if group is not None and group.members[0] != resource:
        yield group.members[group.members.index(resource) - 1]
    else:
        names |= {whole.id for whole in (group, clone) if whole is not None}
    for colocation in configuration.colocations:
        if colocation.resource in names and colocation.score >= INFINITY:
            cloned = configuration.clone(colocation.with_resource)
            primary = cloned.member if cloned is not None else colocation.with_resource
            other = configuration.group(primary)
            yield other.members[-1] if other is not None else primary


def _about(decision: Decision | None, node: str | None) -> Iterable[Reason]:
    """Yield the reasons that have to do with the node, and what must be on the one that was chosen;
    where none speaks against the node, all that speaks for the other.
    """
    reasons = decision.reasons if decision is not None else ()
    chosen = decision.node if decision is not None else None
    is_beaten = not any(r.node == node and (r.score or 0) < 0 for r in reasons)
    for reason in reasons:
        least = 1 if is_beaten else INFINITY
        is_wish = reason.node == chosen and (reason.score or 0) >= least
        if node is None or reason.node in (None, node) or is_wish:
            yield reason


def _score(score: int) -> str:
    if abs(score) < INFINITY:
        return f"{score:+d}" if score else "0"
    return "must" if score > 0 else "must not"


def _plain(score: int) -> str:
    return _score(score) if abs(score) < INFINITY else score_text(score)


# --- what would change it ------------------------------------------------------------------


def _changes(
    snapshot: ClusterSnapshot,
    item: ResourceSummary,
    node: str | None,
    way: WayOut,
    at_wall_ms: Millis,
) -> Iterable[str]:
    if node is None and (obstacle := watched(snapshot, item)):
        yield obstacle
    yield from former_names.ends(snapshot, item)
    yield from sentences(way.alone)
    clone = snapshot.configuration.clone_of(item.id)
    top = clone.id if clone is not None else item.group or item.id
    move = f"'ha resource move {top} --to {node}'"
    if way.movable:
        names = (top, *(member.id for member in members(snapshot, top)))
        earlier = any(
            location.resource in names and location.origin is not Origin.ADMINISTRATOR
            for location in snapshot.configuration.locations
        )
        yield f"{move} moves it there{', and ends earlier moves and bans' if earlier else ''}"
    for sentence in sentences(way.with_move):
        yield f"{sentence}, then {move}"
    if way.together:
        ends = f"; then {move}" if way.needs_move else ""
        parts = sentences(way.together)
        whole = "all of this together: " if len(parts) > 1 else ""
        yield f"{whole}{'; and '.join(parts)}{ends}"
    if node is None and not item.nodes:
        yield from (str(one) for one in offers(snapshot, at_wall_ms) if one.resource == item.id)
    if not way.is_complete:
        yield "there was too much to try everything, so that this may not be all"
