"""Class `address`: the parameters of a service address, and which way it can be held.

Owns: reading and checking them. Adds nothing to any interface. Addresses of
127.0.0.0/8 without an interface are held by a claim that any user can make;
all others are put on an interface, for which root is needed.
"""

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, ip_address
from typing import Final

from ha_core.config.model import Primitive
from ha_core.errors import ConfigError
from ha_core.ids import Millis

CLAIM_PREFIX: Final = "beatkeeper/address/"
INTERFACE_BYTES_MAX: Final = 15  # IFNAMSIZ less the closing zero
PROBE_MS_MAX: Final = 10_000
PROBE_MS_DEFAULT: Final = 30
ANNOUNCEMENTS_MAX: Final = 20
ANNOUNCEMENTS_DEFAULT: Final = 5
_ALLOWED: Final = ("address", "prefix", "interface", "label", "probe_ms", "announcements")
_LOOPBACK: Final = IPv4Network("127.0.0.0/8")


@dataclass(frozen=True, slots=True)
class AddressSpec:
    """An address to hold; `prefix` None and `interface` empty are taken from the fitting network.

    `probe_ms` is how long to ask whether somebody else has it before it is
    taken (0: do not ask); `announcements` how often neighbours are told.
    """

    address: IPv4Address | IPv6Address
    prefix: int | None = None
    interface: str = ""
    label: str = ""
    probe_ms: Millis = PROBE_MS_DEFAULT
    announcements: int = ANNOUNCEMENTS_DEFAULT

    @property
    def is_claim(self) -> bool:
        """Return whether it is held by a machine-wide claim and put on no interface."""
        return not self.interface and self.address in _LOOPBACK

    @property
    def claim_name(self) -> str:
        """Return the machine-wide name of the claim."""
        return f"{CLAIM_PREFIX}{self.address}"


def parse(primitive: Primitive) -> AddressSpec:
    """Return the checked parameters; `address` may carry its prefix as in `192.0.2.7/24`.

    Raises:
        ConfigError: with every fault found.
    """
    given = dict(primitive.parameters)
    where = f"resource '{primitive.id}': parameter"
    faults = [
        f"{where} '{name}' is unknown, expected one of {', '.join(_ALLOWED)}"
        for name in sorted(given)
        if name not in _ALLOWED
    ]
    text, _, behind = given.get("address", "").partition("/")
    address = _address(text)
    if address is None:
        faults.append(f"{where} 'address' is '{text}', expected an IPv4 or IPv6 host address")
        raise ConfigError(faults)
    faults += _name_faults(given, where)
    prefix = _whole(given.get("prefix", behind), address.max_prefixlen)
    probe_ms = _whole(given.get("probe_ms", str(PROBE_MS_DEFAULT)), PROBE_MS_MAX)
    times = _whole(given.get("announcements", str(ANNOUNCEMENTS_DEFAULT)), ANNOUNCEMENTS_MAX)
    if prefix is None and (behind or "prefix" in given):
        value = given.get("prefix", behind)
        faults.append(f"{where} 'prefix' is '{value}', expected 0..{address.max_prefixlen}")
    if probe_ms is None:
        faults.append(f"{where} 'probe_ms' is '{given['probe_ms']}', expected 0..{PROBE_MS_MAX}")
    if times is None:
        value = given["announcements"]
        faults.append(f"{where} 'announcements' is '{value}', expected 0..{ANNOUNCEMENTS_MAX}")
    if faults or probe_ms is None or times is None:
        raise ConfigError(faults)
    interface, label = given.get("interface", ""), given.get("label", "")
    return AddressSpec(address, prefix, interface, label, probe_ms, times)


def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(text)
    except ValueError:
        return None
    if address.is_multicast or address.is_unspecified:
        return None
    return address


def _name_faults(given: dict[str, str], where: str) -> list[str]:
    faults = []
    for name in ("interface", "label"):
        value = given.get(name, "")
        if len(value.encode()) > INTERFACE_BYTES_MAX or any(c in "/ \t\n\0" for c in value):
            faults.append(
                f"{where} '{name}' is {value!r}, expected at most {INTERFACE_BYTES_MAX} bytes "
                "without blanks and slashes"
            )
    return faults


def _whole(text: str, most: int) -> int | None:
    """Return a whole number within 0..most, or None."""
    if not (text.isascii() and text.isdigit()) or len(text) > len(str(most)) or int(text) > most:
        return None
    return int(text)
