"""A resource that pings, cloned to every node, as our ping targets.

Owns: which parameters of ocf:pacemaker:ping have a counterpart. Its attribute is called
`connectivity` here, for all rules too.
"""

from typing import Final

from ha_core.config.cib.form import Plain
from ha_core.config.cib.read_resources import Resources
from ha_core.config.faults import shown
from ha_core.config.kinds import show_duration
from ha_core.policy.cib import values
from ha_core.policy.cib.tree import Element

_TYPES: Final = ("ping", "pingd")
_ATTRIBUTE: Final = "pingd"
"""What the attribute is called if nothing is said."""


def is_ping(element: Element) -> bool:
    """Return whether the element is a clone of the agent."""
    inner = element.child("primitive")
    return (
        element.tag == "clone"
        and inner is not None
        and inner.get("class") == "ocf"
        and inner.get("provider") == "pacemaker"
        and inner.get("type") in _TYPES
    )


def read_ping(resources: Resources, element: Element) -> tuple[Plain, str]:
    """Return our `ping`, and what its attribute is called in the CIB."""
    inner = element.child("primitive")
    assert inner is not None
    given = resources.parameters(inner)
    hosts = given.pop("host_list", "").split()
    found: Plain = {"targets": {f"host{number}": [host] for number, host in enumerate(hosts, 1)}}
    multiplier = values.number(given.pop("multiplier", "1"))
    if multiplier not in (None, 1):
        found["multiplier"] = multiplier
    dampen_ms = values.milliseconds(given.pop("dampen", ""))
    if dampen_ms:
        found["dampen"] = show_duration(dampen_ms)
    attribute = given.pop("name", _ATTRIBUTE)
    for name, value in given.items():
        text = f"{inner.id}: {name}={shown(value)}: see 'ping' in docs/configuration.md"
        resources.ledger.note(inner, text)
    resources.ledger.note(
        element, f"{element.id} becomes 'ping': its attribute {attribute} is 'connectivity' here"
    )
    resources.ledger.know(element)
    resources.ledger.know(inner, "class", "provider", "type")
    for block in inner.all("operations"):
        resources.ledger.leave(block, "see 'ping.interval' and 'ping.timeout'", inner)
    return found, attribute
