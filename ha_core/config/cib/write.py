"""A configuration as the elements of a CIB: what Pacemaker can say, in its own words.

Owns: the order of the elements, and which agent stands for our built-in classes. What Pacemaker
cannot say is missing here; `Written` knows where pairs of our own go that say the rest.
Source: Pacemaker Explained; the schema pacemaker-3.9.
"""

import shlex
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from ha_core.config.cib.form import OWN, Ids, make, own_pairs, show_time
from ha_core.config.cib.write_alerts import alert_element
from ha_core.config.cib.write_clones import clone_metas
from ha_core.config.cib.write_constraints import Constraints, score
from ha_core.config.cib.write_devices import parameters_of, type_of
from ha_core.config.cib.write_rules import timed_standby
from ha_core.config.kinds import show_duration
from ha_core.config.model import (
    AgentClass,
    Configuration,
    Defaults,
    FenceAction,
    FenceDevice,
    Group,
    Meta,
    Node,
    Operation,
    Options,
    Primitive,
)
from ha_core.ids import INFINITY, ResourceId
from ha_core.policy.cib.tree import Element

SCHEMA: Final = "pacemaker-3.9"
FEATURES: Final = "3.16.1"
"""What Pacemaker 2.1.5 can do, the first release with that schema's features."""
NODE_WORDS: Final = ("standby", "maintenance", "terminate", "site-name")
"""Attributes with which Pacemaker does something: facts of such names are kept as our own."""
ADDRESS: Final = {"address": "ip", "prefix": "cidr_netmask", "interface": "nic", "label": "iflabel"}
"""Parameters of class `address`, and what IPaddr2 calls them."""
PROCESS: Final = {"directory": "workdir", "user": "user"}
"""Parameters of class `process`, and what the agent `anything` calls them."""
ALTERNATIVES: Final = "alternatives."
"""What pairs of our own begin with that name the orderings of one element."""
_MONITOR: Final = "monitor"


@dataclass(slots=True)
class Written:
    """The elements, and under which ids what stands in them."""

    root: Element
    properties: Element
    """Where pairs of our own go that are no resource's."""
    ids: Ids
    resources: dict[str, Element] = field(default_factory=dict)
    """Of primitives, groups and clones, by name."""
    devices: dict[str, Element] = field(default_factory=dict)
    constraints: dict[str, str] = field(default_factory=dict)
    """Ids by names."""

    def own(self, name: str, value: object) -> None:
        """Add a pair of our own to the cluster's options."""
        self._add(self.properties, name, value)

    def own_of(self, element: Element, name: str, value: object) -> None:
        """Add a pair of our own to a resource."""
        stem = f"{element.id}-beatkeeper"
        block = next((item for item in element.children if item.id == stem), None)
        if block is None:
            block = make("meta_attributes", {"id": self.ids.take(stem, "own")})
            element.children.insert(0, block)  # before what else it has: schemas want no more after
        self._add(block, name, value)

    def pairs(self, parent: Element, tag: str, stem: str, values: dict[str, str]) -> None:
        """Add a block of name-value pairs, unless there is none."""
        if not values:
            return
        block = make(tag, {"id": self.ids.take(stem, "block")})
        parent.children.append(block)
        for name, value in values.items():
            key = self.ids.take(f"{stem}-{name}", "pair")
            block.children.append(make("nvpair", {"id": key, "name": name, "value": value}))

    def _add(self, block: Element, name: str, value: object) -> None:
        for key, text in own_pairs(name, value):
            found = self.ids.take(f"{block.id}-{key.removeprefix(OWN)}", "pair")
            block.children.append(make("nvpair", {"id": found, "name": key, "value": text}))


def write(configuration: Configuration) -> Written:
    """Return the configuration as far as Pacemaker can say it."""
    attributes = {"validate-with": SCHEMA, "crm_feature_set": FEATURES, "admin_epoch": "0"}
    root = make("cib", {**attributes, "epoch": "1", "num_updates": "0"})
    whole = make("configuration", {})
    root.children += [whole, make("status", {})]
    sections = {name: make(name, {}) for name in ("crm_config", "nodes", "resources")}
    sections["constraints"] = make("constraints", {})
    whole.children += sections.values()
    ids = Ids()
    names = _names(configuration, ids)
    properties = make("cluster_property_set", {"id": ids.take("beatkeeper", "set")})
    written = Written(root, properties, ids)
    _Writer(configuration, written, sections, names).run()
    return written


