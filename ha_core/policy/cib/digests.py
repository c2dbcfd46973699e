"""Whether a resource's definition has changed since an operation: by the digest that it left.

Owns: which parameters an operation had, and their digest.
Source: Pacemaker Administration, "Configuration changes"; `op-digest` of 2.1 and of 3.0.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from ha_core.policy.cib import pairs, values
from ha_core.policy.cib.outcomes import Entry
from ha_core.policy.cib.resources import Definition
from ha_core.policy.cib.rules import Facts, Rules
from ha_core.policy.cib.source import Source
from ha_core.policy.cib.tree import Element
from ha_core.policy.engine.problem import Changed

_TIMEOUT: Final = "CRM_meta_timeout"
_NEVER_COUNT: Final = frozenset({"crm_feature_set", "id", "interval", "op_target_rc"})
_ESCAPES: Final = {
    ord("&"): "&amp;",
    ord("<"): "&lt;",
    ord(">"): "&gt;",
    ord('"'): "&quot;",
    ord("\n"): "&#10;",
    ord("\r"): "&#13;",
    ord("\t"): "&#9;",
}
_COUNTING: Final = frozenset({"start", "promote", "monitor", "migrate_from"})


def digest(parameters: Mapping[str, str]) -> str:
    """Return the digest of an operation's parameters."""
    parts = [
        f' {name}="{value.translate(_ESCAPES)}"'
        for name, value in sorted(parameters.items())
        if name not in _NEVER_COUNT and (name == _TIMEOUT or not name.startswith("CRM_meta_"))
    ]
    text = f" <parameters{''.join(parts)}/>\n"
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


@dataclass(slots=True, eq=False)
class Digests:
    """Compares entries with what is configured now."""

    source: Source
    rules: Rules
    attributes: Mapping[str, Mapping[str, str]]
    """Of each node, by name."""
    _known: dict[tuple[str, str, str], tuple[str, dict[str, str]]] = field(default_factory=dict)

    def changed(self, definition: Definition, node: str, entry: Entry) -> Changed:
        """Return what a changed definition asks for, going by one entry."""
        if entry.interval_ms == 0 and entry.task not in _COUNTING:
            return Changed.NO
        now, parameters = self._now(definition, node, entry)
        operation = entry.operation
        if operation.restart_digest:
            names = operation.force_restart.split()
            kept = {name: value for name, value in parameters.items() if name in names}
            if digest(kept) != operation.restart_digest:
                return Changed.RESTART
        if operation.digest == now:
            return Changed.NO
        has_own = bool(self._element(definition, entry, "instance_attributes"))
        if operation.restart_digest and not (has_own and entry.interval_ms == 0):
            return Changed.RELOAD
        return Changed.RESTART

    def _now(self, definition: Definition, node: str, entry: Entry) -> tuple[str, dict[str, str]]:
        """Return the digest that the operation would leave now, and the resource's parameters."""
        has_rules = any(block.child("rule") for block in definition.blocks)
        own = self._element(definition, entry, "instance_attributes")
        operation = f"{entry.task}/{entry.interval_ms}" if own or entry.interval_ms else ""
        key = (definition.resource.id, node if has_rules or own else "", operation)
        known = self._known.get(key)
        if known is not None:
            return known
        facts = Facts(attributes=self.attributes.get(node, {}), agent=definition.agent)
        parameters = pairs.settled(self.source, definition.blocks, self.rules.judge(facts))
        mine = dict(parameters)
        mine.update(pairs.settled(self.source, own, self.rules.judge(facts)))
        if entry.interval_ms:
            mine[_TIMEOUT] = str(definition.timeout_ms(entry.task, entry.interval_ms))
        result = (digest(mine), parameters)
        self._known[key] = result
        return result

    def _element(self, definition: Definition, entry: Entry, tag: str) -> list[Element]:
        for element in definition.operations:
            if element.get("name") != entry.task or not element.children:
                continue
            if values.milliseconds(element.get("interval", "0")) == entry.interval_ms:
                return element.all(tag)
        return []
