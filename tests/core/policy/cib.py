"""Our input written as a Pacemaker CIB, and crm_simulate's answer read back: the oracle.

Owns: the translation. What one of the two cannot say (leases, orders under
way, uncertain instances) must not be asked for. Needs Debian's
pacemaker-cli-utils; `find()` says whether it is there.
"""

import hashlib
import shutil
import subprocess
import xml.etree.ElementTree as ET
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ha_core.config.model import Configuration, Meta, OrderKind, Primitive
from ha_core.ids import INFINITY, NodeName
from ha_core.status import ClusterStatus, Failure, Instance, InstanceState, NodeState

MONITOR_MS: Final = 10_000
_NOW_S: Final = 1_000_000
_DIGESTS: Final = {
    0: hashlib.md5(b" <parameters/>\n").hexdigest(),
    MONITOR_MS: hashlib.md5(b' <parameters CRM_meta_timeout="20000"/>\n').hexdigest(),
}
"""What a resource without parameters has; others would count as redefined."""


@dataclass(frozen=True)
class Answer:
    """What crm_simulate would do, and where everything is afterwards."""

    places: dict[str, tuple[str, ...]]
    actions: frozenset[tuple[str, str, str]]


def find() -> str | None:
    """Return the path of crm_simulate, or None."""
    return shutil.which("crm_simulate")


def ask(program: str, directory: Path, cib: ET.Element) -> Answer:
    """Run crm_simulate on the CIB."""
    source, graph = directory / "cib.xml", directory / "graph.xml"
    ET.ElementTree(cib).write(source)
    graph.unlink(missing_ok=True)
    command = [program, "-S", "-x", str(source), "-G", str(graph), "--output-as=xml"]
    environment = {"CIB_shadow_dir": str(directory), "LC_ALL": "C", "PATH": "/usr/bin:/bin"}
    done = subprocess.run(command, capture_output=True, env=environment, timeout=60, check=True)
    text = done.stdout.decode()
    root = ET.fromstring(text[text.find("<pacemaker-result") :])
    section = root.find("revised_cluster_status/resources")
    if section is None:
        section = root.find("cluster_status/resources")
    assert section is not None
    places = {}
    for item in section.iter("resource"):
        nodes = tuple(sorted(n.get("name", "") for n in item.findall("node")))
        places[item.get("id", "")] = nodes if item.get("role") != "Stopped" else ()
    return Answer(places, frozenset(_actions(ET.parse(graph).getroot())))


def _actions(graph: ET.Element) -> Iterable[tuple[str, str, str]]:
    for item in graph.iter("rsc_op"):
        primitive = item.find("primitive")
        word = item.get("operation", "")
        if primitive is not None and word in ("start", "stop"):
            yield word, primitive.get("id", ""), item.get("on_node", "")


# --- writing -------------------------------------------------------------------------------


def cib_of(configuration: Configuration, status: ClusterStatus) -> ET.Element:
    """Return the CIB that says the same."""
    root = ET.Element(
        "cib",
        {
            "crm_feature_set": "3.16.1",
            "validate-with": "pacemaker-3.9",
            "epoch": "1",
            "num_updates": "0",
            "admin_epoch": "0",
            "have-quorum": "1" if status.quorate else "0",
            "dc-uuid": "n1",
            "execution-date": str(_NOW_S),
        },
    )
    config = ET.SubElement(root, "configuration")
    _options(ET.SubElement(config, "crm_config"), configuration)
    nodes = ET.SubElement(config, "nodes")
    for node in configuration.nodes:
        if not node.witness:
            element = ET.SubElement(nodes, "node", {"id": node.name, "uname": node.name})
            flags = {"standby": node.standby, "maintenance": node.maintenance}
            values = {name: "true" for name, flag in flags.items() if flag}
            _pairs(element, "instance_attributes", f"{node.name}-a", values)
    _resources(ET.SubElement(config, "resources"), configuration)
    _constraints(ET.SubElement(config, "constraints"), configuration)
    defaults = ET.SubElement(config, "rsc_defaults")
    _pairs(defaults, "meta_attributes", "defaults", _meta(configuration.defaults.meta))
    states = ET.SubElement(root, "status")
    for name in [n.name for n in configuration.nodes if not n.witness]:
        _state(states, name, configuration, status)
    return root


def _pairs(parent: ET.Element, tag: str, name: str, values: dict[str, str]) -> None:
    if not values:
        return
    block = ET.SubElement(parent, tag, {"id": name})
    for key, value in values.items():
        ET.SubElement(block, "nvpair", {"id": f"{name}-{key}", "name": key, "value": value})


def _options(element: ET.Element, configuration: Configuration) -> None:
    options = configuration.options
    values = {
        "stonith-enabled": "false",
        "symmetric-cluster": str(options.symmetric).lower(),
        "no-quorum-policy": str(options.no_quorum_policy),
        "maintenance-mode": str(options.maintenance).lower(),
        "cluster-recheck-interval": "0",
    }
    _pairs(element, "cluster_property_set", "options", values)


def _score(score: int) -> str:
    return str(score) if abs(score) < INFINITY else "INFINITY" if score > 0 else "-INFINITY"


