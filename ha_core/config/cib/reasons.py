"""What of a CIB has no place in our configuration, each with the reason.

Owns: these tables. What is in none of them is told as well, with the reason that says least.
Source: Pacemaker Explained, "Cluster Options", "Resource Meta-Attributes", "Operations".
"""

from types import MappingProxyType
from typing import Final

_UNKNOWN: Final = "has no counterpart here"
_CLONE: Final = "it is an option of a clone"
_SELF: Final = "Pacemaker's own record"
_TIMERS: Final = "all timers derive from options.dead_after"
_LIMIT: Final = "the cluster decides by itself how much it does at once"
_STORE: Final = "every change of the configuration is kept: 'ha history'"
_DEVICE: Final = "each fence device has time limits and retries of its own"
_REMOTE: Final = "not supported: remote node or guest node"
_SITE: Final = "no rule here asks for the site"
_VERSION: Final = "Pacemaker's version of a parameter"
_DISCOVERY: Final = "write 'discovery' on a location"

BLOCKS: Final = MappingProxyType(
    {
        "cluster_property_set": "option",
        "meta_attributes": "meta attribute",
        "instance_attributes": "parameter",
        "utilization": "utilization",
        "attributes": "pair",
    }
)
"""Elements that hold name-value pairs, and what one of these is called."""
OPTIONS: Final = MappingProxyType(
    {
        "have-watchdog": _SELF,
        "dc-version": _SELF,
        "cluster-infrastructure": _SELF,
        "last-lrm-refresh": _SELF,
        "dc-deadtime": _TIMERS,
        "cluster-delay": _TIMERS,
        "election-timeout": _TIMERS,
        "shutdown-escalation": _TIMERS,
        "join-integration-timeout": _TIMERS,
        "join-finalization-timeout": _TIMERS,
        "transition-delay": _TIMERS,
        "cluster-recheck-interval": "the plan is made anew at every event and at every moment that "
        "a rule names",
        "batch-limit": _LIMIT,
        "migration-limit": _LIMIT,
        "load-threshold": _LIMIT,
        "node-action-limit": _LIMIT,
        "cluster-ipc-limit": _LIMIT,
        "pe-error-series-max": _STORE,
        "pe-warn-series-max": _STORE,
        "pe-input-series-max": _STORE,
        "stonith-timeout": _DEVICE,
        "fencing-timeout": _DEVICE,
        "stonith-max-attempts": _DEVICE,
        "fencing-max-attempts": _DEVICE,
        "stonith-watchdog-timeout": "name the watchdog in each node's node.yaml",
        "fencing-watchdog-timeout": "name the watchdog in each node's node.yaml",
        "concurrent-fencing": "nodes are fenced at the same time",
        "fence-reaction": "a node that was fenced stops at once",
        "priority-fencing-delay": "write 'delay' or 'delays' on a fence device",
        "startup-fencing": "a node that was never seen is fenced after options.fencing_grace",
        "enable-startup-probes": "every node looks what is there before anything starts",
        "stop-orphan-resources": "what is no longer configured is stopped",
        "stop-removed-resources": "what is no longer configured is stopped",
        "stop-orphan-actions": "monitors that are no longer configured end",
        "cancel-removed-actions": "monitors that are no longer configured end",
        "remove-after-stop": _SELF,
        "node-pending-timeout": _TIMERS,
        "shutdown-lock": "what a node that stops has run moves to another one",
        "shutdown-lock-limit": "what a node that stops has run moves to another one",
        "enable-acl": "the control socket knows its callers' users",
        "site-name": _SITE,
    }
)
METAS: Final = MappingProxyType(
    {
        "restart-type": "an ordering says what restarts with what",
        "resource-discovery": _DISCOVERY,
        "container-attribute-target": _REMOTE,
        "remote-node": _REMOTE,
        "remote-addr": _REMOTE,
        "remote-port": _REMOTE,
        "remote-connect-timeout": _REMOTE,
        "provides": "write 'unfence: true' on a fence device",
        "clone-max": _CLONE,
        "clone-node-max": _CLONE,
        "globally-unique": _CLONE,
        "interleave": _CLONE,
        "notify": _CLONE,
        "promotable": _CLONE,
        "clone-min": _CLONE,
        "promoted-max": _CLONE,
        "promoted-node-max": _CLONE,
    }
)
DEVICE_METAS: Final = "the cluster starts no fence device: each node that may use it can"
DEVICE_PARAMETERS: Final = MappingProxyType(
    {
        "pcmk_host_check": "the targets of a device are written down",
        "pcmk_host_argument": "a target is told by the agent's own description",
        "pcmk_action_limit": _LIMIT,
        "action": "the cluster says it for each call",
        "option": "the cluster says it for each call",
        "nodename": "the cluster says it for each call",
        "node": "the cluster says it for each call",
        "hostname": "the cluster says it for each call",
        "port": "write 'plugs': the number of each node's outlet",
        "plug": "write 'plugs': the number of each node's outlet",
    }
)
OPERATIONS: Final = MappingProxyType(
    {
        "start-delay": "the first monitor comes when the start is over",
        "interval-origin": "a monitor's interval counts from its last run",
        "record-pending": "what is under way is always told: 'ha status'",
        "description": "an operation has none",
        "requires": "it is an option of the resource",
    }
)
ATTRIBUTES: Final = MappingProxyType(
    {
        ("node", "type"): _REMOTE,
        ("node", "score"): "write a location for each resource",
        ("node", "description"): "a node has none; write an attribute",
        ("primitive", "template"): "it is written out in each resource",
    }
)
ELEMENTS: Final = MappingProxyType(
    {
        "bundle": "not supported: bundle",
        "template": "no resource uses it",
        "tag": "no constraint that is kept uses it",
        "tags": "no constraint that is kept uses it",
        "acls": "the control socket knows its callers' users",
        "fencing-topology": "there is no such node or device",
        "lifetime": "write 'when' in a rule",
        "status": "what was observed is observed anew, fail counts begin at 0",
        "rule": "it would have to hold for all, or say only one thing",
    }
)


def of_pair(owner: str, block: str, name: str) -> str:
    """Return why a name-value pair has no place here."""
    if block == "cluster_property_set":
        return OPTIONS.get(name, _UNKNOWN)
    if block == "meta_attributes" and owner == "op":
        return OPERATIONS.get(name, _UNKNOWN)
    if block == "meta_attributes":
        return METAS.get(name, _UNKNOWN)
    if owner == "group":
        return "a group has no parameters; write them on its members"
    if owner == "op":
        return "an operation has no parameter but OCF_CHECK_LEVEL, its depth"
    return _UNKNOWN


def of_attribute(tag: str, name: str) -> str:
    """Return why an attribute has no place here."""
    if tag == "op":
        return OPERATIONS.get(name, _UNKNOWN)
    return ATTRIBUTES.get((tag, name), _UNKNOWN)


def of_element(tag: str, owner: str) -> str:
    """Return why an element has no place here."""
    if tag == "rule" and owner not in ("rule", "rsc_location"):
        return "a value does not change with the time or the place"
    return ELEMENTS.get(tag, _UNKNOWN)
