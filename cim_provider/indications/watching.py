"""What of the objects counts as a change: one table for all classes.

Owns: the classes that make no lifecycle indications, the properties whose change alone makes none,
and in what steps a number is told. A class that stands in no table is told with every change of
every property. Pure.
"""

from collections.abc import Mapping
from typing import Final

from cim_provider.mapping.rows import Value

UNTOLD: Final = frozenset({"HA_ResultOfResource", "HA_EventLogRecord", "HA_UseOfEventLog"})
"""Links of what grows with every event and is quiet itself: alerts tell what is worth telling."""
QUIET: Final[Mapping[str, frozenset[str]]] = {
    "HA_Cluster": frozenset({"ViewVersion"}),
    "HA_HeartbeatLink": frozenset(
        {"LossPermille", "LastHeard", "LateHeartbeats", "RoundTripMicroseconds"}
    ),
    "HA_ConcreteJob": frozenset({"ElapsedTime"}),
}
"""Properties, by class, that are measured all the time."""
STEPS: Final[Mapping[str, Mapping[str, int]]] = {"HA_ConcreteJob": {"PercentComplete": 5}}
"""By how much a number must have changed, by class and property."""

Values = Mapping[str, Value]


def differs(class_name: str, before: Values, after: Values) -> bool:
    """Return whether what has changed of an object is told."""
    if before == after:
        return False
    quiet, steps = QUIET.get(class_name, frozenset()), STEPS.get(class_name, {})
    names = {name for name in {**before, **after} if before.get(name) != after.get(name)}
    return any(_is_far(before.get(n), after.get(n), steps.get(n)) for n in names - quiet)


def _is_far(before: Value, after: Value, step: int | None) -> bool:
    if step is None or not isinstance(before, int) or not isinstance(after, int):
        return True
    return abs(after - before) >= step
