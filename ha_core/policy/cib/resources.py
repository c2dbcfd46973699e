"""Resources: primitives, groups and clones with the options that hold for them.

Owns: templates, the inheritance of meta attributes, operations. Guests and bundles are left out,
with all that speaks of them.
Source: Pacemaker Explained, "Cluster Resources", "Resource Meta-Attributes".
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from ha_core.policy.cib import meta as meta_options, pairs, values
from ha_core.policy.cib.meta import Defaults, Options
from ha_core.policy.cib.operations import (
    TIMEOUT_MS,
    Key,
    implied_on_fail,
    implied_timeout_ms,
    read_operations,
)
from ha_core.policy.cib.rules import Facts, Rules
from ha_core.policy.cib.source import Source
from ha_core.policy.cib.tree import Element
from ha_core.policy.engine.problem import CloneMeta, Kind, OnFail, Resource

_KINDS: Final = ("primitive", "group", "clone", "master")
_NOT_SUPPORTED: Final = ("bundle",)
REMOTE: Final = ("ocf", "pacemaker", "remote")
INSTANCES_MAX: Final = 1000
"""Most instances of one clone: each of them is an item of the plan. `clone-max` may be INFINITY."""
PARTS: Final = ("meta_attributes", "instance_attributes", "utilization", "operations")


@dataclass(slots=True, eq=False)
class Definition:
    """A primitive's definition, for the reading of its history."""

    resource: Resource
    blocks: list[Element]
    """Its instance attributes."""
    operations: list[Element]
    top: Resource | None = None
    """The top-level resource that it is in, itself if it is one."""
    agent: tuple[str, str, str] = ("", "", "")
    implied: Callable[[Key], tuple[OnFail | None, int]] = lambda _: (None, TIMEOUT_MS)
    """On-fail and timeout of operations that are not configured."""
    _policies: dict[Key, OnFail | None] = field(default_factory=dict)

    def on_fail(self, task: str, interval_ms: int) -> OnFail | None:
        """Return what is configured for a failure of this operation; None: nothing is."""
        key = (task, interval_ms)
        if key not in self._policies:
            self._policies[key] = self._on_fail(key)
        return self._policies[key]

    def _on_fail(self, key: Key) -> OnFail | None:
        wanted = [key]
        if key[0] in ("migrate_to", "migrate_from"):
            wanted.append(("migrate", 0))
        for name, interval_ms in wanted:
            for item in self.resource.operations:
                is_it = item.name == name and item.interval_ms == interval_ms
                if is_it and item.is_enabled:
                    return item.on_fail
        return self.implied(key)[0]

    def timeout_ms(self, task: str, interval_ms: int) -> int:
        """Return the operation's timeout."""
        for item in self.resource.operations:
            if (item.name, item.interval_ms) == (task, interval_ms):
                return item.timeout_ms
        return self.implied((task, interval_ms))[1]

    @property
    def is_promotable(self) -> bool:
        """Whether it is in a promotable clone."""
        return bool(self.top and self.top.clone and self.top.clone.is_promotable)

    @property
    def is_unique(self) -> bool:
        """Whether each instance has its own history, or there is but one."""
        return self.top is None or self.top.clone is None or self.top.clone.is_unique

    @property
    def is_numbered(self) -> bool:
        """Whether the name of each instance has a number."""
        return self.is_cloned and self.is_unique

    @property
    def is_cloned(self) -> bool:
        """Whether it is in a clone."""
        return bool(self.top and self.top.clone)


