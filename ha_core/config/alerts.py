"""Alerts of a Pacemaker cluster as frozen values: programs that hear what happens, and their
recipients.

Owns: their shape. They are carried, so that what was imported can be exported again; nothing here
calls the programs. Source: Pacemaker Explained, "Alerts".
"""

from dataclasses import dataclass
from enum import StrEnum

from ha_core.ids import Millis


class AlertKind(StrEnum):
    """What a program wants to hear of."""

    NODES = "nodes"
    FENCING = "fencing"
    RESOURCES = "resources"
    ATTRIBUTES = "attributes"


@dataclass(frozen=True, slots=True)
class Recipient:
    """For whom a program is called once more; what is said here counts instead of the alert's."""

    value: str
    """What the program takes for an address: a mail address, a file, a URL."""
    description: str = ""
    parameters: tuple[tuple[str, str], ...] = ()
    timeout_ms: Millis | None = None
    timestamp_format: str = ""
    """As `date` takes it; empty: nothing is said."""
    enabled: bool | None = None


@dataclass(frozen=True, slots=True)
class Alert:
    """A program, what it is told of, and for whom."""

    id: str
    path: str
    description: str = ""
    parameters: tuple[tuple[str, str], ...] = ()
    timeout_ms: Millis | None = None
    timestamp_format: str = ""
    enabled: bool | None = None
    select: tuple[AlertKind, ...] = ()
    """None: all but attributes."""
    attributes: tuple[str, ...] = ()
    """Names of nodes' attributes; none: all of them, if attributes are selected."""
    recipients: tuple[Recipient, ...] = ()
