"""The messages of alerts and of the event log: numbers, severities, and what each is about.

Owns: which message an event of the cluster's journal is. An alert and the entry of the log that
tells the same have one number. From `LHA101` on are events that only the log tells. Pure.
Source: DMTF CIM Schema 2.41 (Final), CIM_AlertIndication, for the meaning of the numbers.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

OWNER: Final = "Linux-HA"
"""Who defines the messages: OwningEntity of alerts and of entries of the log."""
TIME_LIMIT: Final = "time limit exceeded"
"""Stands in the text of an event whose operation has taken too long."""
_INFORMATION: Final = 2
_WARNING: Final = 3
_MAJOR: Final = 5
_CRITICAL: Final = 6


@dataclass(frozen=True, slots=True)
class Message:
    """One kind of message."""

    id: str
    kind: int
    """Type of the alert: 0 cluster, 1 node, 2 membership, 3 resource, 4 configuration, 5 other."""
    alert_type: int
    severity: int
    """PerceivedSeverity: 2 information, 3 warning, 5 major, 6 critical."""
    cause: int
    """ProbableCause."""
    meaning: str
    """What has happened, in a few words."""


MESSAGES: Final[Mapping[str, Message]] = {
    message.id: message
    for message in (
        Message("LHA000", 5, 1, _INFORMATION, 1, "a test of the way to listeners"),
        Message("LHA001", 1, 2, _INFORMATION, 1, "a node has joined, or is back"),
        Message("LHA002", 1, 2, _INFORMATION, 128, "a node has left in good order"),
        Message("LHA003", 1, 2, _CRITICAL, 72, "a node is lost"),
        Message("LHA004", 1, 3, _WARNING, 120, "a node is heard late"),
        Message("LHA005", 1, 5, _MAJOR, 110, "a node was cut off"),
        Message("LHA006", 1, 5, _CRITICAL, 115, "a node could not be cut off"),
        Message("LHA007", 2, 2, _CRITICAL, 88, "the quorum is lost"),
        Message("LHA008", 2, 2, _INFORMATION, 59, "there is a quorum again"),
        Message("LHA009", 2, 1, _INFORMATION, 1, "another node coordinates"),
        Message("LHA010", 0, 2, _WARNING, 26, "a link is down"),
        Message("LHA011", 0, 2, _INFORMATION, 59, "a link is up again"),
        Message("LHA012", 0, 2, _WARNING, 5, "a host that should be reached is not"),
        Message("LHA013", 0, 2, _INFORMATION, 59, "a host is reached again"),
        Message("LHA014", 3, 1, _INFORMATION, 1, "a resource was started"),
        Message("LHA015", 3, 1, _INFORMATION, 1, "a resource was stopped"),
        Message("LHA016", 3, 4, _MAJOR, 3, "a resource has failed"),
        Message("LHA017", 3, 4, _MAJOR, 111, "an operation took too long"),
        Message("LHA018", 3, 4, _CRITICAL, 48, "a resource waits for an operator"),
        Message("LHA019", 3, 4, _INFORMATION, 59, "a resource has recovered"),
        Message("LHA020", 3, 4, _WARNING, 88, "a resource runs elsewhere after a fault"),
        Message("LHA021", 3, 4, _CRITICAL, 57, "a resource can run nowhere"),
        Message("LHA022", 3, 4, _CRITICAL, 81, "a resource is active on too many nodes"),
        Message("LHA023", 3, 1, _WARNING, 88, "there is less in reserve"),
        Message("LHA024", 3, 1, _INFORMATION, 59, "what is in reserve is complete again"),
        Message("LHA025", 1, 1, _INFORMATION, 1, "a node is in standby"),
        Message("LHA026", 1, 1, _INFORMATION, 1, "a node is out of standby"),
        Message("LHA027", 1, 1, _INFORMATION, 1, "maintenance begins"),
        Message("LHA028", 1, 1, _INFORMATION, 1, "maintenance ends"),
        Message("LHA029", 3, 1, _INFORMATION, 1, "a resource is left alone"),
        Message("LHA030", 3, 1, _INFORMATION, 1, "a resource is acted on again"),
        Message("LHA031", 2, 1, _INFORMATION, 1, "a ticket was granted"),
        Message("LHA032", 2, 1, _WARNING, 1, "a ticket was revoked"),
        Message("LHA033", 2, 1, _MAJOR, 72, "a ticket was lost"),
        Message("LHA034", 4, 7, _INFORMATION, 1, "the configuration or the state has changed"),
        Message("LHA035", 4, 4, _MAJOR, 8, "the configuration was refused, or is inconsistent"),
        Message("LHA036", 0, 8, _MAJOR, 117, "a stranger's messages are refused"),
        Message("LHA037", 0, 8, _WARNING, 65, "a WBEM client may not do what it asked for"),
        Message("LHA038", 0, 8, _WARNING, 60, "a WBEM client could not log in"),
        Message("LHA039", 0, 2, _CRITICAL, 7, "the cluster service does not answer"),
        Message("LHA040", 0, 2, _INFORMATION, 59, "the cluster service answers again"),
        Message("LHA041", 5, 3, _MAJOR, 112, "events for a listener were dropped"),
        Message("LHA101", 5, 1, _INFORMATION, 1, "an event that has no number of its own"),
        Message("LHA102", 1, 5, _INFORMATION, 1, "an operator has confirmed that a node is down"),
        Message(
            "LHA103", 1, 5, _INFORMATION, 1, "a node is to be cut off, or need not be any more"
        ),
        Message("LHA104", 1, 5, _INFORMATION, 1, "a fence device has done its part"),
        Message("LHA105", 1, 5, _WARNING, 115, "a fence device could not do its part"),
        Message("LHA106", 2, 1, _INFORMATION, 1, "a node gives up the coordination"),
        Message("LHA107", 2, 1, _INFORMATION, 1, "a start of the whole cluster goes on"),
        Message("LHA108", 2, 2, _WARNING, 88, "a node has lost contact with the cluster"),
        Message("LHA109", 3, 1, _INFORMATION, 1, "a resource was found running"),
        Message("LHA110", 3, 1, _INFORMATION, 1, "a resource has changed its role, or moved alive"),
        Message("LHA111", 1, 4, _WARNING, 1, "something is wrong with a node's own service"),
    )
}
"""All messages, by number."""

KINDS: Final[Mapping[str, str]] = {
    "node-joined": "LHA001",
    "node-left": "LHA002",
    "node-lost": "LHA003",
    "node-fenced": "LHA005",
    "fence-gave-up": "LHA006",
    "coordinator-elected": "LHA009",
    "connectivity-lost": "LHA012",
    "connectivity-unknown": "LHA012",
    "connectivity-restored": "LHA013",
    "link-down": "LHA010",
    "link-up": "LHA011",
    "resource-started": "LHA014",
    "resource-stopped": "LHA015",
    "resource-failed": "LHA016",
    "resource-blocked": "LHA018",
    "ticket-granted": "LHA031",
    "ticket-standby": "LHA032",
    "ticket-lost": "LHA032",
    "configuration-changed": "LHA034",
    "node-confirmed-down": "LHA102",
    "fence-wanted": "LHA103",
    "fence-called-off": "LHA103",
    "fence-doubted": "LHA105",
    "fence-failed": "LHA105",
    "fence-test-failed": "LHA105",
    "fence-left-off": "LHA105",
    "fence-proved": "LHA104",
    "fence-restored": "LHA104",
    "fence-tested": "LHA104",
    "fence-rehearsed": "LHA104",
    "node-unfenced": "LHA104",
    "coordinator-resigned": "LHA106",
    "coordinator-hands-over": "LHA106",
    "quorum-waits": "LHA107",
    "quorum-released": "LHA107",
    "quorum-complete": "LHA107",
    "lease-lost": "LHA108",
    "resource-found": "LHA109",
    "resource-reloaded": "LHA110",
    "resource-promoted": "LHA110",
    "resource-demoted": "LHA110",
    "resource-migrated": "LHA110",
    "node-outdated": "LHA111",
    "daemon-paused": "LHA111",
    "gate-restored": "LHA111",
    "guardian-paused": "LHA111",
    "guardian-ended": "LHA111",
    "watchdog-broken": "LHA111",
}
"""Numbers by the kind of a journal's event."""
_OTHER: Final = "LHA101"


def message_of(kind: str, text: str = "") -> Message:
    """Return which message an event of the journal is; `text` is its sentence."""
    if kind == "resource-failed" and TIME_LIMIT in text:
        return MESSAGES["LHA017"]
    return MESSAGES[KINDS.get(kind, _OTHER)]
