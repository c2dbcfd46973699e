"""Draws configurations that can be applied, for properties that must hold for all of them."""

from collections.abc import Callable
from typing import TypeVar

from hypothesis import strategies as st

from ha_core.config import keys, limits, words
from ha_core.config.model import (
    Address,
    AgentClass,
    AgentRef,
    Colocation,
    Comparison,
    Configuration,
    Defaults,
    Exclusivity,
    FenceAction,
    FenceCall,
    FenceDevice,
    Group,
    Link,
    Location,
    Meta,
    MultipleActive,
    Node,
    NoQuorumPolicy,
    OnFail,
    Operation,
    Options,
    Ordering,
    OrderKind,
    Origin,
    Ping,
    PingTarget,
    Placement,
    Primitive,
    Requires,
    Role,
    Rule,
    TargetRole,
)
from ha_core.ids import INFINITY, ConstraintId, LinkName, NodeName, ResourceId
from tests.core.config import draw_kinds

T = TypeVar("T")

ids = st.one_of(
    st.sampled_from(["yes", "null", "1", "0x1f", "1e3", "a.b", "-".join("abc"), "_", "N" * 64]),
    st.text("abcXYZ019_", min_size=1, max_size=4),
)
node_names = st.text("abc019", min_size=1, max_size=4)
texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=40)
hosts = st.one_of(
    st.ip_addresses().filter(lambda address: not address.is_multicast).map(str),
    st.just("fe80::1%eth0"),
    st.text("abc", min_size=1, max_size=4).map("{}.example.org".format),
)
pairs = st.dictionaries(ids, texts, max_size=2).map(lambda found: tuple(found.items()))
times_ms = st.integers(10, limits.TIME_MS_MAX)
scores = st.integers(-INFINITY, INFINITY)


def _maybe(values: st.SearchStrategy[T]) -> st.SearchStrategy[T | None]:
    return st.none() | values


def metas(is_primitive: bool) -> st.SearchStrategy[Meta]:
    """Return options of a primitive, or of a group or the defaults."""
    own = {
        "exclusivity": _maybe(st.sampled_from(Exclusivity)),
        "accept_risk": _maybe(texts),
    }
    return st.builds(
        Meta,
        target_role=_maybe(st.sampled_from([TargetRole.STARTED, TargetRole.STOPPED])),
        managed=_maybe(st.booleans()),
        stickiness=_maybe(scores),
        priority=_maybe(scores),
        migration_threshold=_maybe(st.integers(0, INFINITY)),
        failure_timeout_ms=_maybe(st.integers(0, limits.TIME_MS_MAX)),
        needs_connectivity=_maybe(st.booleans()),
        prefers_connectivity=_maybe(scores),
        critical=_maybe(st.booleans()),
        allow_migrate=_maybe(st.booleans()),
        multiple_active=_maybe(st.sampled_from(MultipleActive)),
        requires=_maybe(st.sampled_from(Requires)),
        allow_unhealthy_nodes=_maybe(st.booleans()),
        maintenance=_maybe(st.booleans()),
        **(own if is_primitive else {}),
    )


pings = st.builds(
    Ping,
    st.dictionaries(ids, st.lists(hosts, min_size=1, max_size=2, unique=True), max_size=2).map(
        lambda found: tuple(PingTarget(name, tuple(given)) for name, given in found.items())
    ),
    st.integers(50, 300_000),
    st.just(600_000),
    st.just(0) | st.integers(50, 600_000),
    st.integers(1, limits.PING_MULTIPLIER_MAX),
)
agents: st.SearchStrategy[tuple[AgentRef, tuple[tuple[str, str], ...]]] = st.one_of(
    st.tuples(
        st.builds(
            AgentRef,
            st.sampled_from([AgentClass.LSB, AgentClass.HEARTBEAT, AgentClass.SYSTEMD]),
            st.just(""),
            st.text("abc019_.+-", min_size=1, max_size=8).map("a{}".format),
        ),
        pairs,
    ),
    st.tuples(
        st.builds(AgentRef, st.just(AgentClass.OCF), st.just("heartbeat"), st.just("IPaddr2")),
        pairs,
    ),
    st.tuples(draw_kinds.ocf(), pairs),
    st.tuples(
        st.just(AgentRef(AgentClass.PROCESS)),
        st.sampled_from([(("command", "sleep 60"), ("ready_port", "[::1]:80"))]),
    ),
)


