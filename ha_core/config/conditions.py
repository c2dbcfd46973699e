"""What must hold for a rule, as a tree of frozen values.

Owns: that shape. Whether it holds is the policy engine's.
"""

from dataclasses import dataclass

from ha_core.config.choices import Comparison, Join, ValueFrom, ValueType
from ha_core.ids import Millis


@dataclass(frozen=True, slots=True)
class Condition:
    """What must hold for a rule: parts, a comparison of a node's attribute, or a time; one of them.

    Moments are milliseconds since the Unix epoch, compared in whole seconds. `calendar` has pairs
    such as `hours` and `9-16`, of the calendar in UTC: all must fit. Source: Pacemaker Explained,
    "Rules".
    """

    join: Join | None = None
    parts: tuple["Condition", ...] = ()
    attribute: str = ""
    operation: Comparison | None = None
    value: str = ""
    value_type: ValueType | None = None
    """None: text for equality, else numbers, whole ones where neither has a dot."""
    value_from: ValueFrom = ValueFrom.LITERAL
    after_wall_ms: Millis | None = None
    before_wall_ms: Millis | None = None
    from_wall_ms: Millis | None = None
    """With `to`: from then on, until then, both inclusive."""
    to_wall_ms: Millis | None = None
    calendar: tuple[tuple[str, str], ...] = ()
