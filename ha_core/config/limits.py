"""Bounds of a configuration, and how names must look. Each bound has its reason.

Owns: numbers and patterns alone; `check` enforces them whoever wrote the
configuration, `kinds` says them to the writer of a file.
"""

import re
from typing import Final

from ha_core.ids import Millis
from ha_core.timers import DEAD_AFTER_MS_MAX, DEAD_AFTER_MS_MIN

VOTERS_MAX: Final = 7
"""Each further voter makes every change of the configuration slower, and none safer."""
NODES_MAX: Final = 64
RESOURCES_MAX: Final = 2_000
CONSTRAINTS_MAX: Final = 5_000
TICKETS_MAX: Final = 256
"""Those that a configuration lists; others are there by what needs them."""
DEVICES_MAX: Final = 256
ALERTS_MAX: Final = 64
RECIPIENTS_MAX: Final = 64
LINKS_MAX: Final = 8
"""Every message goes out on every link."""

PING_TARGETS_MAX: Final = 16
PING_HOSTS_MAX: Final = 16
"""Every node pings every host at every interval."""
PING_MS: Final[tuple[Millis, Millis]] = (50, 600_000)
PING_MULTIPLIER_MAX: Final = 100_000
TTL_MAX: Final = 255
SPEEDS: Final = (9_600, 19_200, 38_400, 57_600, 115_200, 230_400, 460_800, 921_600)
"""What serial drivers know by name, from where a heartbeat fits."""
BROADCAST_EVERYWHERE: Final = "255.255.255.255"
DEAD_AFTER_MS: Final = (DEAD_AFTER_MS_MIN, DEAD_AFTER_MS_MAX)
TIME_MS_MAX: Final[Millis] = 7 * 24 * 3600 * 1000
"""A longer time limit or interval is a slip of the pen."""
TIMEOUT_MS_MIN: Final[Millis] = 10
"""No program starts and ends within less."""
INTERVAL_MS_MIN: Final[Millis] = 10
MOMENT_MS_MAX: Final[Millis] = 253_402_300_799_999
"""The last moment of the year 9999, beyond which no calendar here goes."""
GENERATION_MAX: Final = 10**12 - 1
"""Nobody starts a daemon so often."""
RETRIES_MAX: Final = 20
COPIES_MAX: Final = 10_000
"""Of one clone; more than the cluster has places is no fault."""
CAPACITY_MAX: Final = 2**31 - 1
"""Pacemaker counts no further."""
CONDITIONS_MAX: Final = 200
"""Parts of one rule."""
DEPTH_MAX: Final = 1_000
PORT_MAX: Final = 65_535
TEXT_MAX: Final = 16_384
"""Characters of a value: a long command line fits, a file does not."""
HOST_MAX: Final = 255
"""Source: RFC 1035, 2.3.4."""

ID: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}")
ID_ALLOWED: Final = "letters, digits, _ . - (64 at most, beginning with a letter, a digit or _)"
CONSTRAINT_ID: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,199}")
"""Longer: a ban is named after its resource and its node."""
CONSTRAINT_ID_ALLOWED: Final = ID_ALLOWED.replace("64", "200")
NODE: Final = re.compile(r"[a-z0-9]([a-z0-9.-]{0,62}[a-z0-9])?")
NODE_ALLOWED: Final = "lower-case letters, digits, dots and dashes (64 at most)"
PARAMETER: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:-]{0,127}")
PARAMETER_ALLOWED: Final = ID_ALLOWED.replace("_ . -", "_ . : -").replace("64", "128")
ATTRIBUTE: Final = re.compile(rf"(?:#[a-z][a-z-]{{0,63}}|{PARAMETER.pattern})")
ATTRIBUTE_ALLOWED: Final = f"{PARAMETER_ALLOWED}; or one with #, as #uname, the node's name"
NODE_ATTRIBUTE: Final = re.compile(rf"(?:#health-[A-Za-z0-9_.-]{{1,100}}|{PARAMETER.pattern})")
NODE_ATTRIBUTE_ALLOWED: Final = f"{PARAMETER_ALLOWED}; or one that begins with #health-"
CALENDAR_RANGE: Final = re.compile(r"(?:[0-9]{1,9}(?:-[0-9]{0,9})?|-[0-9]{1,9})")
_LABEL: Final = r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
HOST_NAME: Final = re.compile(rf"{_LABEL}(\.{_LABEL})*")
"""What asks for addresses takes no empty label and none of over 63. Source: RFC 1035, 2.3.4."""
HOST_ALLOWED: Final = "an IPv4 or IPv6 address, or a name of letters, digits, dots and dashes"

INTERFACE: Final = re.compile(r"[^\s/:]{1,15}")
INTERFACE_ALLOWED: Final = "the name of a network interface (15 characters at most)"
"""Source: Linux, IFNAMSIZ."""
DEVICE: Final = re.compile(r"/dev/[A-Za-z0-9_][A-Za-z0-9_.:/-]{0,99}")
DEVICE_ALLOWED: Final = "the path of a serial device, such as /dev/ttyS0, without a port"


def is_text(value: str) -> bool:
    """Return whether programs can be given the value: not too long, no null, all encodable."""
    has_half = any("\ud800" <= character <= "\udfff" for character in value)
    return len(value) <= TEXT_MAX and "\0" not in value and not has_half
