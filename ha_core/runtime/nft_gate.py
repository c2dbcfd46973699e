"""The tables that silence service addresses unless a lease runs, as nftables messages.

Owns: names, sets, chains and rules. Knows no socket, clock or lease. Each
family has a table of its own with the same inside: packets of an address in
`held4` or `held6` go to chain `lease`, which asks chain `open`; that accepts if
its one token is still in the set `armed`, whose elements the kernel drops by
itself; all others are dropped. What nft lists can be read by nft again.
See docs/protocols/gates.md.
"""

import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from hashlib import sha256
from typing import Final

from ha_core.membership.ladder import CLOSED, Rung
from ha_core.runtime.netlink import IPAddress, attribute
from ha_core.runtime.nft import (
    ACCEPT,
    DROP,
    GOTO,
    JUMP,
    Family,
    Kind,
    Message,
    Meta,
    equals,
    is_in,
    load,
    long_number,
    meta,
    nest,
    number,
    payload,
    text,
    verdict,
)

PREFIX: Final = "beatkeeper_"
OPEN: Final = "open"
LEASE: Final = "lease"
ARMED: Final = "armed"
HELD4: Final = "held4"
HELD6: Final = "held6"
COMMENT_BYTES_MAX: Final = 120

_FIRST_OF_ALL: Final = -350
"""Before address translation, so that what is forwarded under the address is silenced too."""
_LAST_OF_ALL: Final = 350
_TYPE_IPV4: Final = 7
_TYPE_IPV6: Final = 8
_TIMEOUT: Final = 0x10
_IS_IPV4: Final = equals(b"\x02")
_IS_IPV6: Final = equals(b"\x0a")
_IS_ARP: Final = equals(b"\x08\x06")
_LIKE_NUMGEN: Final = bytes.fromhex(
    "000401000000"  # keys in host order
    "031a0004170000000112000400000000010402000000020400000000"
)
"""`typeof numgen inc mod 2`: what nft keeps with a set to print the kind of its elements."""


class _Hook(IntEnum):
    PREROUTING = 0
    POSTROUTING = 4
    ARP_IN = 0
    ARP_OUT = 1
    EGRESS = 1