def _names(configuration: Configuration, ids: Ids) -> dict[tuple[str, str], str]:
    """Return the ids of all that has a name, the resources' first: others make way."""
    named: list[tuple[str, str]] = [("resource", item.id) for item in configuration.primitives]
    named += [("resource", item.id) for item in configuration.groups]
    named += [("resource", item.id) for item in configuration.clones]
    named += [("device", item.id) for item in configuration.fence_devices]
    named += [("constraint", item.id) for item in configuration.constraints()]
    named += [("alert", item.id) for item in configuration.alerts]
    return {pair: ids.take(pair[1], pair[0]) for pair in named}


class _Writer:
    def __init__(
        self,
        configuration: Configuration,
        written: Written,
        sections: dict[str, Element],
        names: dict[tuple[str, str], str],
    ) -> None:
        self._configuration = configuration
        self._written = written
        self._sections = sections
        self._names = names

    def run(self) -> None:
        """Write all sections."""
        self._options()
        for node in self._configuration.nodes:
            self._node(node)
        self._resources()
        for device in self._configuration.fence_devices:
            self._device(device)
        constraints = Constraints(self._configuration, self._written.ids, self._names)
        self._sections["constraints"].children += constraints.elements()
        self._written.constraints = constraints.ids_by_name()
        for key, names in constraints.alternatives.items():
            self._written.own(f"{ALTERNATIVES}{key}", names)
        for name, key in self._written.constraints.items():
            if name != key:
                self._written.own(f"constraints.{key}.name", name)
        self._levels()
        self._defaults()
        self._alerts()

    def _options(self) -> None:
        options, section = self._configuration.options, self._sections["crm_config"]
        has_fencing = options.fencing and bool(self._configuration.fence_devices)
        values = {
            "cluster-name": self._configuration.name,
            "symmetric-cluster": _flag(options.symmetric),
            "no-quorum-policy": str(options.no_quorum_policy),
            "maintenance-mode": _flag(options.maintenance),
            "stonith-enabled": _flag(has_fencing),
        }
        values |= _further(options)
        devices = self._configuration.fence_devices
        if devices and all(device.action is FenceAction.OFF for device in devices):
            values["stonith-action"] = "off"
        self._written.pairs(section, "cluster_property_set", "cib-bootstrap-options", values)
        section.children.append(self._written.properties)

    def _node(self, node: Node) -> None:
        element = make("node", {"id": node.name, "uname": node.name})
        self._sections["nodes"].children.append(element)
        values = {
            name: value
            for name, value in node.attributes
            if name not in NODE_WORDS and not name.startswith(OWN)
        }
        is_timed = node.standby_until_wall_ms is not None and not node.witness
        if (node.standby and not is_timed) or node.witness:
            values["standby"] = "on"
        if node.maintenance:
            values["maintenance"] = "true"
        self._written.pairs(element, "instance_attributes", f"nodes-{node.name}", values)
        if is_timed:
            element.children.append(timed_standby(node, self._written.ids))
        self._sizes(element, node.capacity)

    def _sizes(self, element: Element, sizes: tuple[tuple[str, int], ...]) -> None:
        values = {name: str(size) for name, size in sizes}
        self._written.pairs(element, "utilization", f"{element.id}-utilization", values)

    # --- resources

    def _resources(self) -> None:
        """Write each group where its first primitive stands: in that order they are placed."""
        done: set[ResourceId] = set()
        section = self._sections["resources"]
        for primitive in self._configuration.primitives:
            group = self._configuration.group_of(primitive.id)
            if group is None:
                section.children.append(self._cloned(primitive.id, self._primitive(primitive)))
            elif group.id not in done:
                done.add(group.id)
                section.children.append(self._cloned(group.id, self._group(group)))

    def _cloned(self, name: ResourceId, element: Element) -> Element:
        """Return the element, in its clone if it has one."""
        clone = self._configuration.clone_of(name)
        if clone is None:
            return element
        found = self._resource("clone", clone.id, {}, clone.description)
        values = metas(clone.meta) | clone_metas(clone)
        self._written.pairs(found, "meta_attributes", f"{found.id}-meta_attributes", values)
        found.children.append(element)
        return found

    def _group(self, group: Group) -> Element:
        element = self._resource("group", group.id, {}, group.description)
        meta = metas(group.meta)
        meta |= {} if group.ordered else {"ordered": "false"}
        meta |= {} if group.colocated else {"collocated": "false"}
        self._written.pairs(element, "meta_attributes", f"{element.id}-meta_attributes", meta)
        for member in group.members:
            primitive = self._configuration.primitive(member)
            assert primitive is not None
            element.children.append(self._primitive(primitive))
        return element

    def _primitive(self, item: Primitive) -> Element:
        agent, values = _native(item)
        element = self._resource("primitive", item.id, agent, item.description)
        stem = element.id
        self._written.pairs(element, "meta_attributes", f"{stem}-meta_attributes", metas(item.meta))
        tag = "instance_attributes"
        self._written.pairs(element, tag, f"{stem}-{tag}", values)
        if item.agent.agent_class in (AgentClass.ADDRESS, AgentClass.PROCESS):
            self._written.own_of(element, "agent", str(item.agent))
        self._operations(element, item)
        self._sizes(element, item.utilization)
        return element

    def _resource(
        self, tag: str, name: str, attributes: dict[str, str], description: str
    ) -> Element:
        key = self._names["resource", name]
        about = {"description": description} if description else {}
        element = make(tag, {"id": key, **attributes, **about})
        self._written.resources[name] = element
        if key != name:
            self._written.own_of(element, "name", name)
        return element

    def _operations(self, element: Element, item: Primitive) -> None:
        """Write the operations; one monitor is there in any case, as here every resource has one.

        The reader takes a monitor with the defaults, if it is the only one, for none said.
        """
        defaults = self._configuration.defaults
        found = list(item.operations)
        if not any(operation.action == _MONITOR for operation in found):
            timeout_ms = defaults.operation_timeout_ms
            found.append(Operation(_MONITOR, defaults.monitor_interval_ms, timeout_ms))
        block = make("operations", {})
        element.children.append(block)
        for operation in found:
            interval = show_time(operation.interval_ms)
            stem = f"{element.id}-{operation.action}-interval-{interval}"
            words = {"id": self._written.ids.take(stem, "op"), "name": operation.action}
            words |= {"interval": interval, "timeout": show_time(operation.timeout_ms)}
            if operation.on_fail is not None:
                words["on-fail"] = str(operation.on_fail)
            if operation.role is not None:
                words["role"] = str(operation.role).capitalize()
            if not operation.enabled:
                words["enabled"] = "false"
            child = make("op", words)
            block.children.append(child)
            if operation.depth:
                depth = {"OCF_CHECK_LEVEL": str(operation.depth)}
                self._written.pairs(child, "instance_attributes", f"{child.id}-depth", depth)

    # --- fence devices

    def _device(self, device: FenceDevice) -> None:
        key = self._names["device", device.id]
        words = {"id": key, "class": "stonith", "type": type_of(device.agent)}
        element = make("primitive", words)
        self._sections["resources"].children.append(element)
        self._written.devices[device.id] = element
        if key != device.id:
            self._written.own_of(element, "name", device.id)
        # Pacemaker counts devices where it spreads resources: placed last, they move none.
        meta = {"priority": score(-INFINITY), "target-role": "Started", "is-managed": "true"}
        if device.unfence:
            meta["provides"] = "unfencing"
        self._written.pairs(element, "meta_attributes", f"{key}-meta_attributes", meta)
        tag = "instance_attributes"
        self._written.pairs(element, tag, f"{key}-{tag}", parameters_of(device))

    def _levels(self) -> None:
        levels = [
            make(
                "fencing-level",
                {
                    "id": self._written.ids.take(f"fencing-{node.name}-{number}", "level"),
                    "target": node.name,
                    "index": str(number),
                    "devices": ",".join(self._names["device", name] for name in level),
                },
            )
            for node in self._configuration.nodes
            for number, level in enumerate(node.fence_levels, 1)
            if level
        ]
        if levels:
            topology = make("fencing-topology", {})
            topology.children += levels
            self._written.root.children[0].children.append(topology)

    def _alerts(self) -> None:
        if not self._configuration.alerts:
            return
        section, written = make("alerts", {}), self._written
        written.root.children[0].children.append(section)
        for alert in self._configuration.alerts:
            key = self._names["alert", alert.id]
            section.children.append(alert_element(alert, key, written.ids, written.pairs))
            if key != alert.id:
                written.own(f"alerts.{key}.name", alert.id)

    def _defaults(self) -> None:
        defaults, whole = self._configuration.defaults, self._written.root.children[0]
        section, operations = make("rsc_defaults", {}), make("op_defaults", {})
        whole.children += [section, operations]
        values = metas(defaults.meta)
        self._written.pairs(section, "meta_attributes", "rsc-options", values)
        if defaults.monitor_interval_ms != Defaults().monitor_interval_ms:
            # Needed to read monitors: one with the defaults is none that is said.
            interval = show_duration(defaults.monitor_interval_ms)
            self._written.own("defaults.operation.monitor_interval", interval)
        timeout = {"timeout": show_time(defaults.operation_timeout_ms)}
        self._written.pairs(operations, "meta_attributes", "op-options", timeout)