@dataclass(slots=True, eq=False)
class Reader:
    """Reads the section `resources`."""

    source: Source
    rules: Rules
    defaults: Defaults
    node_count: int
    elsewhere: Mapping[str, str]
    """Primitives that are active on a node of a kind that is left out, and that node."""
    definitions: dict[str, Definition] = field(default_factory=dict)
    """By the primitive's id."""
    ids: dict[str, Element] = field(default_factory=dict)
    templates: dict[str, list[str]] = field(default_factory=dict)
    """The primitives made from each template."""
    not_supported: set[str] = field(default_factory=set)
    """Ids of what is left out."""
    bundles: list[str] = field(default_factory=list)
    """What the names of their parts begin with."""
    _templates: dict[str, Element] = field(default_factory=dict)

    def read(self) -> list[Resource]:
        """Return all resources in their order."""
        elements = self.source.configuration("resources")
        for element in elements:
            if element.tag == "template" and element.id:
                self._templates[element.id] = element
                self.templates[element.id] = []
        found: list[Resource] = []
        for element in elements:
            if self._is_not_supported(element):
                continue
            resource = self._resource(element, {}, None)
            if resource is None:
                continue
            found.append(resource)
            for primitive in resource.primitives():
                self.definitions[primitive.id].top = resource
        return found

    def _resource(
        self, element: Element, inherited: Mapping[str, str], parent: Element | None
    ) -> Resource | None:
        tag = element.tag
        if tag not in _KINDS:
            return None
        if not self._is_named(element):
            return None
        if tag == "primitive":
            return self._primitive(element, inherited)
        if tag == "group":
            return self._group(element, inherited)
        if parent is not None:
            self.source.fault(element, f"a {tag} inside <{parent.tag}>: only groups and primitives")
            return None
        return self._clone(element)

    def _is_not_supported(self, element: Element) -> bool:
        """Leave a whole resource out if anything in it is more than this engine knows."""
        inside = [element]
        for item in inside:
            inside += item.all(*_KINDS, *_NOT_SUPPORTED)
        odd = [(item, what) for item in inside if (what := self._oddity(item))]
        for item, what in odd:
            self.source.leave_out(item, f"not supported: {what}")
        if odd:
            self.not_supported.update(item.id for item in inside)
            self.bundles += [f"{item.id}-" for item in inside if item.tag == "bundle"]
        return bool(odd)

    def _oddity(self, element: Element) -> str:
        """Return what is not supported of one element, empty if there is nothing."""
        if element.tag in _NOT_SUPPORTED:
            return element.tag
        layers = [element]
        template = self._templates.get(element.get("template"))
        if template is not None:
            layers.append(template)
        for layer in layers:
            if (layer.get("class"), layer.get("provider"), layer.get("type")) == REMOTE:
                return "remote node"
            for block in layer.all("meta_attributes"):
                found = self.source.referred(block)
                names = [pair.get("name") for pair in found.all("nvpair")] if found else []
                if "remote-node" in names:
                    return "guest node"
        return ""

    def _is_named(self, element: Element) -> bool:
        if not element.id:
            self.source.fault(element, "a resource needs an id")
            return False
        if element.id in self.ids:
            other = self.ids[element.id].place
            self.source.fault(element, f"the id is already used by {other}; ids are unique")
            return False
        self.ids[element.id] = element
        return True

    def _primitive(self, element: Element, inherited: Mapping[str, str]) -> Resource | None:
        name = element.get("template")
        template = self._templates.get(name)
        if name and template is None:
            self.source.fault(element, f"there is no template {name!r}")
            return None
        if template is not None:
            self.templates[name].append(element.id)
        layers = [template, element] if template is not None else [element]
        agent_source = template if template is not None else element
        agent = (agent_source.get("class"), agent_source.get("provider"), agent_source.get("type"))
        if not agent[0] or not agent[2]:
            self.source.fault(element, "a primitive needs the attributes class and type")
            return None
        if agent[0] == "ocf" and not agent[1]:
            self.source.leave_out(element, "class ocf needs a provider, such as heartbeat")
        judge = self.rules.judge(Facts(agent=agent))
        own = pairs.settled(
            self.source,
            [block for layer in layers for block in layer.all("meta_attributes")],
            judge,
        )
        wanted = self.defaults.resource(own, inherited, agent)
        node = self.elsewhere.get(element.id)
        if node is not None:
            self.source.leave_out(
                element, f"not supported: it is active on {node!r}, no full node; it stays as it is"
            )
            wanted["is-managed"] = "false"
        return self._made(element, layers, agent, wanted)

    def _made(
        self,
        element: Element,
        layers: list[Element],
        agent: tuple[str, str, str],
        wanted: Mapping[str, str],
    ) -> Resource:
        """Return the primitive, and remember how it is defined."""
        is_device = agent[0] == "stonith"
        options = Options(self.source, element, wanted)
        judge = self.rules.judge(Facts(agent=agent))
        demand = pairs.settled(
            self.source, [block for layer in layers for block in layer.all("utilization")], judge
        )
        blocks = [block for layer in layers for block in layer.all("instance_attributes")]
        provides = "unfencing" in wanted.get("provides", "") and is_device
        operations, elements = read_operations(
            self.source, self.rules, self.defaults, layers, agent
        )
        resource = Resource(
            element.id,
            meta=meta_options.read_meta(options, self.defaults, is_device=is_device),
            agent_class=agent[0],
            provider=agent[1],
            type=agent[2],
            operations=operations,
            demand=tuple((key, values.number(text) or 0) for key, text in demand.items()),
            is_fence_device=is_device,
            provides_unfencing=provides,
        )

        def implied(key: Key) -> tuple[OnFail | None, int]:
            policy = implied_on_fail(self.source, self.defaults, element, agent, key)
            return policy, implied_timeout_ms(self.defaults, agent, key)

        self.definitions[element.id] = Definition(
            resource, blocks, elements, agent=agent, implied=implied
        )
        return resource

    def _group(self, element: Element, inherited: Mapping[str, str]) -> Resource | None:
        wanted = self._wanted(element, inherited)
        members = self._members(element, wanted, ("primitive",))
        if not members:
            self.source.leave_out(element, "a group without members")
            return None
        options = Options(self.source, element, wanted)
        return Resource(
            element.id,
            Kind.GROUP,
            meta_options.read_meta(options, self.defaults, is_device=False),
            tuple(members),
            is_ordered=options.boolean("ordered", True),
            is_colocated=options.boolean("collocated", True),
        )

    def _clone(self, element: Element) -> Resource | None:
        wanted = self._wanted(element, {})
        wanted.setdefault("resource-stickiness", "1")
        members = self._members(element, wanted, ("primitive", "group"))
        if len(members) != 1:
            text = "needs exactly one primitive or group in it"
            self.source.leave_out(element, f"a clone {text}, this one has {len(members)}")
            return None
        options = Options(self.source, element, wanted)
        clone = self._clone_meta(options, element.tag == "master", members[0])
        if clone.clone_max > INSTANCES_MAX:
            clone = replace(clone, clone_max=max(INSTANCES_MAX, self.node_count))
            text = f"instances beyond {clone.clone_max} are not planned"
            self.source.leave_out(element, text)
        is_device = any(item.is_fence_device for item in members[0].primitives())
        return Resource(
            element.id,
            Kind.CLONE,
            meta_options.read_meta(options, self.defaults, is_device=is_device),
            tuple(members),
            clone=clone,
        )

    def _clone_meta(self, options: Options, is_master: bool, member: Resource) -> CloneMeta:
        node_max = options.count("clone-node-max", 1)
        is_unique = options.boolean("globally-unique", node_max > 1)
        classes = {item.agent_class for item in member.primitives()}
        if is_unique and not classes <= {"ocf", "stonith"}:
            is_unique = False
        promotable = options.boolean("promotable", is_master) or is_master
        return CloneMeta(
            clone_max=options.count("clone-max", max(1, self.node_count)),
            clone_node_max=node_max if is_unique else min(node_max, 1),
            clone_min=options.count("clone-min", 0),
            is_unique=is_unique,
            is_promotable=promotable,
            promoted_max=options.count("promoted-max", 1, "master-max"),
            promoted_node_max=options.count("promoted-node-max", 1, "master-node-max"),
            interleave=options.boolean("interleave", False),
            is_ordered=options.boolean("ordered", False),
            notify=options.boolean("notify", False),
        )

    def _wanted(self, element: Element, inherited: Mapping[str, str]) -> dict[str, str]:
        judge = self.rules.judge(Facts(agent=("", "", "")))
        own = pairs.settled(self.source, element.all("meta_attributes"), judge)
        return self.defaults.resource(own, inherited, None)

    def _members(
        self, element: Element, wanted: Mapping[str, str], kinds: tuple[str, ...]
    ) -> list[Resource]:
        found = []
        for child in element.children:
            if child.tag in PARTS:
                continue
            if child.tag not in kinds:
                if child.tag in _KINDS or child.tag in _NOT_SUPPORTED:
                    self.source.fault(child, f"not allowed inside {element.place}")
                continue
            resource = self._resource(child, wanted, element)
            if resource is not None:
                found.append(resource)
        return found
