"""What an operator is told to do about an alert, and what a cause is called. Pure tables."""

from collections.abc import Mapping
from typing import Final

CAUSES: Final[Mapping[int, str]] = {
    1: "Other",
    3: "Application Subsystem Failure",
    5: "Connection Establishment Error",
    7: "Communications Subsystem Failure",
    8: "Configuration/Customization Error",
    26: "LAN Error",
    48: "Software Program Abnormally Terminated",
    57: "Underlying Resource Unavailable",
    59: "Previous Alert Cleared",
    60: "Login Attempts Failed",
    65: "Unauthorized Access Attempt",
    72: "Element Unavailable",
    81: "Synchronization Loss or Mismatch",
    88: "Loss of Redundancy",
    110: "Element Reinitialized",
    111: "Timeout",
    112: "Logging Problems",
    115: "Protecting Resource Failure",
    117: "Authentication Failure",
    120: "Delayed Information",
    128: "Out of Service",
}
"""Names of the values of ProbableCause that alerts use."""
ADVICE: Final[Mapping[str, tuple[str, ...]]] = {
    "LHA003": (
        "look whether the machine runs and its network works",
        "'ha status' tells what the cluster has done about it",
    ),
    "LHA004": ("look at the load and the network of the node",),
    "LHA005": ("find out why the node was cut off before it joins again",),
    "LHA006": (
        "make sure that the node is off, then say so with 'ha node confirm-down'",
        "look at the fence device",
    ),
    "LHA007": ("bring back nodes: 'ha status' tells which votes are missing",),
    "LHA010": ("look at cables, switches and interfaces of the link",),
    "LHA012": ("look at the network between the node and the host",),
    "LHA016": ("'ha why' tells the reason; 'ha resource cleanup' lets the cluster try again",),
    "LHA017": ("look why it takes so long, or give the operation more time",),
    "LHA018": ("end it by hand, then say so with 'ha resource cleanup'",),
    "LHA020": ("find out what ended it where it ran before",),
    "LHA021": ("'ha why' tells what keeps it from running",),
    "LHA022": ("stop it by hand where it must not run",),
    "LHA023": ("bring back the members that are missing",),
    "LHA032": ("see that what needs the ticket runs at the site that has it",),
    "LHA033": ("make sure which site has the ticket",),
    "LHA035": ("mend the configuration: 'ha verify' tells what is wrong",),
    "LHA036": ("find out whose messages they are; give the key to the node, or shut it out",),
    "LHA037": ("give the user the role that it needs, or find out who asks",),
    "LHA038": ("find out who tries to log in",),
    "LHA039": ("start the cluster service of the node, or look at its log",),
    "LHA041": ("look why the listener takes nothing; its numbers have a gap",),
}
"""RecommendedActions by message; none where nothing need be done."""
