"""Scripts of Heartbeat's resource.d as agents of ours: which one, with which parameters.

Owns: the tables. Heartbeat's own scripts were wrappers around OCF agents of
the same name, so their arguments have names there. Source: Heartbeat 3,
`resource.d`; the agents' meta-data in resource-agents.
"""

from collections.abc import Collection
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Interface, IPv6Address, ip_address
from types import MappingProxyType
from typing import Final

from ha_core.agents import ocf
from ha_core.agents.address import INTERFACE_BYTES_MAX
from ha_core.config import limits
from ha_core.config.heartbeat.haresources import Script
from ha_core.config.model import AgentClass, AgentRef, Exclusivity, Meta
from ha_core.errors import ConfigError

PARAMETERS: Final = MappingProxyType(
    {
        "AudibleAlarm": ("nodelist",),
        "Delay": ("startdelay", "stopdelay", "mondelay"),
        "Filesystem": ("device", "directory", "fstype", "options"),
        "ICP": ("driveid", "device"),
        "IPsrcaddr": ("ipaddress",),
        "LVM": ("volgrpname",),
        "LinuxSCSI": ("scsi",),
        "MailTo": ("email", "subject"),
        "Raid1": ("raidconf", "raiddev"),
        "SendArp": ("ip", "nic"),
        "ServeRAID": ("serveraid", "mergegroup"),
        "WAS": ("config", "port"),
        "WinPopup": ("hostfile",),
        "Xinetd": ("service",),
        "apache": ("configfile",),
        "db2": ("instance",),
        "ldirectord": ("configfile",),
        "portblock": ("protocol", "portno", "action"),
    }
)
"""OCF parameters of `ocf:heartbeat:NAME`, in the order of the script's arguments."""
ADDRESSES: Final = ("IPaddr", "IPaddr2", "IPv6addr")
_HARMLESS: Final = ("AudibleAlarm", "Delay", "MailTo", "WinPopup")
"""They only tell somebody, or wait."""


@dataclass(frozen=True, slots=True)
class Agent:
    """What a script becomes; `stem` is a name for it, `remark` what the user should know."""

    stem: str
    ref: AgentRef
    parameters: tuple[tuple[str, str], ...] = ()
    meta: Meta = field(default_factory=Meta)
    remark: str = ""


def agent(script: Script, own: Collection[str]) -> Agent:
    """Return the agent of a script; `own` are the names of the user's scripts in resource.d.

    Raises:
        ConfigError: it cannot be one; the text says why.
    """
    for value in script.arguments:
        if not limits.is_text(value):
            raise ConfigError("has an argument that is too long or no text")
    if script.name in ADDRESSES:
        return _address(script)
    if script.name in PARAMETERS:
        names = PARAMETERS[script.name]
        if len(script.arguments) <= len(names) and all(script.arguments):
            return _ocf(script, names)
    if not _is_plain(script.name):
        raise ConfigError("has a name that no agent can have")
    return _script(script, own)


def _ocf(script: Script, names: tuple[str, ...]) -> Agent:
    parameters = tuple(zip(names, script.arguments, strict=False))
    ref = AgentRef(AgentClass.OCF, "heartbeat", script.name)
    meta = Meta(exclusivity=Exclusivity.NONE) if script.name in _HARMLESS else Meta()
    stem, remark = script.name.lower(), ""
    if script.name == "Filesystem" and len(parameters) > 1:
        stem = "fs-" + parameters[1][1].strip("/").replace("/", "-")
    if script.name == "Filesystem" and len(parameters) == 2:
        remark = "give it the parameter fstype, which Heartbeat left to mount"
    return Agent(stem, ref, parameters, meta, remark)


def _script(script: Script, own: Collection[str]) -> Agent:
    """Return the agent of a script that is not known: the user's own, or the system's."""
    if script.arguments or script.name in own:
        ref = AgentRef(AgentClass.HEARTBEAT, "", script.name)
        places = "/etc/ha.d/resource.d or /etc/init.d"
        remark = f"the script {script.name} must lie in {places} on every node"
    else:
        ref = AgentRef(AgentClass.LSB, "", script.name)
        remark = (
            f"the script /etc/init.d/{script.name} must be there on every node; "
            f"if there is only a unit of systemd, write systemd:{script.name}"
        )
    numbered = tuple((str(n), value) for n, value in enumerate(script.arguments, 1))
    return Agent(script.name.lower(), ref, numbered, remark=remark)


def _is_plain(name: str) -> bool:
    try:
        ocf.require_plain(name, "")
    except ConfigError:
        return False
    return True


# --- addresses -------------------------------------------------------------------------------


def _address(script: Script) -> Agent:
    """Read `ADDRESS[/BITS[/INTERFACE[:LABEL]][/BROADCAST]]`."""
    if len(script.arguments) != 1:
        raise ConfigError("has other arguments than one address")
    text, *rest = script.arguments[0].split("/")
    address = _parsed(text)
    if address is None or address.is_multicast or address.is_unspecified:
        raise ConfigError(f"has '{text}' where an address should be")
    prefix = _prefix(rest.pop(0), address) if rest else None
    broadcast = interface = ""
    for part in rest:
        if isinstance(_parsed(part), IPv4Address):
            broadcast = part
        elif part and (interface or not _is_interface(part)):
            raise ConfigError(f"has '{part}' where an interface should be")
        else:
            interface = interface or part
    stem = f"ip-{address}".replace(":", "-")
    nic, colon, _ = interface.partition(":")
    if broadcast and not _is_usual(address, prefix, broadcast):
        label = (("iflabel", interface.partition(":")[2]),) if colon else ()
        netmask = (("cidr_netmask", str(prefix)),) if prefix is not None else ()
        own = (("nic", nic),) if nic else ()
        parameters = (("ip", str(address)), *netmask, *own, *label, ("broadcast", broadcast))
        ref = AgentRef(AgentClass.OCF, "heartbeat", "IPaddr2")
        remark = "class address takes no broadcast address, so it is an OCF agent, without a guard"
        return Agent(stem, ref, parameters, remark=remark)
    shown = str(address) if prefix is None else f"{address}/{prefix}"
    own = (("interface", nic),) if nic else ()
    label = (("label", interface),) if colon else ()
    ref = AgentRef(AgentClass.ADDRESS)
    return Agent(stem, ref, (("address", shown), *own, *label))


def _parsed(text: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(text)
    except ValueError:
        return None


def _prefix(text: str, address: IPv4Address | IPv6Address) -> int | None:
    """Return the length of a prefix, also of one that is written as a mask; empty is None."""
    if not text:
        return None
    if text.isascii() and text.isdigit() and len(text) <= 3 and int(text) <= address.max_prefixlen:
        return int(text)
    try:
        return IPv4Interface(f"0.0.0.0/{text}").network.prefixlen
    except ValueError:
        raise ConfigError(f"has '{text}' where a netmask should be") from None


def _is_interface(text: str) -> bool:
    return len(text.encode()) <= INTERFACE_BYTES_MAX and text.isascii() and text.isprintable()


def _is_usual(address: IPv4Address | IPv6Address, prefix: int | None, broadcast: str) -> bool:
    """Return whether the network has that broadcast address anyway."""
    if prefix is None or not isinstance(address, IPv4Address):
        return False
    return str(IPv4Interface(f"{address}/{prefix}").network.broadcast_address) == broadcast