def _operation(action: str) -> st.SearchStrategy[Operation]:
    on_fail = _maybe(st.sampled_from([OnFail.RESTART, OnFail.IGNORE, OnFail.BLOCK]))
    return st.builds(Operation, st.just(action), st.just(0), times_ms, on_fail)


monitors = st.builds(
    Operation,
    st.just("monitor"),
    st.just(0) | times_ms,
    times_ms,
    _maybe(st.sampled_from([w for w in OnFail if w not in (OnFail.FENCE, OnFail.DEMOTE)])),
    st.integers(0, limits.DEPTH_MAX),
    _maybe(st.sampled_from([Role.STARTED, Role.STOPPED])),
    st.booleans(),
)


@st.composite
def operations(draw: Callable[[st.SearchStrategy[T]], T]) -> tuple[Operation, ...]:
    """Return operations in the order of a file: start, stop, monitors, further ones."""
    first = [draw(_operation(action)) for action in ("start", "stop") if draw(st.booleans())]
    rest = draw(st.lists(monitors, max_size=2, unique_by=lambda item: item.interval_ms))
    further = [name for name in keys.FURTHER_OPERATIONS if name not in ("promote", "demote")]
    last = [draw(_operation(action)) for action in further if draw(st.booleans())]
    return (*first, *rest, *last)


def _distinct(draw: Callable[[st.SearchStrategy[T]], T], most: int) -> list[str]:
    return draw(st.lists(ids, min_size=1, max_size=most, unique=True))


def _device(name: str, target: NodeName) -> st.SearchStrategy[FenceDevice]:
    calls = st.sampled_from([str(call) for call in FenceCall])
    return st.builds(
        FenceDevice,
        st.just(name),
        st.sampled_from(["fence:fence_apc", "fence:/opt/x/fence_y", "stonith:external/ipmi"]),
        pairs,
        st.just((target,)),
        st.sampled_from([(), ((str(target), "7"),)]),
        st.sampled_from([(), (target,)]),
        st.sampled_from(FenceAction),
        st.booleans(),
        times_ms,
        times_ms,
        st.sampled_from([(), ((str(target), 5000),)]),
        st.dictionaries(calls, times_ms, max_size=2).map(lambda found: tuple(found.items())),
        st.dictionaries(calls, st.integers(0, 5), max_size=2).map(lambda f: tuple(f.items())),
        times_ms,
    )


