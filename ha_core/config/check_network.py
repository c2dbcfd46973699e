"""What links and ping targets must satisfy: media with all they need, hosts that could exist.

Owns: these rules. Whether an interface or a device exists is known on the nodes alone.
"""

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address, ip_address

from ha_core.config import limits
from ha_core.config.faults import Fault, bad_name, out_of_range, repeated, shown, too_many
from ha_core.config.model import Address, Configuration, Link, Medium, Ping

_NEEDLESS: dict[Medium, tuple[str, ...]] = {
    Medium.UDP: ("interface", "group"),
    Medium.BROADCAST: (),
    Medium.MULTICAST: (),
    Medium.SERIAL: ("interface", "group"),
}
"""Keys that mean nothing on a medium."""


def link_faults(configuration: Configuration) -> Iterable[Fault]:
    """Yield every fault of the links."""
    links = configuration.links
    yield from repeated("links", (link.name for link in links))
    yield from too_many("links", len(links), limits.LINKS_MAX, "links")
    for link in links:
        path = f"links.{link.name}"
        is_good = bool(limits.ID.fullmatch(link.name))
        yield from bad_name(path, link.name, is_good, limits.ID_ALLOWED)
        yield from out_of_range(f"{path}.port", link.port, 1, limits.PORT_MAX)
        yield from _medium(link, path)


def address_faults(link: Link, item: Address, place: str) -> Iterable[Fault]:
    """Yield the faults of a node's place on a link."""
    if link.medium is Medium.SERIAL:
        if not limits.DEVICE.fullmatch(item.host) or item.port:
            yield Fault(place, f"is {shown(item.host)}; allowed: {limits.DEVICE_ALLOWED}")
        return
    if not is_host(item.host):
        yield Fault(place, f"is the host {shown(item.host)}; allowed: {limits.HOST_ALLOWED}")
    if link.medium is Medium.MULTICAST and not link.interface and not _address(item.host):
        text = f"is the name {shown(item.host)} on a multicast link without an interface"
        yield Fault(place, f"{text}; allowed: an address, which says on which interface")
    if link.medium is not Medium.UDP and item.port not in (0, link.port):
        text = f"has the port {item.port} on a {link.medium} link"
        yield Fault(place, f"{text}; allowed: the link's port, which all share")
    yield from out_of_range(place, item.port, 0, limits.PORT_MAX)


def ping_faults(configuration: Configuration) -> Iterable[Fault]:
    """Yield every fault of the ping targets."""
    ping = configuration.ping
    yield from too_many("ping.targets", len(ping.targets), limits.PING_TARGETS_MAX, "targets")
    yield from repeated("ping.targets", (target.name for target in ping.targets))
    for target in ping.targets:
        path = f"ping.targets.{target.name}"
        is_good = bool(limits.ID.fullmatch(target.name))
        yield from bad_name(path, target.name, is_good, limits.ID_ALLOWED)
        if not target.hosts:
            yield Fault(path, "is empty; allowed: at least one host")
        yield from too_many(path, len(target.hosts), limits.PING_HOSTS_MAX, "hosts")
        yield from repeated(path, target.hosts)
        for number, host in enumerate(target.hosts):
            if not is_host(host):
                text = f"is the host {shown(host)}; allowed: {limits.HOST_ALLOWED}"
                yield Fault(f"{path}[{number}]", text)
    yield from _ping_times(ping, configuration.options.dead_after_ms)


def is_host(host: str) -> bool:
    """Return whether it could be the address or the name of a machine."""
    if len(host) > limits.HOST_MAX:
        return False
    try:
        address = ip_address(host)
    except ValueError:
        is_number = host.replace(".", "").isdecimal()
        return bool(limits.HOST_NAME.fullmatch(host)) and not is_number
    return not address.is_multicast


def is_multicast(text: str) -> bool:
    """Return whether it is a multicast address, of IPv4 or IPv6."""
    address = _address(text)
    return address is not None and address.is_multicast


def _ping_times(ping: Ping, dead_after_ms: int) -> Iterable[Fault]:
    least_ms, most_ms = limits.PING_MS
    for name, value_ms in (
        ("interval", ping.interval_ms),
        ("timeout", ping.timeout_ms),
        ("dampen", ping.dampen_ms),
    ):
        if value_ms:
            yield from out_of_range(f"ping.{name}", value_ms, least_ms, most_ms, " ms")
    yield from out_of_range("ping.multiplier", ping.multiplier, 1, limits.PING_MULTIPLIER_MAX)
    times = ping.times(dead_after_ms)
    if times.timeout_ms < 2 * times.interval_ms:
        text = f"is {times.timeout_ms} ms with an interval of {times.interval_ms} ms"
        yield Fault(
            "ping.timeout", f"{text}; allowed: two intervals or more, as one answer may be lost"
        )


def _medium(link: Link, path: str) -> Iterable[Fault]:
    given = {"interface": link.interface, "group": link.group}
    for name in _NEEDLESS[link.medium]:
        if given[name]:
            text = f"is {shown(given[name])} on a {link.medium} link"
            yield Fault(f"{path}.{name}", f"{text}; allowed: on broadcast and multicast links")
    if link.interface and not limits.INTERFACE.fullmatch(link.interface):
        text = f"is {shown(link.interface)}; allowed: {limits.INTERFACE_ALLOWED}"
        yield Fault(f"{path}.interface", text)
    yield from out_of_range(f"{path}.ttl", link.ttl, 1, limits.TTL_MAX)
    if link.speed not in limits.SPEEDS:
        allowed = ", ".join(map(str, limits.SPEEDS))
        yield Fault(f"{path}.speed", f"is {link.speed}; allowed: {allowed}")
    if link.medium is Medium.MULTICAST:
        yield from _multicast(link, path)
    elif link.medium is Medium.BROADCAST:
        yield from _broadcast(link, path)


def _multicast(link: Link, path: str) -> Iterable[Fault]:
    if not is_multicast(link.group):
        allowed = "a multicast address, such as 239.255.73.1 or ff12::7301"
        yield Fault(f"{path}.group", f"is {shown(link.group)}; allowed: {allowed}")
    elif ":" in link.group and not link.interface:
        text = f"is {link.group} and no interface is named"
        yield Fault(f"{path}.group", f"{text}; allowed: with 'interface', such as eth1")


def _broadcast(link: Link, path: str) -> Iterable[Fault]:
    address = _address(link.group)
    if not isinstance(address, IPv4Address) or address.is_multicast:
        allowed = "the network's broadcast address, such as 192.0.2.255"
        text = f"is {shown(link.group)}; allowed: {allowed}"
        yield Fault(f"{path}.group", text)
    elif link.group == limits.BROADCAST_EVERYWHERE and not link.interface:
        text = f"is {link.group} and no interface is named"
        yield Fault(f"{path}.group", f"{text}; allowed: with 'interface', such as eth1")


def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(text)
    except ValueError:
        return None
