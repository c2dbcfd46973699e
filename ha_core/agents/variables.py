"""What OCF agents are told of clones, roles, notifications and migrations, beside parameters.

Owns: those variables, all of them `OCF_RESKEY_CRM_meta_…`. Source: Pacemaker Explained, "Clone
Options", "Clone Notifications"; OCF Resource Agent API 1.1.
"""

from typing import Final

from ha_core.config.model import Copy
from ha_core.effects import RunOperation

_PREFIX: Final = "OCF_RESKEY_CRM_meta_"


def of_clone(copy: Copy | None) -> dict[str, str]:
    """Return what an instance of a clone is told of that clone; nothing for what is in none."""
    if copy is None:
        return {}
    clone = copy.clone
    told = {
        "clone": str(copy.number or 0),
        "clone_max": str(copy.instances),
        "clone_node_max": str(clone.node_max),
        "globally_unique": _word(clone.unique),
        "notify": _word(clone.notify),
        "ordered": _word(clone.ordered),
        "interleave": _word(clone.interleave),
        "promotable": _word(clone.promotable),
    }
    if clone.promotable:
        told |= {
            "promoted_max": str(clone.promoted_max),
            "promoted_node_max": str(clone.promoted_node_max),
            "master_max": str(clone.promoted_max),
            "master_node_max": str(clone.promoted_node_max),
        }
    return {_PREFIX + name: value for name, value in told.items()}


def of_operation(operation: RunOperation, node: str) -> dict[str, str]:
    """Return what an operation is told of itself: a notification's news, a migration's ends."""
    told = {f"notify_{name}": value for name, value in operation.notice}
    if operation.peer is not None:
        source, target = str(operation.peer), node
        if operation.action == "migrate_to":
            source, target = target, source
        told |= {"migrate_source": source, "migrate_target": target}
    return {_PREFIX + name: value for name, value in told.items()}


def _word(value: bool) -> str:
    return "true" if value else "false"
