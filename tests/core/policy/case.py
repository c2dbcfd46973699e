"""Cases of the policy engine as text: a few lines in, the plan with its reasons out.

Owns: reading a case and showing a plan. A line each: `node NAME [words]`,
`primitive ID [option=value]`, `group ID MEMBERS [option=value]`, `location
RESOURCE NODE SCORE`, `says PATH NAMES`, `colocation A with B SCORE`, `order A then B`, `on NODE
RESOURCE STATE [words]`, `clone ID MEMBER [words]`, and the single words in `_LINES`. What nothing
is said about on an online node is stopped there.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace
from typing import Any, Final

from ha_core.config.model import (
    AgentClass,
    AgentRef,
    Clone,
    Colocation,
    Comparison,
    Configuration,
    Defaults,
    Exclusivity,
    Group,
    Health,
    HealthStrategy,
    Location,
    LossPolicy,
    Meta,
    MultipleActive,
    Node,
    NoQuorumPolicy,
    OnFail,
    OrderedAction,
    Ordering,
    OrderKind,
    Origin,
    Ping,
    PingTarget,
    Placement,
    Primitive,
    Role,
    Rule,
    Strategy,
    TargetRole,
    TicketConstraint,
)
from ha_core.config.units import units
from ha_core.config.words import make
from ha_core.ids import INFINITY, ConstraintId, NodeName, ResourceId
from ha_core.policy.schedule import schedule
from ha_core.policy.scores import text as score_text
from ha_core.policy.transition import Action, Decision, Transition
from ha_core.status import (
    ClusterStatus,
    Connectivity,
    Failure,
    FailureKind,
    Instance,
    InstanceState,
    NodeState,
    NodeStatus,
    Ticket,
)

_ORDER_KINDS: Final = tuple(str(kind) for kind in OrderKind)
_STATES: Final = {str(state): state for state in NodeState}
_KINDS: Final = {
    1: FailureKind.SOFT,
    5: FailureKind.HARD,
    6: FailureKind.FATAL,
    7: FailureKind.SOFT,
}


@dataclass
class Case:
    """One input of the engine while it is being read."""

    configuration: Configuration = field(default_factory=Configuration)
    nodes: dict[NodeName, NodeState] = field(default_factory=dict)
    instances: dict[tuple[NodeName, ResourceId], Instance] = field(default_factory=dict)
    is_quorate: bool = True
    restarts: list[ResourceId] = field(default_factory=list)
    intended: list[tuple[ResourceId, NodeName]] = field(default_factory=list)
    tickets: list[Ticket] = field(default_factory=list)
    awaited: list[NodeName] = field(default_factory=list)
    at_wall_ms: int = 0
    reached: dict[NodeName, Connectivity] = field(default_factory=dict)

    @property
    def status(self) -> ClusterStatus:
        """The observed half, with everything in its order."""
        return ClusterStatus(
            tuple(self._node(name) for name in sorted(self.nodes)),
            self.is_quorate,
            tuple(sorted(self.restarts)),
            tuple(sorted(self.intended)),
            awaited=tuple(self.awaited),
            tickets=tuple(self.tickets),
        )

    def _node(self, name: NodeName) -> NodeStatus:
        here = {r: item for (node, r), item in self.instances.items() if node == name}
        if self.nodes[name] is NodeState.ONLINE:
            for unit in units(self.configuration):
                here.setdefault(unit.id, Instance(unit.id, InstanceState.STOPPED))
        instances = tuple(here[key] for key in sorted(here))
        reached = self.reached.get(name)
        return NodeStatus(name, self.nodes[name], 1, instances, connectivity=reached)

    def plan(self) -> Transition:
        """Return the engine's answer."""
        return schedule(self.configuration, self.status, self.at_wall_ms)


def read(text: str) -> Case:
    """Return the case that the lines describe; `#` begins a comment."""
    case = Case()
    for line in text.splitlines():
        words = line.partition("#")[0].split()
        if words:
            _LINES[words[0]](case, words[1:])
    return case


def show(plan: Transition) -> str:
    """Return the plan as the expected half of a case: places, then actions in their order."""
    lines = [line for decision in plan.decisions for line in _decision(decision)]
    lines += [_action(action) for action in plan.actions] or ["nothing to do"]
    return "\n".join(lines) + "\n"


