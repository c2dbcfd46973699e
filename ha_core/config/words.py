"""Words for constraints: what a resource says of itself, and what binds several resources.

Owns: what each word comes to (locations, rules, colocations, orderings and tickets with
ids of their own), and how these are told as the word again. Each of them keeps
its word as `source`, the path in the file. A *part* is what the reader makes of
a word: `{"prefers": [("n1", None), ("n2", None)]}`, or with the keys beside it; instead of None a
value, or a mapping of several.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import islice, pairwise
from typing import Any, Final, TypeVar

from ha_core.config import keys_constraints
from ha_core.config.faults import Fault
from ha_core.config.limits import CONSTRAINTS_MAX
from ha_core.config.model import (
    NODE_NAME,
    Colocation,
    Comparison,
    Configuration,
    Constraint,
    Location,
    LossPolicy,
    OrderedAction,
    Ordering,
    OrderKind,
    Role,
    Rule,
    TicketConstraint,
)
from ha_core.errors import RefusedError
from ha_core.ids import INFINITY, ConstraintId, NodeName, ResourceId

Part = dict[str, Any]
"""Values as `read` leaves them."""
Named = Sequence[tuple[str, Any]]
T = TypeVar("T")

STEP: Final = 100
"""What a place in a list of wishes counts: far above the usual stickiness of 1, so that a resource
returns to what it prefers, and below what keeps a service where it is on purpose.
"""
_OF_CONSTRAINTS: Final = ("together", "apart", "order")
_OF_TWO: Final = ("first_action", "then_action", "any_of")
_NUMBER: Final = re.compile(r"-\d+")


class Ids:
    """Ids that are taken."""

    def __init__(self, taken: Iterable[str]) -> None:
        self._taken = set(taken)

    def take(self, stem: str) -> ConstraintId:
        """Return the stem, with a number behind it if something else has that id."""
        number, name = 1, stem
        while name in self._taken:
            number += 1
            name = f"{stem}-{number}"
        self._taken.add(name)
        return ConstraintId(name)


def of_resource(name: str, raw: Part, ids: Ids, *, is_symmetric: bool) -> Iterator[Constraint]:
    """Yield what the words of a resource come to."""
    for word in keys_constraints.WORDS:
        if word in raw:
            source = f"resources.{name}.{word}"
            yield from _with_ids(make(source, {word: raw[word]}, is_symmetric=is_symmetric), ids)


def of_constraint(name: str, raw: Part, ids: Ids) -> Iterator[Constraint]:
    """Yield what a constraint of several resources comes to; nothing if it is another one."""
    word = next((word for word in _OF_CONSTRAINTS if word in raw), "")
    part = dict(raw)
    if word == "order":
        part["order"] = [*part["order"], *([[part.pop("then")]] if "then" in part else [])]
    if word and not is_single(raw):
        yield from _with_ids(make(f"constraints.{name}.{word}", part), ids)


def is_single(raw: Part) -> bool:
    """Return whether an ordering is of two resources, by `order` and `then`."""
    return "then" in raw and [len(level) for level in raw.get("order", ())] == [1]


def incomplete(raw: Part) -> Iterator[Fault]:
    """Yield a fault for each ordering of a whole file that has a beginning alone, or a gap."""
    for name, part in raw.get("constraints", {}).items():
        for key in _OF_TWO:
            if key in part and not is_single(part):
                text = "is of a chain; allowed: where 'order' and 'then' name one resource each"
                yield Fault(f"constraints.{name}.{key}", text)
        levels = part.get("order", (1, 2))
        if not levels or not all(levels):
            text = "is empty, or a list in it is; allowed: at least one resource in each"
            yield Fault(f"constraints.{name}.order", text)
        elif len(levels) < 2 and "then" not in part:
            text = "has no 'then'; allowed: 'then', or several resources in 'order'"
            yield Fault(f"constraints.{name}", text)


def make(source: str, part: Part, *, is_symmetric: bool = True) -> list[Constraint]:
    """Return what the word at that path comes to, with the ids that it has if they are free.

    Of pairs without number it is one more than a configuration may have.
    """
    owner, word = _owner(source), _word(source)
    stem, names = f"{owner}-{word.replace('_', '-')}", part[word]
    match word:
        case "prefers" | "never_on":
            return _on_nodes(source, stem, names)
        case "needs_ticket":
            return [_ticket(source, stem, name, value) for name, value in names]
        case "only_on":
            return _only_on(source, stem, names, is_symmetric=is_symmetric)
        case "avoids":
            return [_avoids(source, stem, name, score or STEP) for name, score in names]
        case "with" | "apart_from":
            return [_bond(source, f"{stem}-{name}", name, value) for name, value in names]
        case "after" | "after_any_of":
            any_of = "" if word == "after" else stem
            return [_after(source, f"{stem}-{name}", name, value, any_of) for name, value in names]
        case "order":
            return _chain(source, owner, part)
        case _:
            return _several(source, owner, word, [name for name, _ in names], part.get("score"))


def _on_nodes(source: str, stem: str, names: Named) -> list[Constraint]:
    scores = [-INFINITY] * len(names) if _word(source) == "never_on" else _ladder(len(names))
    if any(value is not None for _, value in names):
        scores = [STEP] * len(names)
    return [
        Location(
            ConstraintId(f"{stem}-{name}"),
            ResourceId(_owner(source)),
            NodeName(name),
            _score(value) or usual,
            source=source,
            role=_more(value).get("role"),
        )
        for (name, value), usual in zip(names, scores, strict=True)
    ]


def _score(value: Any) -> int | None:
    """Return the score that stands behind a name: alone, or among other things."""
    return _more(value).get("score") if isinstance(value, dict) else value


def _more(value: Any) -> Part:
    return value if isinstance(value, dict) else {}


def _bond(source: str, name: str, other: str, value: Any) -> Colocation:
    sign, more = 1 if _word(source) == "with" else -1, _more(value)
    return Colocation(
        ConstraintId(name),
        ResourceId(_owner(source)),
        ResourceId(other),
        sign * (_score(value) or INFINITY),
        source,
        more.get("own_role"),
        more.get("role"),
        more.get("node_attribute", ""),
        more.get("influence"),
    )


def _after(source: str, name: str, other: str, value: Any, any_of: str) -> Ordering:
    more = _more(value)
    if isinstance(value, OrderKind):
        more = {"kind": value}
    elif isinstance(value, OrderedAction):
        more = {"action": value}
    return Ordering(
        ConstraintId(name),
        ResourceId(other),
        ResourceId(_owner(source)),
        more.get("kind", OrderKind.MANDATORY),
        more.get("symmetrical", True),
        source,
        more.get("action", OrderedAction.START),
        more.get("own_action", OrderedAction.START),
        any_of,
    )


def _ticket(source: str, stem: str, ticket: str, value: Any) -> TicketConstraint:
    more: Part = {"loss": value} if isinstance(value, LossPolicy) else _more(value)
    role = more.get("role")
    return TicketConstraint(
        ConstraintId(f"{stem}-{ticket}"),
        ticket,
        ResourceId(_owner(source)),
        role,
        more.get("loss", usual_loss(role)),
        source,
    )


def usual_loss(role: Role | None) -> LossPolicy:
    """Return what a lost ticket does to a resource where nothing is said."""
    return LossPolicy.DEMOTE if role is Role.PROMOTED else LossPolicy.STOP


def _ladder(count: int) -> list[int]:
    """Return the scores of a list of wishes, the best first."""
    return list(range(STEP * count, 0, -STEP))


def _only_on(source: str, stem: str, names: Named, *, is_symmetric: bool) -> list[Constraint]:
    """Forbid all other nodes; where none is allowed by itself, also allow these."""
    owner, nodes = ResourceId(_owner(source)), [name for name, _ in names]
    rule = Rule(
        ConstraintId(stem),
        owner,
        NODE_NAME,
        Comparison.NONE_OF,
        " ".join(nodes),
        -INFINITY,
        source,
    )
    listed: list[Constraint] = [
        Location(ConstraintId(f"{stem}-{name}"), owner, NodeName(name), 0, source=source)
        for name in nodes
        if not is_symmetric
    ]
    return [*listed, rule]


def _avoids(source: str, stem: str, node: str, score: int) -> Rule:
    """Let all other nodes gain: with a score below 0 the node would be out of the question."""
    owner = ResourceId(_owner(source))
    name = ConstraintId(f"{stem}-{node}")
    return Rule(name, owner, NODE_NAME, Comparison.NOT_EQUAL, node, score, source)


def _several(
    source: str, owner: str, word: str, names: list[str], score: int | None
) -> list[Constraint]:
    weight = score or INFINITY
    if word == "together":
        return [
            _colocation(source, f"{owner}-{second}-with-{first}", second, first, weight)
            for first, second in pairwise(names)
        ]
    pairs = ((first, second) for i, second in enumerate(names) for first in names[:i])
    return [
        _colocation(source, f"{owner}-{second}-apart-from-{first}", second, first, -weight)
        for first, second in islice(pairs, CONSTRAINTS_MAX + 1)
    ]


def _chain(source: str, owner: str, part: Part) -> list[Constraint]:
    options = {key: part[key] for key in ("kind", "symmetrical") if key in part}
    pairs = (
        (first, then)
        for before, behind in pairwise(part["order"])
        for then in behind
        for first in before
    )
    return [
        Ordering(
            ConstraintId(f"{owner}-{then}-after-{first}"),
            ResourceId(first),
            ResourceId(then),
            **options,
            source=source,
        )
        for first, then in islice(pairs, CONSTRAINTS_MAX + 1)
    ]


def _colocation(source: str, name: str, dependent: str, primary: str, score: int) -> Colocation:
    return Colocation(ConstraintId(name), ResourceId(dependent), ResourceId(primary), score, source)


def _with_ids(items: list[Constraint], ids: Ids) -> Iterator[Constraint]:
    return (replace(item, id=ids.take(item.id)) for item in items)


# --- and back --------------------------------------------------------------------------------


def collect(configuration: Configuration) -> tuple[dict[str, Part], list[Constraint]]:
    """Return the words by their paths, and all constraints that stand for themselves."""
    alone: list[Constraint] = []
    made: dict[str, list[Constraint]] = {}
    for item in configuration.constraints():
        if item.source:
            made.setdefault(item.source, []).append(item)
        else:
            alone.append(item)
    resources = {*(p.id for p in configuration.primitives), *(g.id for g in configuration.groups)}
    taken: set[str] = {item.id for item in alone}
    parts: dict[str, Part] = {}
    for source, items in made.items():
        owner, is_own = _owner(source), _is_word_of(source, "resources")
        is_free = owner in resources if is_own else owner not in taken
        part = _tell(source, items) if is_free else None
        if part is None or not _is_made(source, part, items, configuration):
            alone += items
            continue
        parts[source] = part
        if not is_own:
            taken.add(owner)
    return parts, alone


def _is_made(
    source: str, part: Part, items: list[Constraint], configuration: Configuration
) -> bool:
    """Return whether the word makes just these, but for numbers behind their ids."""
    wanted = make(source, part, is_symmetric=configuration.options.symmetric)
    return len(wanted) == len(items) and all(
        replace(item, id=other.id) == other
        and (item.id == other.id or _NUMBER.fullmatch(item.id.removeprefix(other.id)))
        for item, other in zip(items, wanted, strict=True)
    )


def _tell(source: str, items: list[Constraint]) -> Part | None:
    """Return the part that may have made these, or None if none has."""
    word = _word(source)
    locations, rules = _only(Location, items), _only(Rule, items)
    colocations, orderings = _only(Colocation, items), _only(Ordering, items)
    if _is_word_of(source, "resources"):
        found: Named = ()
        match word:
            case "prefers":
                found = _preferred(locations)
            case "never_on":
                found = [(item.node, None) for item in locations]
            case "only_on":
                found = [(name, None) for item in rules for name in item.value.split()]
            case "avoids":
                if not all(0 < item.score < INFINITY for item in rules):
                    return None
                found = _usual([(item.value, item.score) for item in rules], STEP)
            case "with" | "apart_from":
                bonds = [(item.with_resource, _told_bond(item)) for item in colocations]
                found = _usual(bonds, INFINITY)
            case "needs_ticket":
                permits = _only(TicketConstraint, items)
                found = [(item.ticket, _told_ticket(item)) for item in permits]
                found = _usual(found, usual_loss(None))
            case "after_any_of":
                found = [(item.first, None) for item in orderings]
            case _:
                steps = [(item.first, _told_after(item)) for item in orderings]
                found = _usual(steps, OrderKind.MANDATORY)
        return {word: list(found)} if found else None
    if not _is_word_of(source, "constraints"):
        return None
    if word == "order":
        return _levels(orderings)
    if not colocations:
        return None
    names = dict.fromkeys([colocations[0].with_resource, *(item.resource for item in colocations)])
    weight = abs(colocations[0].score)
    part: Part = {word: [(name, None) for name in names]}
    return part if weight == INFINITY else {**part, "score": weight}


def _preferred(locations: list[Location]) -> Named:
    scores = [item.score for item in locations]
    if not all(0 < score < INFINITY for score in scores):
        return ()
    has_role = any(item.role is not None for item in locations)
    if scores == _ladder(len(scores)) and not has_role:
        return [(item.node, None) for item in locations]
    return [
        (item.node, _short({"score": item.score, "role": item.role}, STEP)) for item in locations
    ]


def _told_bond(item: Colocation) -> Any:
    more: Part = {"score": abs(item.score), "role": item.with_role, "own_role": item.role}
    more |= {"node_attribute": item.node_attribute or None, "influence": item.influence}
    return _short(more, INFINITY)


def _told_after(item: Ordering) -> Any:
    """Return what an ordering has that is not usual: one word, or several."""
    more: Part = {"kind": item.kind}
    if item.first_action is not OrderedAction.START:
        more["action"] = item.first_action
    if item.then_action is not OrderedAction.START:
        more["own_action"] = item.then_action
    if not item.symmetrical:
        more["symmetrical"] = False
    if item.kind is OrderKind.MANDATORY and len(more) > 1:
        del more["kind"]
    return next(iter(more.values())) if set(more) in ({"kind"}, {"action"}) else more


def _told_ticket(item: TicketConstraint) -> Any:
    if item.role is not None:
        return {"loss": item.loss_policy, "role": item.role}
    return item.loss_policy


def _short(more: Part, usual: int) -> Any:
    """Return the score if nothing else is said, else all that is; the usual score need not be."""
    said = {key: value for key, value in more.items() if value is not None}
    if set(said) == {"score"}:
        return said["score"]
    return {key: value for key, value in said.items() if (key, value) != ("score", usual)}


def _levels(orderings: list[Ordering]) -> Part | None:
    firsts: dict[str, list[str]] = {}
    for item in orderings:
        firsts.setdefault(item.then, []).append(item.first)
    if not firsts:
        return None
    levels = [next(iter(firsts.values()))]
    while following := [then for then, before in firsts.items() if before == levels[-1]]:
        if len(levels) > len(firsts):
            return None  # in a circle
        levels.append(following)
    part: Part = {"order": levels}
    if orderings[0].kind is not OrderKind.MANDATORY:
        part["kind"] = orderings[0].kind
    return part if orderings[0].symmetrical else {**part, "symmetrical": False}


def _usual(named: Sequence[tuple[str, object]], usual: object) -> Named:
    """Return the names without values, if all have the usual one; else each with one."""
    is_usual = all(value == usual for _, value in named)
    return [(name, None if is_usual else value) for name, value in named]


def _only(kind: type[T], items: Iterable[Constraint]) -> list[T]:
    return [item for item in items if isinstance(item, kind)]


def without_node(configuration: Configuration, node: NodeName) -> Configuration:
    """Return it with no location and no word that names the node.

    Raises RefusedError: it is the only one that may run some resource.
    """
    rules = []
    for item in configuration.rules:
        names = [name for name in item.value.split() if name != node]
        if not item.source or len(names) == len(item.value.split()):
            rules.append(item)
        elif names:
            rules.append(replace(item, value=" ".join(names)))
        elif item.operation is Comparison.NONE_OF:
            text = f"{item.resource} may run on {node} alone ({item.source})"
            raise RefusedError("invalid", f"{text}: name another node there first")
    locations = _in_order(configuration, node)
    return replace(configuration, locations=locations, rules=tuple(rules))


def _in_order(configuration: Configuration, node: NodeName) -> tuple[Location, ...]:
    """Return the locations of other nodes; a list of wishes is one of the nodes that are left."""
    lists = {
        source
        for source, part in collect(configuration)[0].items()
        if _word(source) == "prefers" and all(score is None for _, score in part["prefers"])
    }
    kept = [item for item in configuration.locations if item.node != node]
    places = Counter(item.source for item in kept)
    found = []
    for item in kept:
        if item.source in lists:
            item = replace(item, score=STEP * places[item.source])
            places[item.source] -= 1
        found.append(item)
    return tuple(found)


def names_of(part: Part) -> list[str]:
    """Return the names of nodes, resources or tickets that a part has."""
    word = next(iter(part))
    if word == "order":
        return [name for level in part[word] for name in level]
    return [name for name, _ in part[word]]


def _is_word_of(source: str, section: str) -> bool:
    words = keys_constraints.WORDS if section == "resources" else _OF_CONSTRAINTS
    return source.startswith(f"{section}.") and bool(_owner(source)) and _word(source) in words


def _owner(source: str) -> str:
    """Return the resource or constraint that says the word: names have dots, words have none."""
    return source.partition(".")[2].rpartition(".")[0]


def _word(source: str) -> str:
    return source.rpartition(".")[2]