@st.composite
def configurations(draw: Callable[[st.SearchStrategy[T]], T]) -> Configuration:
    """Return a configuration without faults."""
    links = [LinkName(name) for name in _distinct(draw, 2)]
    names = draw(st.lists(node_names, min_size=1, max_size=3, unique=True))
    resources = [ResourceId(name) for name in _distinct(draw, 4)]
    cut = draw(st.integers(1, len(resources)))
    primitives, rest = resources[:cut], resources[cut:]
    nodes = draw(_nodes(names, links))
    groups = draw(_groups(rest, primitives))
    hosts = [node.name for node in nodes if not node.witness]
    placed = [*primitives, *(group.id for group in groups)]
    is_symmetric = draw(st.booleans())
    drawn = tuple(draw(_primitive(name)) for name in primitives)
    found = Configuration(
        name=draw(ids),
        options=Options(
            draw(st.integers(*limits.DEAD_AFTER_MS)),
            is_symmetric,
            draw(st.sampled_from(NoQuorumPolicy)),
            draw(st.booleans()),
            no_quorum_acknowledgement="both may read",
            wait_for_all=draw(st.booleans()),
            last_man_standing_ms=draw(st.sampled_from([0, limits.TIME_MS_MAX])),
            strategy=draw(draw_kinds.strategies),
            placement=draw(st.sampled_from(Placement)),
            health=draw(draw_kinds.healths),
            stop_all=draw(st.booleans()),
            start_failure_is_fatal=draw(st.booleans()),
        ),
        nodes=nodes,
        links=tuple(Link(link, draw(st.integers(1, limits.PORT_MAX))) for link in links),
        primitives=drawn,
        groups=groups,
        **draw(_constraints(hosts, placed, primitives, is_symmetric=is_symmetric)),
        ping=draw(pings),
        fence_devices=tuple(
            draw(_device(name, NodeName(names[0])))
            for name in draw(st.lists(ids, max_size=2, unique=True))
        ),
        defaults=Defaults(
            draw(metas(is_primitive=False).filter(lambda meta: meta.stickiness is not None)),
            draw(times_ms),
            draw(times_ms),
        ),
        alerts=draw(draw_kinds.alerts(pairs, times_ms)),
        ticket_names=tuple(draw(st.lists(ids, max_size=2, unique=True))),
    )
    found = draw(draw_kinds.with_clones(found, metas(is_primitive=False)))
    return draw(draw_kinds.with_roles(found))


@st.composite
def _nodes(
    draw: Callable[[st.SearchStrategy[T]], T], names: list[str], links: list[LinkName]
) -> tuple[Node, ...]:
    size = len(names) * len(links)
    places = iter(draw(st.lists(hosts, min_size=size, max_size=size, unique=True)))
    found = []
    for number, name in enumerate(names):
        addresses = tuple(
            Address(link, next(places), draw(st.integers(0, limits.PORT_MAX))) for link in links
        )
        votes = number == 0 or draw(st.booleans())
        found.append(
            Node(
                NodeName(name),
                addresses,
                votes,
                votes and number > 0 and draw(st.booleans()),
                draw(st.booleans()),
                draw(st.booleans()),
                draw(pairs),
                capacity=draw(draw_kinds.sizes),
            )
        )
    return tuple(found)


@st.composite
def _primitive(draw: Callable[[st.SearchStrategy[T]], T], name: ResourceId) -> Primitive:
    agent, parameters = draw(agents)
    return Primitive(
        name,
        agent,
        parameters,
        draw(operations()),
        draw(metas(is_primitive=True)),
        draw(texts),
        draw(draw_kinds.sizes),
    )


@st.composite
def _groups(
    draw: Callable[[st.SearchStrategy[T]], T], names: list[ResourceId], primitives: list[ResourceId]
) -> tuple[Group, ...]:
    free = list(primitives)
    found = []
    for name in names:
        if not free:
            break
        members = [free.pop(0) for _ in range(draw(st.integers(1, len(free))))]
        flags = draw(st.tuples(st.booleans(), st.booleans()))
        meta = draw(metas(is_primitive=False))
        found.append(Group(name, tuple(members), meta, draw(texts), *flags))
    return tuple(found)


def _worth(names: list[str]) -> st.SearchStrategy[list[tuple[str, int | None]]]:
    """Return the names as a list, or each with a score below that of an order."""
    values = st.lists(st.integers(1, INFINITY - 1), min_size=len(names), max_size=len(names))
    return st.just([(name, None) for name in names]) | values.map(
        lambda found: list(zip(names, found, strict=True))
    )