def _decision(decision: Decision) -> list[str]:
    scores = " ".join(f"{node}:{score_text(score)}" for node, score in decision.scores)
    why = decision.reasons[0].text
    lines = [f"{decision.resource} -> {decision.node or 'nowhere'} ({scores}): {why}"]
    if decision.places:
        places = [f"{place.instance}@{place.node}={place.role}" for place in decision.places]
        lines.append(f"  places: {' '.join(places)}")
    if decision.blocked:
        lines.append(f"  held: {decision.blocked}")
    return lines


def _action(action: Action) -> str:
    key = action.key
    after = ", ".join(
        f"{a.kind}{' ' + a.note if a.note else ''} {a.resource} on {a.node}" for a in action.after
    )
    behind = f" [after {after}]" if after else ""
    words = [str(key.kind), key.note, key.resource, "on", key.node]
    if action.peer is not None:
        words += ["with", action.peer]
    return f"{' '.join(word for word in words if word)}{behind}: {action.reason}"


def score(text: str) -> int:
    """Return the score that a word stands for."""
    return {"INFINITY": INFINITY, "-INFINITY": -INFINITY}.get(text) or int(text)


# --- lines ---------------------------------------------------------------------------------


def _add(case: Case, name: str, item: object) -> None:
    known = getattr(case.configuration, name)
    case.configuration = replace(case.configuration, **{name: (*known, item)})  # type: ignore[arg-type]  # by name


def _node(case: Case, words: list[str]) -> None:
    name = NodeName(words[0])
    case.nodes[name] = next((_STATES[w] for w in words if w in _STATES), NodeState.ONLINE)
    flags = ("standby" in words, "maintenance" in words)
    pairs = tuple((key, text) for w in words[1:] for key, sign, text in [w.partition("=")] if sign)
    node = Node(name, (), True, "witness" in words, *flags, attributes=pairs)
    _add(case, "nodes", node)
    if "never" in words:
        del case.nodes[name]


def _nodes(case: Case, words: list[str]) -> None:
    for word in words:
        _node(case, [word])


_META: Final[dict[str, tuple[str, Callable[[str], Any]]]] = {
    "target": ("target_role", TargetRole),
    "maintenance": ("maintenance", lambda text: text == "true"),
    "managed": ("managed", lambda text: text == "true"),
    "stickiness": ("stickiness", score),
    "priority": ("priority", score),
    "threshold": ("migration_threshold", score),
    "timeout": ("failure_timeout_ms", int),
    "exclusivity": ("exclusivity", Exclusivity),
    "needs": ("needs_connectivity", lambda text: text == "connectivity"),
    "prefers": ("prefers_connectivity", score),
    "migrate": ("allow_migrate", lambda text: text == "true"),
    "critical": ("critical", lambda text: text == "true"),
    "active": ("multiple_active", MultipleActive),
}


def _meta(words: list[str], base: Meta) -> Meta:
    given = dict(word.split("=", 1) for word in words if "=" in word)
    return replace(base, **{_META[key][0]: _META[key][1](text) for key, text in given.items()})


def _primitive(case: Case, words: list[str]) -> None:
    agent = AgentRef(AgentClass.PROCESS)
    _add(case, "primitives", Primitive(ResourceId(words[0]), agent, meta=_meta(words, Meta())))


def _primitives(case: Case, words: list[str]) -> None:
    for word in words:
        _primitive(case, [word])


def _group(case: Case, words: list[str]) -> None:
    members = tuple(ResourceId(word) for word in words[1:] if "=" not in word)
    _add(case, "groups", Group(ResourceId(words[0]), members, _meta(words, Meta())))


def _number(case: Case) -> int:
    return 1 + len(list(case.configuration.constraints()))


def _says(case: Case, words: list[str]) -> None:
    """Say a word of the configuration file at its path."""
    word = words[0].rpartition(".")[2]
    pairs = [name.partition("=")[::2] for name in words[1:]]
    named = [(name, int(text) if text else None) for name, text in pairs]
    part = {word: [[name] for name, _ in named] if word == "order" else named}
    is_symmetric = case.configuration.options.symmetric
    tables = {Location: "locations", Rule: "rules", Ordering: "orderings"}
    for item in make(words[0], part, is_symmetric=is_symmetric):
        _add(case, tables.get(type(item), "colocations"), item)


