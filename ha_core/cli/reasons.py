"""`ha why`: one sentence, the chain of reasons behind it, and what would change it.

Owns: the answer's form. Pure: it reads the reasons that the policy engine
recorded in the snapshot, and invents none.
"""

from collections.abc import Iterable
from dataclasses import asdict, dataclass

from ha_core.cli.goals import in_words, members, watched, where
from ha_core.cli.view import failures
from ha_core.config.change import no_node, no_resource
from ha_core.config.model import Location, Meta, Origin
from ha_core.ids import INFINITY, NodeName, ResourceId
from ha_core.policy.transition import Decision, Reason
from ha_core.policy.wording import together
from ha_core.snapshot import ClusterSnapshot, ResourceSummary


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


def explain(
    snapshot: ClusterSnapshot, resource: str, node: str | None = None
) -> tuple[Explanation, ...]:
    """Return why the primitive (or each one of the group) is where it is, or not on `node`.

    Raises: RefusedError: no such resource, or no such node.
    """
    items = members(snapshot, resource)
    if not items:
        raise no_resource(snapshot.configuration, resource)
    if node is not None and snapshot.configuration.node(NodeName(node)) is None:
        raise no_node(snapshot.configuration, node)
    return tuple(_explain_one(snapshot, item, node) for item in items)


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
    lines += [f"  to change it: {change}" for change in explanation.changes]
    if explanation.protection:
        lines.append(f"  protected by {explanation.protection}")
    lines += [f"  for a quicker takeover: {way}" for way in explanation.shorter]
    return "\n".join(lines)


def _explain_one(snapshot: ClusterSnapshot, item: ResourceSummary, node: str | None) -> Explanation:
    decision = _decision(snapshot, item.id)
    reasons = decision.reasons if decision is not None else ()
    sentence = _sentence(snapshot, item, decision, node)
    chain = dict.fromkeys(
        (reason.text, "" if reason.score is None else _score(reason.score))
        for reason in together(_about(reasons, node))
        if reason.text not in sentence
    )
    return Explanation(
        resource=item.id,
        sentence=sentence,
        reasons=tuple(text for text, _ in chain),
        weights=tuple(weight for _, weight in chain),
        scores=decision.scores if decision is not None else (),
        changes=tuple(dict.fromkeys(_changes(snapshot, item, decision, node))),
        protection=_protection(item) if node is None else "",
        shorter=item.shorter if node is None else (),
    )


def _decision(snapshot: ClusterSnapshot, resource: ResourceId) -> Decision | None:
    return next((d for d in snapshot.decisions if d.resource == resource), None)


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
    if decision is None or decision.blocked or decision.node == node or not item.managed:
        return ""
    bad = [r for r in decision.reasons if r.node == node and r.score is not None and r.score < 0]
    worst = min(bad, key=lambda reason: reason.score or 0, default=None)
    if worst is not None:
        return worst.text
    scores: dict[str, int] = dict(decision.scores)
    if decision.node is None or node not in scores or decision.node not in scores:
        return ""
    return f"{decision.node} has {_score(scores[decision.node])}, {node} {_score(scores[node])}"


def _about(reasons: Iterable[Reason], node: str | None) -> Iterable[Reason]:
    return (r for r in reasons if node is None or r.node is None or r.node == node)


def _score(score: int) -> str:
    if abs(score) < INFINITY:
        return f"{score:+d}" if score else "0"
    return "must" if score > 0 else "must not"


# --- what would change it ------------------------------------------------------------------


def _changes(
    snapshot: ClusterSnapshot, item: ResourceSummary, decision: Decision | None, node: str | None
) -> Iterable[str]:
    if not snapshot.quorate:
        yield "quorum returns when a majority of voters can talk to each other: start more nodes"
    for blocker in _chain(snapshot, item, decision):
        yield from _own_changes(snapshot, blocker)
    for location in _temporary(snapshot, item):
        yield f"{_wish(location)}; 'ha resource clear {location.resource}' ends it"
    yield from _forbidden(snapshot, item, decision, node)
    if any(reason.code == "not-listed" for reason in (decision.reasons if decision else ())):
        yield "'options.symmetric' is false; a location constraint with a score allows a node"
    yield from _node_changes(snapshot, node)
    if node is not None and decision is not None:
        yield from _outscored(snapshot, item, decision, node)


