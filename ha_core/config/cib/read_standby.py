"""The standby of a node that ends at a moment: a block of node attributes with a rule.

Owns: which blocks say just that. Others with rules have no place here, as nothing of a node changes
with time. Source: Pacemaker Explained, "Using Rules to Control Resource Options".
"""

from ha_core.config.cib.ledger import Ledger
from ha_core.config.cib.read_conditions import Conditions
from ha_core.policy.cib import values
from ha_core.policy.cib.source import Source
from ha_core.policy.cib.tree import Element

_ENDS = ("before", "to")


def timed_standby(
    source: Source, ledger: Ledger, conditions: Conditions, node: Element
) -> tuple[Element, str] | None:
    """Return the block that sets the node to standby until a moment, and the moment; None: none."""
    for child in node.all("instance_attributes"):
        block = source.referred(child)
        if block is None or not _is_standby(source, block):
            continue
        condition, _ = conditions.read(block.all("rule")[0])
        if len(condition) == 1 and next(iter(condition)) in _ENDS:
            ledger.close(child)
            ledger.close(block)
            return child, next(iter(condition.values()))
    return None


def _is_standby(source: Source, block: Element) -> bool:
    """Return whether it has one rule and one pair, which says standby."""
    pairs = [source.referred(pair) for pair in block.all("nvpair")]
    if len(block.all("rule")) != 1 or len(pairs) != 1 or len(block.children) != 2:
        return False
    pair = pairs[0]
    is_named = pair is not None and pair.get("name") == "standby"
    return is_named and pair is not None and values.boolean(pair.get("value")) is True