@dataclass(frozen=True, slots=True)
class Tables:
    """The tables of one daemon; `families` without `NETDEV` where the kernel is too old for it."""

    name: str
    comment: str
    families: tuple[Family, ...] = (Family.INET, Family.ARP)

    def install(self, held: Iterable[IPAddress], rungs: Sequence[Rung]) -> list[Message]:
        """Return what makes the tables anew, closed, whatever was there before."""
        messages = self.remove()
        for family in self.families:
            messages += self._skeleton(family)
        messages += [self._open_rule(family, CLOSED) for family in self.families]
        for address in held:
            messages += self.hold(address)
        return messages + self.arm(rungs)

    def remove(self) -> list[Message]:
        """Return what removes the tables, whether they are there or not."""
        return [
            self._message(kind, family)
            for family in self.families
            for kind in (Kind.NEWTABLE, Kind.DELTABLE)
        ]

    def arm(self, rungs: Sequence[Rung]) -> list[Message]:
        """Return what arms the rungs."""
        if not rungs:
            return []
        elements = nest(
            3,
            *(
                nest(
                    1,
                    nest(1, attribute(1, struct.pack("=I", rung.token))),
                    long_number(4, rung.timeout_ms),
                )
                for rung in rungs
            ),
        )
        return [
            self._message(Kind.NEWSETELEM, family, text(2, ARMED), elements)
            for family in self.families
        ]

    def choose(self, token: int) -> list[Message]:
        """Return what opens the gate for as long as that token lives."""
        messages = []
        for family in self.families:
            messages.append(self._message(Kind.DELRULE, family, text(2, OPEN)))
            messages.append(self._open_rule(family, token))
        return messages

    def hold(self, address: IPAddress) -> list[Message]:
        """Return what puts an address behind the gate."""
        return self._held(Kind.NEWSETELEM, address)

    def let_go(self, address: IPAddress) -> list[Message]:
        """Return what takes an address out; it must be off its interface by then."""
        return self._held(Kind.DELSETELEM, address)

    def watch_egress(self, interface: str) -> list[Message]:
        """Return what makes the gate see frames that a program puts on this interface itself."""
        if Family.NETDEV not in self.families:
            return []
        chain = f"out_{interface}"
        rule = (meta(Meta.PROTOCOL), _IS_ARP, payload(14, 4), is_in(HELD4))
        return [
            self._base_chain(Family.NETDEV, chain, _Hook.EGRESS, 0, interface),
            self._message(Kind.DELRULE, Family.NETDEV, text(2, chain)),
            self._rule(Family.NETDEV, chain, *rule, verdict(GOTO, LEASE)),
        ]

    # --- parts ---------------------------------------------------------------------------

    def _message(self, kind: Kind, family: Family, *parts: bytes) -> Message:
        return Message(kind, family, text(1, self.name) + b"".join(parts))

    def _rule(self, family: Family, chain: str, *expressions: bytes) -> Message:
        return self._message(Kind.NEWRULE, family, text(2, chain), nest(4, *expressions))

    def _open_rule(self, family: Family, token: int) -> Message:
        return self._rule(family, OPEN, load(token), is_in(ARMED), verdict(ACCEPT))

    def _skeleton(self, family: Family) -> list[Message]:
        comment = self.comment.encode()[:COMMENT_BYTES_MAX] + b"\0"
        note = attribute(6, bytes((0, len(comment))) + comment)
        messages = [
            self._message(Kind.NEWTABLE, family, note),
            self._set(family, HELD4, _TYPE_IPV4, 4, 1),
            self._set(family, ARMED, 0, 4, 2, flags=_TIMEOUT, note=_LIKE_NUMGEN),
            self._message(Kind.NEWCHAIN, family, text(3, OPEN)),
            self._message(Kind.NEWCHAIN, family, text(3, LEASE)),
            self._rule(family, LEASE, verdict(JUMP, OPEN)),
            self._rule(family, LEASE, verdict(DROP)),
        ]
        if family is Family.INET:
            messages.append(self._set(family, HELD6, _TYPE_IPV6, 16, 3))
            messages += self._internet("in", _Hook.PREROUTING, _FIRST_OF_ALL, 16, 24)
            messages += self._internet("out", _Hook.POSTROUTING, _LAST_OF_ALL, 12, 8)
        elif family is Family.ARP:
            messages += self._resolution("in", _Hook.ARP_IN, 24)
            messages += self._resolution("out", _Hook.ARP_OUT, 14)
        return messages

    def _internet(self, chain: str, hook: _Hook, priority: int, v4: int, v6: int) -> list[Message]:
        """Return a chain that looks at the addresses at these places of the headers.

        Neighbour discovery is within: what announces an address has it as its source.
        """
        goto, family = verdict(GOTO, LEASE), Family.INET
        place4, place6 = payload(v4, 4), payload(v6, 16)
        kind = meta(Meta.NFPROTO)
        return [
            self._base_chain(family, chain, hook, priority),
            self._rule(family, chain, kind, _IS_IPV4, place4, is_in(HELD4), goto),
            self._rule(family, chain, kind, _IS_IPV6, place6, is_in(HELD6), goto),
        ]

    def _resolution(self, chain: str, hook: _Hook, place: int) -> list[Message]:
        rule = (payload(place, 4), is_in(HELD4), verdict(GOTO, LEASE))
        return [
            self._base_chain(Family.ARP, chain, hook, 0),
            self._rule(Family.ARP, chain, *rule),
        ]

    def _base_chain(
        self, family: Family, name: str, hook: _Hook, priority: int, device: str = ""
    ) -> Message:
        place = [number(1, hook), number(2, priority)]
        if device:
            place.append(text(3, device))
        parts = (text(3, name), nest(4, *place), number(5, ACCEPT), text(7, "filter"))
        return self._message(Kind.NEWCHAIN, family, *parts)

    def _set(
        self,
        family: Family,
        name: str,
        kind: int,
        size: int,
        place: int,
        *,
        flags: int = 0,
        note: bytes = b"",
    ) -> Message:
        parts = [
            text(2, name),
            number(3, flags),
            number(4, kind),
            number(5, size),
            number(10, place),
        ]
        if note:
            parts.append(attribute(13, note))
        return self._message(Kind.NEWSET, family, *parts)

    def _held(self, kind: Kind, address: IPAddress) -> list[Message]:
        families = self.families if address.version == 4 else (Family.INET,)
        name = HELD4 if address.version == 4 else HELD6
        element = nest(3, nest(1, nest(1, attribute(1, address.packed))))
        return [self._message(kind, family, text(2, name), element) for family in families]


def tables_for(scope: str, node: str, families: tuple[Family, ...]) -> Tables:
    """Return the tables of the daemon with that run directory: several may share a network."""
    name = PREFIX + sha256(scope.encode()).hexdigest()[:8]
    comment = f"Beatkeeper node {node} ({scope}): its service addresses are silent without a lease"
    return Tables(name, comment, families)