def _chain(
    snapshot: ClusterSnapshot, item: ResourceSummary, decision: Decision | None
) -> Iterable[ResourceSummary]:
    """Return the resource, what it waits for, what that waits for, and so on."""
    by_id = {other.id: other for other in snapshot.resources}
    seen: list[ResourceId] = []
    current: ResourceId | None = item.id
    while current is not None and current in by_id and current not in seen:
        seen.append(current)
        yield by_id[current]
        decision = _decision(snapshot, current)
        current = decision.waits_for if decision is not None else None


def _own_changes(snapshot: ClusterSnapshot, item: ResourceSummary) -> Iterable[str]:
    """Return what would change this resource's own lot."""
    decision = _decision(snapshot, item.id)
    primitive = snapshot.configuration.primitive(item.id)
    own = primitive.meta if primitive is not None else Meta()
    if decision is not None and decision.blocked and decision.waits_for is None:
        yield decision.blocked.rpartition("; ")[2]
    if item.target == "stopped":
        name = item.id if own.target_role is not None else item.group or item.id
        yield f"{item.id} is wanted stopped; 'ha resource start {name}' wants it started"
    if obstacle := watched(snapshot, item):
        yield obstacle
    if item.fail_count:
        count = f"{failures(item.fail_count)} {'counts' if item.fail_count == 1 else 'count'}"
        if item.fail_count >= INFINITY:
            count = "a failed start counts"
        yield f"{count} against {item.id}; 'ha resource cleanup {item.id}' forgets that"


def _wish(location: Location) -> str:
    """Return what a commanded location says."""
    if location.score > 0:
        return f"a {location.origin} wants {location.node}"
    away = " away" if location.origin is Origin.MOVE else ""
    return f"a {location.origin}{away} forbids {location.node}"


def _forbidden(
    snapshot: ClusterSnapshot, item: ResourceSummary, decision: Decision | None, node: str | None
) -> Iterable[str]:
    """Return the administrator's constraints that forbid the node or, of one nowhere, any node."""
    if node is None and (decision is None or decision.node is not None):
        return
    found = [
        location
        for location in snapshot.configuration.locations
        if location.resource in (item.id, item.group)
        and location.origin is Origin.ADMINISTRATOR
        and location.score <= -INFINITY
        and node in (None, location.node)
    ]
    if found:
        ids = ", ".join(location.id for location in found)
        nodes = ", ".join(location.node for location in found)
        what = f"constraint {ids} forbids" if len(found) == 1 else f"constraints {ids} forbid"
        cure = "'ha export' shows the configuration, 'ha apply' takes one without it"
        yield f"{what} {nodes}; {cure}"


def _temporary(snapshot: ClusterSnapshot, item: ResourceSummary) -> Iterable[Location]:
    for location in snapshot.configuration.locations:
        mine = location.resource in (item.id, item.group)
        if mine and location.origin in (Origin.MOVE, Origin.BAN):
            yield location


def _node_changes(snapshot: ClusterSnapshot, node: str | None) -> Iterable[str]:
    for summary in snapshot.nodes:
        if node is not None and summary.name != node:
            continue
        if summary.state == "standby":
            yield f"{summary.name} is in standby; 'ha node online {summary.name}' ends it"
        if summary.state == "maintenance" and not snapshot.configuration.options.maintenance:
            name = summary.name
            yield f"{name} is in maintenance; 'ha node maintenance {name} --off' ends it"
        if summary.state in ("lost", "left"):
            yield f"{summary.name} is {summary.state}; it must be started and reachable"


def _outscored(
    snapshot: ClusterSnapshot, item: ResourceSummary, decision: Decision, node: str
) -> Iterable[str]:
    """Return the move that would bring it there, where nothing forbids that."""
    there = dict(decision.scores).get(NodeName(node))
    state = next(summary.state for summary in snapshot.nodes if summary.name == node)
    is_free = item.managed and not decision.blocked and item.target == "started"
    if there is None or there <= -INFINITY or state != "online" or not is_free:
        return
    if decision.node not in (None, node):
        name = ResourceId(item.group or item.id)
        yield f"'ha resource move {name} --to {node}' outweighs all scores but 'must not'"
