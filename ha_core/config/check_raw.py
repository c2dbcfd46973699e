"""What the values of a whole file must satisfy that no longer shows in the configuration.

Owns: the list of these rules.
"""

from collections.abc import Iterator

from ha_core.config.build_rules import incomplete_rules
from ha_core.config.faults import Fault
from ha_core.config.read import Plain
from ha_core.config.words import incomplete


def raw_faults(raw: Plain) -> Iterator[Fault]:
    """Yield every such fault."""
    yield from incomplete(raw)
    yield from incomplete_rules(raw)
    for name, part in raw.get("resources", {}).items():
        if part.get("clone") is False and part.get("promotable", False) is not False:
            text = "is false beside 'promotable'; allowed: what can be promoted is a clone"
            yield Fault(f"resources.{name}.clone", text)