@st.composite
def _words(
    draw: Callable[[st.SearchStrategy[T]], T], hosts: list[NodeName], earlier: list[ResourceId]
) -> dict[str, object]:
    """Return words of a resource, of which none contradicts another or goes round in a circle.

    All may run on the first node, where those of a group are together.
    """
    rest = draw(st.lists(st.sampled_from(hosts), unique=True).map(lambda f: set(f) - {hosts[0]}))
    nodes = sorted(rest)
    found: dict[str, object] = {}
    word = draw(st.sampled_from(["prefers", "avoids", "never_on", "only_on"]))
    if word == "only_on":
        found[word] = [(name, None) for name in (*nodes, hosts[0])]
    elif nodes and word == "never_on":
        found[word] = [(name, None) for name in nodes]
    elif nodes:
        found = {word: draw(_worth([*nodes])), "only_on": [(name, None) for name in hosts]}
    if earlier and draw(st.booleans()):
        others = draw(st.lists(st.sampled_from(earlier), min_size=1, unique=True))
        kind = draw(st.sampled_from([None, OrderKind.OPTIONAL]))
        found["after"] = [(name, kind) for name in others]
        found[draw(st.sampled_from(["with", "apart_from"]))] = [
            (name, draw(st.integers(1, INFINITY - 1))) for name in others
        ]
    return found


@st.composite
def _of_several(
    draw: Callable[[st.SearchStrategy[T]], T], resources: list[ResourceId]
) -> dict[str, object]:
    """Return a constraint of several resources, in the order of the resources."""
    names = [name for name in resources if draw(st.booleans())]
    if len(names) < 2:
        return {}
    word = draw(st.sampled_from(["together", "apart", "order"]))
    if word != "order":
        score = draw(st.integers(1, INFINITY - 1))
        return {word: [(name, None) for name in names], "score": score}
    cut = draw(st.integers(1, len(names) - 1))
    levels = [[name] for name in names[:cut]] + [names[cut:]]
    return {word: levels, "kind": draw(st.sampled_from(OrderKind)), "symmetrical": cut == 1}


@st.composite
def _constraints(
    draw: Callable[[st.SearchStrategy[T]], T],
    hosts: list[NodeName],
    placed: list[ResourceId],
    primitives: list[ResourceId],
    *,
    is_symmetric: bool,
) -> dict[str, tuple[object, ...]]:
    """Return constraints; orderings follow the order of the resources, so none is a circle.

    Those of groups are places alone: their members stand for them in all else.
    """
    names = draw(st.lists(ids, max_size=3, unique=True))
    several = {f"{name}.s": draw(_of_several(primitives)) for name in names}
    taken = words.Ids([*names, *several])
    found: list[object] = []
    for number, name in enumerate(placed):
        earlier = primitives[:number] if name in primitives else []
        said = draw(_words(hosts, earlier))
        found += words.of_resource(name, said, taken, is_symmetric=is_symmetric)
    for name, part in several.items():
        found += words.of_constraint(name, part, taken)
    found += [draw(_constraint(ConstraintId(name), hosts, primitives)) for name in names]
    kinds = {"locations": Location, "rules": Rule, "colocations": Colocation}
    kinds["orderings"] = Ordering
    return {
        key: tuple(item for item in found if isinstance(item, kind)) for key, kind in kinds.items()
    }


@st.composite
def _constraint(
    draw: Callable[[st.SearchStrategy[T]], T],
    key: ConstraintId,
    hosts: list[NodeName],
    resources: list[ResourceId],
) -> object:
    one, other = sorted(draw(st.tuples(*[st.integers(0, len(resources) - 1)] * 2)))
    score = draw(scores)
    if one == other and draw(st.booleans()):
        operation = draw(st.sampled_from(Comparison))
        value = "" if "defined" in operation else draw(texts.filter(bool))
        return Rule(key, resources[one], draw(ids), operation, value, score)
    if one == other:
        expires = draw(_maybe(st.integers(0, limits.MOMENT_MS_MAX)))
        origin = draw(st.sampled_from(Origin))
        start = draw(st.integers(0, limits.GENERATION_MAX))
        is_live = draw(st.booleans())
        return Location(key, resources[one], hosts[0], score, origin, expires, start, live=is_live)
    if draw(st.booleans()):
        return Colocation(key, resources[one], resources[other], min(score, INFINITY - 1))
    kind, symmetrical = draw(st.sampled_from(OrderKind)), draw(st.booleans())
    return Ordering(key, resources[one], resources[other], kind, symmetrical)