def metas(meta: Meta) -> dict[str, str]:
    """Return a resource's options as meta attributes, as far as Pacemaker has them."""
    values = {}
    if meta.target_role is not None:
        values["target-role"] = str(meta.target_role).capitalize()
    if meta.managed is not None:
        values["is-managed"] = _flag(meta.managed)
    scores = {
        "resource-stickiness": meta.stickiness,
        "priority": meta.priority,
        "migration-threshold": meta.migration_threshold,
    }
    values |= {name: score(value) for name, value in scores.items() if value is not None}
    if meta.failure_timeout_ms is not None:
        values["failure-timeout"] = show_time(meta.failure_timeout_ms)
    for name in ("critical", "allow_migrate", "allow_unhealthy_nodes", "maintenance"):
        flag = getattr(meta, name)
        if flag is not None:
            values[name.replace("_", "-")] = _flag(flag)
    for name in ("multiple_active", "requires"):
        word = getattr(meta, name)
        if word is not None:
            values[name.replace("_", "-")] = str(word)
    return values


def _further(options: Options) -> dict[str, str]:
    """Return options that are said only where they are not as usual."""
    base, found = Options(), {}
    if options.strategy is not base.strategy:
        found["placement-strategy"] = str(options.strategy)
    if options.stop_all:
        found["stop-all-resources"] = "true"
    if not options.start_failure_is_fatal:
        found["start-failure-is-fatal"] = "false"
    if options.health.strategy is not base.health.strategy:
        found["node-health-strategy"] = str(options.health.strategy)
    for colour in ("red", "yellow", "green", "base"):
        value = getattr(options.health, colour)
        if value != getattr(base.health, colour):
            found[f"node-health-{colour}"] = score(value)
    return found


