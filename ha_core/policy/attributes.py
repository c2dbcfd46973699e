"""What attributes of nodes do to placement: rules, and the wish for a working network.

Owns: the value of each attribute, comparisons, and the scores with their
reasons. Source: Pacemaker Explained, "Rules"; undefined attributes compare as
there. docs/protocols/connectivity.md says what connectivity may do.
"""

from collections.abc import Iterable
from operator import eq, ge, gt, le, lt
from typing import Final

from ha_core.config.model import NODE_NAME, Comparison, Role, Rule
from ha_core.ids import INFINITY, NodeName, ResourceId
from ha_core.policy.cib import values
from ha_core.policy.cib.rules import Facts
from ha_core.policy.conditions import Question, holds
from ha_core.policy.picture import Picture, Resolved
from ha_core.policy.scores import text
from ha_core.policy.transition import Reason
from ha_core.policy.wording import wish
from ha_core.status import Connectivity

CONNECTIVITY: Final = "connectivity"
_ORDERED: Final = {
    Comparison.LESS: lt,
    Comparison.LESS_OR_EQUAL: le,
    Comparison.EQUAL: eq,
    Comparison.GREATER_OR_EQUAL: ge,
    Comparison.GREATER: gt,
}


def rule_reasons(picture: Picture, names: tuple[ResourceId, ...]) -> Iterable[Reason]:
    """Yield what the rules on these resources give to each node."""
    for rule in picture.configuration.rules:
        if rule.resource not in names or rule.role is Role.PROMOTED:
            continue
        for node, score in rule_scores(picture, rule):
            yield _told(picture, rule, node, score, names[0])


def rule_scores(picture: Picture, rule: Rule) -> Iterable[tuple[NodeName, int]]:
    """Yield the nodes for which a rule holds, each with what it gives them."""
    words = _own_words(picture, rule.resource) if rule.condition is not None else ({}, {})
    for node in picture.nodes:
        if rule.condition is None:
            is_so = is_true(rule, attribute(picture, node, rule.attribute))
        else:
            facts = Facts(_attributes(picture, node), *words)
            is_so = holds(rule.condition, Question.of(facts, picture.at_wall_ms))
        score: int | None = rule.score
        if rule.score_attribute:
            value = attribute(picture, node, rule.score_attribute)
            score = None if value is None else values.score(value)
        if is_so and score is not None:
            yield node, score


def _attributes(picture: Picture, node: NodeName) -> dict[str, str]:
    """Return all attributes of a node, as far as something is known of them."""
    names = (NODE_NAME, CONNECTIVITY, *dict(picture.nodes[node].attributes))
    found = {name: attribute(picture, node, name) for name in names}
    known = {name: value for name, value in found.items() if value is not None}
    return {"#kind": "cluster", "#cluster-name": picture.configuration.name, **known}


def _own_words(picture: Picture, name: ResourceId) -> tuple[dict[str, str], dict[str, str]]:
    """Return the parameters of a resource, and its options under Pacemaker's names."""
    configuration = picture.configuration
    clone = configuration.clone(name)
    inner = clone.member if clone is not None else name
    primitive, group = configuration.primitive(inner), configuration.group(inner)
    owners = (clone, group or configuration.group_of(inner), primitive)
    # Few rules ask for it, and it brings the whole of the CIB's forms with it.
    from ha_core.config.cib.write import metas

    options = metas(configuration.defaults.meta)
    for owner in owners:
        options |= metas(owner.meta) if owner is not None else {}
    return dict(primitive.parameters) if primitive is not None else {}, options


def listed_by_rules(picture: Picture, names: tuple[ResourceId, ...]) -> Iterable[NodeName]:
    """Yield the nodes that a rule allows where only listed ones may be used."""
    for reason in rule_reasons(picture, names):
        if reason.node is not None and (reason.score or 0) > -INFINITY:
            yield reason.node


def attribute(picture: Picture, node: NodeName, name: str) -> str | None:
    """Return a node's attribute: what was observed, else what is configured; None if neither."""
    if name == NODE_NAME:
        return node
    if name == CONNECTIVITY:
        known = _known(picture, node)
        if known is not None:
            return str(len(known.reached) * picture.configuration.ping.multiplier)
    return dict(picture.nodes[node].attributes).get(name)


def is_true(rule: Rule, value: str | None) -> bool:
    """Return whether the rule holds for a node with that value; None: it has no such attribute."""
    match rule.operation:
        case Comparison.DEFINED:
            return value is not None
        case Comparison.NOT_DEFINED:
            return value is None
        case Comparison.NOT_EQUAL:
            return value is None or not _compare(Comparison.EQUAL, value, rule.value)
        case Comparison.ONE_OF:
            return value in rule.value.split()
        case Comparison.NONE_OF:
            return value not in rule.value.split()
        case _:
            return value is not None and _compare(rule.operation, value, rule.value)


def connectivity_reasons(
    picture: Picture, item: Resolved, scores: dict[NodeName, int], *, is_lifted: bool
) -> Iterable[Reason]:
    """Yield what a resource's wish for a working network gives to the nodes.

    `scores` are those so far: a node that is out already is no better place.
    `is_lifted`: where it would then run nowhere, it need not be reached.
    """
    total = len(picture.configuration.ping.targets)
    counts = {
        node: len(known.reached)
        for node in picture.nodes
        if (known := _known(picture, node)) is not None
    }
    if not total or not counts:
        return
    wish = picture.prefers_connectivity(item)
    if wish and len(set(counts.values())) > 1:
        for node, count in counts.items():
            words = f"{node} reaches {count} of {total} ping targets, each counts {text(wish)}"
            yield Reason(CONNECTIVITY, words, node, max(-INFINITY, min(INFINITY, wish * count)))
    if not item.needs_connectivity or min(counts.values()) > 0:
        return
    able = [node for node in counts if scores[node] > -INFINITY and picture.may_keep(item.id, node)]
    best = max(able, key=lambda node: counts[node], default=None)
    if best is None or counts[best] == 0 or is_lifted:
        words = "no node that may run it reaches a ping target, which is no reason to move"
        yield Reason("alike", words)
        return
    for node, count in counts.items():
        if count == 0:
            words = f"{node} reaches 0 of {total} ping targets, {best} reaches {counts[best]}"
            yield Reason(CONNECTIVITY, words, node, -INFINITY)


def _told(picture: Picture, rule: Rule, node: NodeName, score: int, of: ResourceId) -> Reason:
    if rule.source:
        return wish(rule, node, of)
    value = attribute(picture, node, rule.attribute)
    what = f"it has no {rule.attribute}" if value is None else f"it has {rule.attribute} {value}"
    if rule.condition is not None:
        what = "its condition holds"
    words = f"rule {rule.id} gives {node} {text(score)}: {what}"
    if score <= -INFINITY:
        words = f"rule {rule.id} forbids {node}: {what}"
    return Reason("rule", words, node, score)


def _known(picture: Picture, node: NodeName) -> Connectivity | None:
    observed = picture.observed.get(node)
    known = observed.connectivity if observed is not None else None
    return None if known is None or known.fault else known


def _compare(operation: Comparison, left: str, right: str) -> bool:
    compare = _ORDERED[operation]
    try:
        return bool(compare(float(left), float(right)))
    except ValueError:
        return bool(compare(left, right))