def _meta(meta: Meta) -> dict[str, str]:
    values = {}
    if meta.target_role is not None:
        values["target-role"] = str(meta.target_role).capitalize()
    if meta.managed is not None:
        values["is-managed"] = str(meta.managed).lower()
    if meta.stickiness is not None:
        values["resource-stickiness"] = _score(meta.stickiness)
    if meta.priority is not None:
        values["priority"] = _score(meta.priority)
    if meta.migration_threshold is not None:
        values["migration-threshold"] = _score(meta.migration_threshold)
    return values


def _resources(element: ET.Element, configuration: Configuration) -> None:
    done = set()
    for primitive in configuration.primitives:
        group = configuration.group_of(primitive.id)
        if group is None:
            _primitive(element, primitive)
        elif group.id not in done:
            done.add(group.id)
            parent = ET.SubElement(element, "group", {"id": group.id})
            _pairs(parent, "meta_attributes", f"{group.id}-m", _meta(group.meta))
            for member in group.members:
                found = configuration.primitive(member)
                assert found is not None
                _primitive(parent, found)


def _primitive(parent: ET.Element, item: Primitive) -> None:
    words = {"id": item.id, "class": "ocf", "provider": "pacemaker", "type": "Dummy"}
    element = ET.SubElement(parent, "primitive", words)
    _pairs(element, "meta_attributes", f"{item.id}-m", _meta(item.meta))
    operations = ET.SubElement(element, "operations")
    words = {"id": f"{item.id}-o", "name": "monitor", "interval": "10s", "timeout": "20s"}
    ET.SubElement(operations, "op", words)


def _constraints(element: ET.Element, configuration: Configuration) -> None:
    for place in configuration.locations:
        words = {"id": place.id, "rsc": place.resource, "node": place.node}
        ET.SubElement(element, "rsc_location", words | {"score": _score(place.score)})
    for pair in configuration.colocations:
        words = {"id": pair.id, "rsc": pair.resource, "with-rsc": pair.with_resource}
        ET.SubElement(element, "rsc_colocation", words | {"score": _score(pair.score)})
    for order in configuration.orderings:
        words = {"id": order.id, "first": order.first, "then": order.then}
        words["kind"] = "Mandatory" if order.kind is OrderKind.MANDATORY else "Optional"
        words["symmetrical"] = str(order.symmetrical).lower()
        ET.SubElement(element, "rsc_order", words)


def _state(
    parent: ET.Element, name: NodeName, configuration: Configuration, status: ClusterStatus
) -> None:
    observed = status.node(name)
    is_here = observed is not None and observed.state is NodeState.ONLINE
    words = {"id": name, "uname": name, "in_ccm": "true", "crmd": "online"}
    words |= {"join": "member", "expected": "member"}
    if not is_here:
        words |= {"in_ccm": "false", "crmd": "offline", "join": "down", "expected": "down"}
    element = ET.SubElement(parent, "node_state", words)
    if observed is None:
        return
    counts = {}
    resources = ET.SubElement(ET.SubElement(element, "lrm", {"id": name}), "lrm_resources")
    for item in observed.instances:
        _history(resources, name, item)
        if item.fail_count:
            action = item.failure.action if item.failure else "monitor"
            interval = MONITOR_MS if action == "monitor" else 0
            counts[f"fail-count-{item.resource}#{action}_{interval}"] = _score(item.fail_count)
            counts[f"last-failure-{item.resource}#{action}_{interval}"] = str(_NOW_S - 60)
    if counts:
        transient = ET.SubElement(element, "transient_attributes", {"id": name})
        _pairs(transient, "instance_attributes", f"{name}-t", counts)


def _history(parent: ET.Element, node: str, item: Instance) -> None:
    if item.state is InstanceState.UNKNOWN:
        return
    words = {"id": item.resource, "type": "Dummy", "class": "ocf", "provider": "pacemaker"}
    element = ET.SubElement(parent, "lrm_resource", words)
    number = 1

    def done(name: str, action: str, interval_ms: int, code: int, wanted: int) -> None:
        nonlocal number
        key = f"{number}:1:{wanted}:00000000-0000-0000-0000-000000000000"
        ET.SubElement(
            element,
            "lrm_rsc_op",
            {
                "id": f"{item.resource}_{name}",
                "operation_key": f"{item.resource}_{action}_{interval_ms}",
                "operation": action,
                "crm_feature_set": "3.16.1",
                "transition-key": key,
                "transition-magic": f"0:{code};{key}",
                "call-id": str(number),
                "rc-code": str(code),
                "op-status": "0" if code == wanted else "4",
                "interval": str(interval_ms),
                "last-rc-change": str(_NOW_S - 60),
                "last-run": str(_NOW_S - 60),
                "op-digest": _DIGESTS[interval_ms],
                "on_node": node,
            },
        )
        number += 1

    _operations(done, item, item.failure)


def _operations(done: "object", item: Instance, failure: Failure | None) -> None:
    assert callable(done)
    if failure is None and item.state is InstanceState.STOPPED:
        done("last_0", "monitor", 0, 7, 7)
        return
    if failure is None:
        done("last_0", "start", 0, 0, 0)
        return
    if failure.action == "start":
        done("last_failure_0", "start", 0, failure.exit_code, 0)
    elif failure.action == "stop":
        done("last_failure_0", "stop", 0, failure.exit_code, 0)
    else:
        done("last_0" if item.state is InstanceState.FAILED else "start_0", "start", 0, 0, 0)
        done("last_failure_0", "monitor", MONITOR_MS, failure.exit_code, 0)
    if item.state is InstanceState.STOPPED:
        done("last_0", "stop", 0, 0, 0)