def _location(case: Case, words: list[str]) -> None:
    until = next((int(w[6:]) for w in words if w.startswith("until=")), None)
    origin = next((Origin(w) for w in words[3:] if w in ("move", "ban")), Origin.ADMINISTRATOR)
    name = ConstraintId(f"c{_number(case)}")
    resource, node = ResourceId(words[0]), NodeName(words[1])
    made = Location(name, resource, node, score(words[2]), origin, until)
    _add(case, "locations", replace(made, live="not-live" not in words))


def _rule(case: Case, words: list[str]) -> None:
    """`rule web -INFINITY connectivity lt 1`."""
    name = ConstraintId(f"c{_number(case)}")
    value = words[4] if len(words) > 4 else ""
    rule = Rule(name, ResourceId(words[0]), words[2], Comparison(words[3]), value, score(words[1]))
    _add(case, "rules", rule)


def _ping(case: Case, words: list[str]) -> None:
    targets = tuple(PingTarget(word, ("192.0.2.1",)) for word in words)
    case.configuration = replace(case.configuration, ping=Ping(targets))


def _reaches(case: Case, words: list[str]) -> None:
    """`reaches n1 gateway` or, where it may not ping, `reaches n1 ?`."""
    known = tuple(target.name for target in case.configuration.ping.targets)
    reached = tuple(name for name in known if name in words[1:])
    missed = tuple(name for name in known if name not in words[1:])
    value = Connectivity(fault="may not") if "?" in words else Connectivity(reached, missed)
    case.reached[NodeName(words[0])] = value


def _colocation(case: Case, words: list[str]) -> None:
    name = ConstraintId(f"c{_number(case)}")
    ends = ResourceId(words[0]), ResourceId(words[2])
    given = dict(word.split("=", 1) for word in words[4:])
    item = Colocation(
        name,
        *ends,
        score(words[3]),
        role=Role(given["role"]) if "role" in given else None,
        with_role=Role(given["with_role"]) if "with_role" in given else None,
        node_attribute=given.get("attribute", ""),
    )
    _add(case, "colocations", item)


def _order(case: Case, words: list[str]) -> None:
    kind = next((OrderKind(w) for w in words[3:] if w in _ORDER_KINDS), OrderKind.MANDATORY)
    name = ConstraintId(f"c{_number(case)}")
    ends = ResourceId(words[0]), ResourceId(words[2])
    given = dict(word.split("=", 1) for word in words[3:] if "=" in word)
    item = Ordering(
        name,
        *ends,
        kind,
        "asymmetrical" not in words,
        first_action=OrderedAction(given.get("first", "start")),
        then_action=OrderedAction(given.get("then", "start")),
        any_of=given.get("any_of", ""),
    )
    _add(case, "orderings", item)


def _options(case: Case, words: list[str]) -> None:
    options = case.configuration.options
    if "opt-in" in words:
        options = replace(options, symmetric=False)
    if "freeze" in words:
        options = replace(options, no_quorum_policy=NoQuorumPolicy.FREEZE)
    if "maintenance" in words:
        options = replace(options, maintenance=True)
    if "stop-all" in words:
        options = replace(options, stop_all=True)
    given = dict(word.split("=", 1) for word in words if "=" in word)
    if "strategy" in given:
        options = replace(options, strategy=Strategy(given["strategy"]))
    if "placement" in given:
        options = replace(options, placement=Placement(given["placement"]))
    if "health" in given:
        options = replace(options, health=Health(HealthStrategy(given["health"])))
    case.configuration = replace(case.configuration, options=options)


def _defaults(case: Case, words: list[str]) -> None:
    defaults = Defaults(meta=_meta(words, Defaults().meta))
    case.configuration = replace(case.configuration, defaults=defaults)