def _native(item: Primitive) -> tuple[dict[str, str], dict[str, str]]:
    """Return the agent's attributes and parameters: for our own classes the nearest agent's."""
    agent = item.agent
    match agent.agent_class:
        case AgentClass.ADDRESS:
            given = dict(item.parameters)
            address, _, prefix = given.get("address", "").partition("/")
            if prefix:
                given = {"address": address, "prefix": prefix, **given} | {"address": address}
            return _ocf("IPaddr2"), _renamed(given.items(), ADDRESS)
        case AgentClass.PROCESS:
            program, words = _command(dict(item.parameters).get("command", ""))
            values = {"binfile": program} | ({"cmdline_options": words} if words else {})
            return _ocf("anything"), values | _renamed(item.parameters, PROCESS)
        case AgentClass.OCF:
            found = {"class": str(agent.agent_class), "provider": agent.provider}
            return {**found, "type": agent.type}, dict(item.parameters)
        case _:
            return {"class": str(agent.agent_class), "type": agent.type}, dict(item.parameters)


def _ocf(name: str) -> dict[str, str]:
    return {"class": "ocf", "provider": "heartbeat", "type": name}


def _renamed(pairs: Iterable[tuple[str, str]], names: dict[str, str]) -> dict[str, str]:
    return {names[name]: value for name, value in pairs if name in names}


def _command(command: str) -> tuple[str, str]:
    """Return a command's program, and the rest as it is written."""
    try:
        program = shlex.split(command)[0]
    except (ValueError, IndexError):
        return command, ""
    rest = command.removeprefix(program)
    return (program, rest.strip()) if rest != command or rest == "" else (command, "")


def _flag(value: bool) -> str:
    return "true" if value else "false"
