"""The kernel's side of the gate: one transaction at a time, and whether others have touched it.

Owns: the socket, the state of the ruleset that we left, and the comparison that
tells whether our tables are still as we made them. Called in one thread beside
the event loop, because whoever loads a large ruleset makes the kernel keep
everybody else waiting. Knows no lease. The kernel numbers the states of the
whole ruleset, and refuses a transaction that names an older one: so whatever
others change is noticed with the next transaction, and costs one look.
"""

import errno
import logging
import os
import socket
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from ha_core.ids import Millis
from ha_core.membership.ladder import Rung
from ha_core.runtime import netlink, nft
from ha_core.runtime.clock import monotonic_ms
from ha_core.runtime.netlink import IPAddress
from ha_core.runtime.nft import Family, Kind, Message, NftError
from ha_core.runtime.nft_gate import HELD4, HELD6, OPEN, Tables

TRIES: Final = 5
"""How often we try to be alone with the ruleset, on which others may work without a pause."""
OTHERS: Final = "somebody else has changed its tables"
_COARSE_CLOCK: Final = 6  # CLOCK_MONOTONIC_COARSE moves with the kernel's timer tick
_ROUNDING_MS: Final = 2
_NOT_THERE: Final = (errno.EADDRNOTAVAIL, errno.ENODEV, errno.ENXIO)

log = logging.getLogger(__name__)


class TamperedError(Exception):
    """Our tables are not as we left them; the text says why."""


def timer_margin_ms() -> Millis:
    """Return how late the kernel may drop an element: two ticks, and the clock's rounding."""
    tick_s = time.clock_getres(_COARSE_CLOCK)
    return max(round(2 * tick_s * 1000), 1) + _ROUNDING_MS