def _on(case: Case, words: list[str]) -> None:
    """`on n1 web failed count=2 failure=monitor:1:restart@500 pending=stop stale`."""
    node, resource = NodeName(words[0]), ResourceId(words[1])
    given = dict(word.split("=", 1) for word in words[3:] if "=" in word)
    failure = None
    if "failure" in given:
        what, _, at = given["failure"].partition("@")
        action, code, policy = what.split(":")
        kind, text = _KINDS[int(code)], "it broke"
        failure = Failure(action, int(code), kind, text, int(at or 0), OnFail(policy))
    case.instances[(node, resource)] = Instance(
        resource,
        InstanceState(words[2]),
        given.get("pending", ""),
        score(given.get("count", "0")),
        failure,
        stale="stale" in words,
        role=Role(given["role"]) if "role" in given else None,
        promotion_score=score(given["score"]) if "score" in given else None,
        migrated_from=NodeName(given["from"]) if "from" in given else None,
        migrated_to=NodeName(given["to"]) if "to" in given else None,
    )


def _clone(case: Case, words: list[str]) -> None:
    """`clone C a max=2 node_max=1 min=1 promoted_max=1 unique promotable interleave notify`."""
    given = dict(word.split("=", 1) for word in words[2:] if "=" in word)
    clone = Clone(
        ResourceId(words[0]),
        ResourceId(words[1]),
        int(given["max"]) if "max" in given else None,
        int(given.get("node_max", 1)),
        int(given.get("min", 0)),
        promoted_max=int(given.get("promoted_max", 1)),
        meta=_meta([w for w in words[2:] if w.partition("=")[0] in _META], Meta()),
        unique="unique" in words,
        promotable="promotable" in words,
        interleave="interleave" in words,
        ordered="ordered" in words,
        notify="notify" in words,
    )
    _add(case, "clones", clone)


def _depends(case: Case, words: list[str]) -> None:
    """`depends web on T promoted loss=freeze`."""
    name = ConstraintId(f"c{_number(case)}")
    role = Role.PROMOTED if "promoted" in words else None
    loss = next((LossPolicy(w[5:]) for w in words if w.startswith("loss=")), LossPolicy.STOP)
    _add(case, "tickets", TicketConstraint(name, words[2], ResourceId(words[0]), role, loss))


def _health(case: Case, words: list[str]) -> None:
    """`health n1 disk=red`."""
    name, _, colour = words[1].partition("=")
    nodes = tuple(
        replace(node, attributes=(*node.attributes, (f"#health-{name}", colour)))
        if node.name == words[0]
        else node
        for node in case.configuration.nodes
    )
    case.configuration = replace(case.configuration, nodes=nodes)


def _amounts(words: list[str]) -> tuple[tuple[str, int], ...]:
    return tuple((name, int(amount)) for name, _, amount in (w.partition("=") for w in words))


def _capacity(case: Case, words: list[str]) -> None:
    nodes = tuple(
        replace(node, capacity=_amounts(words[1:])) if node.name == words[0] else node
        for node in case.configuration.nodes
    )
    case.configuration = replace(case.configuration, nodes=nodes)


def _takes(case: Case, words: list[str]) -> None:
    primitives = tuple(
        replace(item, utilization=_amounts(words[1:])) if item.id == words[0] else item
        for item in case.configuration.primitives
    )
    case.configuration = replace(case.configuration, primitives=primitives)


def _quorum(case: Case, words: list[str]) -> None:
    case.is_quorate = words != ["lost"]


_LINES: Final[dict[str, Callable[[Case, list[str]], None]]] = {
    "node": _node,
    "nodes": _nodes,
    "primitive": _primitive,
    "primitives": _primitives,
    "group": _group,
    "location": _location,
    "says": _says,
    "rule": _rule,
    "ping": _ping,
    "reaches": _reaches,
    "colocation": _colocation,
    "order": _order,
    "options": _options,
    "defaults": _defaults,
    "on": _on,
    "awaited": lambda case, words: case.awaited.extend(map(NodeName, words)),
    "clone": _clone,
    "depends": _depends,
    "health": _health,
    "capacity": _capacity,
    "takes": _takes,
    "ticket": lambda case, words: case.tickets.append(
        Ticket(words[0], "granted" in words, "standby" in words)
    ),
    "quorum": _quorum,
    "restart": lambda case, words: case.restarts.append(ResourceId(words[0])),
    "intended": lambda case, words: case.intended.append(
        (ResourceId(words[0]), NodeName(words[1]))
    ),
    "at": lambda case, words: setattr(case, "at_wall_ms", int(words[0])),
}
assert {f.name for f in fields(Meta)} >= {name for name, _ in _META.values()}
