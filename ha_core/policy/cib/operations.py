"""Configured operations (`op`), and what a failure of each leads to.

Source: Pacemaker Explained, "Resource Operations", "Failure Response".
"""

from collections.abc import Mapping
from typing import Final, TypeAlias

from ha_core.policy.cib import pairs, values
from ha_core.policy.cib.meta import Defaults
from ha_core.policy.cib.rules import Facts, Rules
from ha_core.policy.cib.source import Source
from ha_core.policy.cib.tree import Element
from ha_core.policy.engine.problem import OnFail, Operation, Role

_ON_FAIL: Final = {
    "ignore": OnFail.IGNORE,
    "nothing": OnFail.IGNORE,
    "demote": OnFail.DEMOTE,
    "restart": OnFail.RESTART,
    "block": OnFail.BLOCK,
    "ban": OnFail.BAN,
    "migrate": OnFail.BAN,
    "stop": OnFail.STOP,
    "standby": OnFail.STANDBY,
    "fence": OnFail.FENCE,
}
_NOT_FOR_STOP: Final = frozenset({OnFail.STOP, OnFail.STANDBY, OnFail.DEMOTE})
TIMEOUT_MS: Final = 20_000
Key: TypeAlias = tuple[str, int]
"""Name and interval in milliseconds."""


def read_operations(
    source: Source,
    rules: Rules,
    defaults: Defaults,
    layers: list[Element],
    agent: tuple[str, str, str],
) -> tuple[tuple[Operation, ...], list[Element]]:
    """Return the operations of a primitive, and their elements; the last layer wins."""
    found: dict[tuple[str, int], tuple[Operation, Element]] = {}
    for layer in layers:
        own: set[tuple[str, int]] = set()
        for block in layer.all("operations"):
            block = source.referred(block) or block
            for element in block.all("op"):
                operation = _operation(source, rules, defaults, element, agent)
                if operation is None:
                    continue
                key = (operation.name, operation.interval_ms)
                if key in own:
                    source.leave_out(element, f"a second operation {key[0]} every {key[1]} ms")
                    continue
                own.add(key)
                found[key] = (operation, element)
    pairs_found = list(found.values())
    return tuple(item for item, _ in pairs_found), [element for _, element in pairs_found]


def implied_on_fail(
    source: Source, defaults: Defaults, element: Element, agent: tuple[str, str, str], key: Key
) -> OnFail | None:
    """Return what the defaults say of an operation that is not configured."""
    wanted = defaults.operation(agent, *key)
    return _on_fail(source, element, *key, wanted) if wanted else None


def implied_timeout_ms(defaults: Defaults, agent: tuple[str, str, str], key: Key) -> int:
    """Return the timeout of an operation that is not configured."""
    return values.milliseconds(defaults.operation(agent, *key).get("timeout", "")) or TIMEOUT_MS


def _operation(
    source: Source,
    rules: Rules,
    defaults: Defaults,
    element: Element,
    agent: tuple[str, str, str],
) -> Operation | None:
    found = source.referred(element)
    if found is None:
        return None
    element = found
    name = element.get("name")
    if not name:
        source.leave_out(element, "an operation needs a name")
        return None
    text = element.get("interval", "0")
    interval_ms = values.milliseconds(text)
    if interval_ms is None:
        source.leave_out(element, f"interval is {text!r}, allowed: an interval such as 10s")
        return None
    wanted = defaults.operation(agent, name, interval_ms)
    if element.children:
        judge = rules.judge(Facts(agent=agent, operation=(name, interval_ms)))
        wanted |= pairs.settled(source, element.all("meta_attributes"), judge)
    wanted |= element.attributes
    role = wanted.get("role")
    return Operation(
        name,
        interval_ms,
        values.milliseconds(wanted.get("timeout", "")) or TIMEOUT_MS,
        values.role(role) if role is not None else None,
        on_fail=_on_fail(source, element, name, interval_ms, wanted),
        is_enabled=values.boolean(wanted.get("enabled", "true")) is not False,
    )


def _on_fail(
    source: Source, element: Element, name: str, interval_ms: int, wanted: Mapping[str, str]
) -> OnFail | None:
    text = wanted.get("on-fail")
    if text is None:
        return None
    found = _ON_FAIL.get(text.strip().lower())
    if found is None:
        allowed = ", ".join(_ON_FAIL)
        source.leave_out(element, f"on-fail is {text!r}, allowed: {allowed}")
        return None
    if name == "stop" and found in _NOT_FOR_STOP:
        source.leave_out(element, f"on-fail of a stop cannot be {text}: its default holds instead")
        return None
    is_promoted = values.role(wanted.get("role", "")) is Role.PROMOTED
    may_demote = name == "promote" or (name == "monitor" and is_promoted and interval_ms > 0)
    if found is OnFail.DEMOTE and not may_demote:
        text = "on-fail=demote is for promote and recurring monitors of role Promoted"
        source.leave_out(element, f"{text}: its default holds instead")
        return None
    return found