class Kernel:
    """Tables of one daemon in the kernel."""

    def __init__(
        self,
        make_tables: Callable[[tuple[Family, ...]], Tables],
        number: Callable[[str], int] | None = None,
    ) -> None:
        """`number`: looks an interface up, 0 if it is gone."""
        self._make = make_tables
        self._number = number or _number
        self.tables = make_tables((Family.INET, Family.ARP))
        self._netlink: socket.socket | None = None
        self._generation = 0
        self._signature: tuple[bytes, ...] = ()
        self._watched: dict[str, int] = {}
        """Interfaces whose outgoing frames the gate sees, each with its number; 0 if it is gone."""

    def begin(self, leftovers: Iterable[bytes]) -> None:
        """Remove what an earlier daemon has left, addresses first, and try out that tables can be.

        Raises:
            OSError: they cannot.
        """
        run_as_often_as_possible()
        for request in leftovers:
            self.take_away(request)
        self._netlink = nft.open_socket()
        every = (Family.INET, Family.ARP, Family.NETDEV)
        for families in (every, every[:2]):
            self.tables = self._make(families)
            try:
                nft.exchange(self._socket, nft.batch(self.tables.remove(), None))
                trial = nft.batch(self.tables.install((), ()), None, commits=False)
                nft.exchange(self._socket, trial)
            except NftError:
                if families is not every:
                    raise
                log.info("this kernel has no hook for outgoing frames: announcements check alone")
            else:
                return

    def install(
        self, held: Iterable[IPAddress], interfaces: Iterable[str], rungs: Sequence[Rung]
    ) -> Millis:
        """Make the tables anew, closed; return a moment when that had been done. Raises OSError."""
        made, names = self.tables.install(held, rungs), tuple(interfaces)
        for left in reversed(range(TRIES)):
            self._watched = {name: self._number(name) for name in names}
            messages = list(made)
            for name, index in self._watched.items():
                if index:  # older kernels refuse one that is gone
                    messages += self.tables.watch_egress(name)
            try:
                nft.exchange(self._socket, nft.batch(messages, None))
                break
            except NftError:
                is_same = all(self._number(name) == it for name, it in self._watched.items())
                if is_same or not left:  # else one has gone since it was looked up
                    raise
        done_ms = monotonic_ms()
        self._look()
        return done_ms

    def watch(self, interface: str) -> list[Message]:
        """Return what makes the gate see the frames that leave by one more interface."""
        self._watched[interface] = self._number(interface)
        return self.tables.watch_egress(interface)

    def change(self, messages: Sequence[Message], *, is_structure: bool = False) -> Millis:
        """Carry out a change, or only look if there is none; return a moment when it was done.

        `is_structure`: it changes more than what is armed and chosen.

        Raises:
            TamperedError: others have changed our tables.
            OSError: the kernel refuses.
        """
        self._see_interfaces()
        if not messages:
            self._compare()
            return monotonic_ms()
        for _ in range(TRIES):
            if self._carry_out(messages, self._generation):
                self._generation = self._generation % 0xFFFFFFFF + 1
                break
            self._compare()
        else:
            # Our tables were as we left them a moment ago. Whatever is done to them before this
            # is seen with the next word, which names a state that is over by then.
            self._carry_out(messages, None)
        done_ms = monotonic_ms()
        if is_structure:
            self._look()
        return done_ms

    def _see_interfaces(self) -> None:
        """Kernels before 6.16 drop an interface's chain with it, and number no new state: one that
        has come back under its name has none.
        """
        for interface, known in self._watched.items():
            if self._number(interface) not in (0, known):
                raise TamperedError(f"interface {interface} has come back")

    def _carry_out(self, messages: Sequence[Message], generation: int | None) -> bool:
        """Return whether it was done; not so if the ruleset is in another state than this."""
        try:
            nft.exchange(self._socket, nft.batch(messages, generation))
        except NftError as fault:
            if fault.errno == errno.ENOENT:
                raise TamperedError(OTHERS) from fault
            if fault.errno != errno.ERESTART or generation is None:
                raise
            return False
        return True

    def _compare(self) -> None:
        known, signature = self._generation, self._signature
        now = nft.generation(self._socket)
        if now != known:
            self._look()
            if self._signature != signature:
                raise TamperedError(OTHERS)

    def _look(self) -> None:
        """Take our tables as they are for what we made; a change in between is seen later.

        What is read while others change the ruleset may have gaps. It counts if nobody did, if it
        is what we knew, or if it was the same twice; failing all that it is taken as it is, and
        the tables are made anew with the next word.
        """
        known = {self._signature}
        for _ in range(TRIES):
            self._generation, self._signature = nft.generation(self._socket), self._dumped()
            if self._signature in known or nft.generation(self._socket) == self._generation:
                return
            known.add(self._signature)

    def _dumped(self) -> tuple[bytes, ...]:
        """Return everything of our tables but what changes with every renewal."""
        mine = nft.text(1, self.tables.name)
        volatile = mine + nft.text(2, OPEN)
        found: list[bytes] = []
        for family in self.tables.families:
            for kind in (Kind.GETTABLE, Kind.GETCHAIN, Kind.GETRULE):
                only = mine if kind is Kind.GETRULE else b""  # others may have thousands
                bodies = nft.ask(self._socket, Message(kind, family, only))
                found += [
                    body
                    for body in bodies
                    if body.startswith(mine)
                    and not (kind is Kind.GETRULE and body.startswith(volatile))
                ]
            for name in (HELD4, HELD6) if family is Family.INET else (HELD4,):
                question = Message(Kind.GETSETELEM, family, mine + nft.text(2, name))
                try:
                    found += nft.ask(self._socket, question)
                except NftError as fault:
                    if fault.errno != errno.ENOENT:
                        raise
        return tuple(found)

    def take_away(self, address: bytes) -> None:
        """Carry out the request that takes an address from its interface; one that is not there
        is no fault. Raises OSError.
        """
        fault = netlink.carry_out(address)
        if fault not in (0, *_NOT_THERE):
            raise OSError(fault, os.strerror(fault))

    def end(self, *, removes: bool) -> None:
        """Remove the tables or leave them there, closed by and by. Raises OSError."""
        try:
            if removes:
                nft.exchange(self._socket, nft.batch(self.tables.remove(), None))
        finally:
            if self._netlink is not None:
                self._netlink.close()

    @property
    def _socket(self) -> socket.socket:
        assert self._netlink is not None, "begin() comes first"
        return self._netlink


def _number(interface: str) -> int:
    try:
        return socket.if_nametoindex(interface)
    except OSError:
        return 0


def run_as_often_as_possible() -> None:
    """Ask for this thread what the daemon has: children of its scheduling class are ordinary."""
    try:
        os.sched_setscheduler(0, os.SCHED_RR | os.SCHED_RESET_ON_FORK, os.sched_param(1))
    except OSError as fault:
        log.info("no real-time priority for the gate (%s)", fault.strerror)
