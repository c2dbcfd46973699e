"""How long the way to other nodes and back is, over each link: of what is answered at once.

Owns: these measurements. A question goes over every link at the same time; over which link its
answer comes is what is measured, so a link's number is that of the way back over it. Nothing
depends on them. Pure: times come as arguments.
"""

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from ha_core.ids import LinkName, Millis, NodeName
from ha_core.messages import Beat, BeatReply, LeaseGrant, LeaseRequest, Message

KEPT: Final = 64
"""Newest questions whose answers are waited for."""
AGE_US_MAX: Final = 60_000_000
"""What is older tells nothing of the link any more."""
SMOOTHED: Final = 8
"""A new time counts one part of so many. Source: RFC 6298, 2.3."""
_Question = tuple[NodeName, bool, Millis]
"""To whom, whether it was a coordinator's beat, and when by our clock."""


@dataclass(slots=True)
class _Asked:
    at_us: int
    answered: set[LinkName] = field(default_factory=set)
    """Links over which the answer has come: what comes there later is another answer."""


class RoundTrips:
    """Times of one node's questions and answers."""

    def __init__(self) -> None:
        self._asked: OrderedDict[_Question, _Asked] = OrderedDict()
        self._known: dict[tuple[LinkName, NodeName], tuple[float, int]] = {}
        """The smoothed time of each link to each peer, and when it was measured last."""

    def sent(self, peer: NodeName, message: Message, now_us: int) -> None:
        """Note a message that goes out; what nobody answers at once does not count."""
        if isinstance(message, Beat | LeaseRequest):
            is_beat = isinstance(message, Beat)
            self._asked[peer, is_beat, message.sent_ms] = _Asked(now_us)
            if len(self._asked) > KEPT:
                self._asked.popitem(last=False)

    def came(
        self, peer: NodeName, link: LinkName, messages: Iterable[Message], now_us: int
    ) -> None:
        """Note what has come over a link, whether it is the first copy or not."""
        for message in messages:
            match message:
                case BeatReply(echo_ms=sent_ms) | LeaseGrant(request_ms=sent_ms):
                    asked = self._asked.get((peer, isinstance(message, BeatReply), sent_ms))
                case _:
                    continue
            if asked is not None and link not in asked.answered:
                asked.answered.add(link)
                self._measured(link, peer, now_us - asked.at_us, now_us)

    def _measured(self, link: LinkName, peer: NodeName, took_us: int, now_us: int) -> None:
        known = self._known.get((link, peer))
        old_us = took_us if known is None else known[0]
        self._known[link, peer] = (old_us + (took_us - old_us) / SMOOTHED, now_us)

    def longest_us(self, link: LinkName, now_us: int) -> int:
        """Return the time to the farthest peer over a link; -1: none was measured of late."""
        times = [
            took_us
            for (name, _), (took_us, at_us) in self._known.items()
            if name == link and now_us - at_us < AGE_US_MAX
        ]
        return round(max(times, default=-1))
