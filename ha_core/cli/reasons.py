"""`ha why`: one sentence, the chain of reasons behind it, and what would change it.

Owns: the answer's form. Pure: it reads the reasons that the policy engine
recorded in the snapshot, and invents none.
"""

from collections.abc import Iterable
from dataclasses import asdict, dataclass

from ha_core.cli.goals import members, where
from ha_core.config.model import Location, Origin
from ha_core.errors import RefusedError
from ha_core.ids import INFINITY, NodeName, ResourceId
from ha_core.policy.transition import Decision, Reason
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


def explain(
    snapshot: ClusterSnapshot, resource: str, node: str | None = None
) -> tuple[Explanation, ...]:
    """Return why the primitive (or each one of the group) is where it is, or not on `node`.

    Raises: RefusedError: no such resource, or no such node.
    """
    items = members(snapshot, resource)
    if not items:
        known = ", ".join(item.id for item in snapshot.resources) or "none"
        raise RefusedError("not-found", f"there is no resource {resource!r}; configured: {known}")
    if node is not None and snapshot.configuration.node(NodeName(node)) is None:
        known = ", ".join(item.name for item in snapshot.nodes) or "none"
        raise RefusedError("not-found", f"there is no node {node!r}; configured: {known}")
    return tuple(_explain_one(snapshot, item, node) for item in items)


def value(explanation: Explanation) -> dict[str, object]:
    """Return the answer as `ha why --json` prints it."""
    return {**asdict(explanation), "scores": dict(explanation.scores)}


def text(explanation: Explanation) -> str:
    """Return the answer for people."""
    lines = [explanation.sentence]
    lines += [f"  because {reason}" for reason in explanation.reasons]
    if explanation.scores:
        scores = ", ".join(f"{name} {_score(score)}" for name, score in explanation.scores)
        lines.append(f"  scores: {scores}")
    lines += [f"  to change it: {change}" for change in explanation.changes]
    return "\n".join(lines)


def _explain_one(snapshot: ClusterSnapshot, item: ResourceSummary, node: str | None) -> Explanation:
    decision = next((d for d in snapshot.decisions if d.resource == item.id), None)
    reasons = decision.reasons if decision is not None else ()
    return Explanation(
        resource=item.id,
        sentence=_sentence(item, node),
        reasons=tuple(_reason_text(reason) for reason in _about(reasons, node)),
        scores=decision.scores if decision is not None else (),
        changes=tuple(_changes(snapshot, item, decision, node)),
    )


def _sentence(item: ResourceSummary, node: str | None) -> str:
    here = where((item,))
    why = f": {item.why}" if item.why else ""
    if node is None or node in item.nodes:
        return here + why
    return f"{item.id} is not on {node}; {here}{why}"


def _about(reasons: Iterable[Reason], node: str | None) -> Iterable[Reason]:
    return (r for r in reasons if node is None or r.node is None or r.node == node)


def _reason_text(reason: Reason) -> str:
    score = "" if reason.score is None else f" ({_score(reason.score)})"
    return f"{reason.text}{score}"


def _score(score: int) -> str:
    if abs(score) < INFINITY:
        return f"{score:+d}" if score else "0"
    return "must" if score > 0 else "must not"


def _changes(
    snapshot: ClusterSnapshot, item: ResourceSummary, decision: Decision | None, node: str | None
) -> Iterable[str]:
    if decision is not None and decision.blocked:
        yield decision.blocked
    if item.target == "stopped":
        yield f"it is wanted stopped; 'ha resource start {item.group or item.id}' wants it started"
    if not item.managed:
        yield f"the cluster only watches it; 'ha resource manage {item.group or item.id}' ends that"
    if item.fail_count:
        count = f"{item.fail_count} failures count against it"
        yield f"{count}; 'ha resource cleanup {item.id}' forgets them"
    for location in _temporary(snapshot, item):
        yield (
            f"a {location.origin} names {location.node}; "
            f"'ha resource clear {location.resource}' ends it"
        )
    yield from _node_changes(snapshot, node)
    if node is not None and node not in item.nodes and decision is not None:
        yield from _outscored(item, decision, node)


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
        if summary.state == "maintenance":
            name = summary.name
            yield f"{name} is in maintenance; 'ha node maintenance {name} --off' ends it"
        if summary.state in ("lost", "left"):
            yield f"{summary.name} is {summary.state}; it must be started and reachable"


def _outscored(item: ResourceSummary, decision: Decision, node: str) -> Iterable[str]:
    scores = dict(decision.scores)
    there = scores.get(NodeName(node))
    if there is None or there <= -INFINITY or decision.node is None:
        return
    best = scores.get(decision.node, 0)
    yield (
        f"{node} has {_score(there)} and {decision.node} {_score(best)}; "
        f"'ha resource move {ResourceId(item.group or item.id)} --to {node}' outweighs that"
    )
