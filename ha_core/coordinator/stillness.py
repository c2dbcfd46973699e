"""Stillness: until when a coordinator's look at its records can find nothing new.

Owns: this bound. While it lasts, a node that asks for its lease again, as all do with every
round, changes nothing that follows from the records: nobody becomes suspect, lost or a better
coordinator. What else a coordinator looks at says of itself whether it is idle.
"""

from typing import Final

from ha_core.config.model import Configuration
from ha_core.coordinator.record import GONE
from ha_core.coordinator.roster import Roster
from ha_core.ids import Millis
from ha_core.status import NodeState

NOT_STILL: Final[Millis] = 0
ALWAYS: Final[Millis] = 1 << 62
"""Nobody else is there whose silence could end it."""


def still_until_ms(roster: Roster, configuration: Configuration) -> Millis:
    """Return when the first node would be suspect; `NOT_STILL` if anything is unsettled now."""
    until_ms, gone = ALWAYS, []
    for name, record in roster.records.items():
        if record.state in GONE:
            if record.requested_ms is not None or configuration.options.last_man_standing_ms:
                return NOT_STILL  # it is coming back, or its vote is going to be taken
            gone.append(name)
        elif record.state is not NodeState.ONLINE or record.without_ms is not None:
            return NOT_STILL
        elif name != roster.name:
            if record.requested_ms is None or roster.is_off(record):
                return NOT_STILL
            until_ms = min(until_ms, record.requested_ms + roster.timers.election_ms)
    if any(name in record.hears for name in gone for record in roster.records.values()):
        return NOT_STILL  # somebody else may be the better coordinator, once that has lasted
    return until_ms
