"""Which faults are told of and not over: one alert per fault and level, and what clears it.

Owns: the table of open faults, its text on the shelf, and what becomes of an alert by it. Pure.
Source: CIM Schema 2.41 (Final), CIM_Indication.CorrelatedIndications,
CIM_AlertIndication.EventID.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final

import msgspec

OPEN_MAX: Final = 1000
"""Faults that are remembered; the one that was raised longest ago is forgotten first."""
IDENTIFIERS_MAX: Final = 8
CLEARED: Final = 59
"""Value of ProbableCause: an earlier alert is over."""


@dataclass(frozen=True, slots=True)
class Fault:
    """What an alert has to do with a fault; `id` is its EventID."""

    id: str
    clears: bool = False
    by: str = ""
    """Who says so: it is over when nobody says so any more."""
    again: bool = False
    """Told even if it was told already: it has happened once more."""
    needs_raise: bool = False
    """A clear that is not told if nothing was raised."""


@dataclass(frozen=True, slots=True)
class Open:
    """A fault that was told and is not over."""

    message: str
    """Message of its newest alert."""
    identifiers: tuple[str, ...] = ()
    """IndicationIdentifier of each of its alerts."""
    by: tuple[str, ...] = ()
    incident: str = ""
    """CorrelationId of its first alert that had one; its clear bears the same."""


Faults = Mapping[str, Open]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What becomes of an alert: whether it is told, what it goes with, and the table after."""

    is_told: bool
    faults: Faults
    correlated: tuple[str, ...] = ()
    incident: str = ""
    """Of what is cleared."""


def judge(
    faults: Faults, fault: Fault, message: str, identifier: str, incident: str = ""
) -> Verdict:
    """Return what becomes of the alert `identifier` that says `message` of a fault."""
    known = faults.get(fault.id)
    if fault.clears:
        return _cleared(faults, fault, known)
    by = (fault.by,) if fault.by else ()
    if known is not None and known.message == message and not fault.again:
        both = tuple(dict.fromkeys((*known.by, *by)))
        if both == known.by:
            return Verdict(False, faults)
        return Verdict(False, {**faults, fault.id: replace(known, by=both)})
    earlier = known.identifiers if known is not None else ()
    begun = known.incident if known is not None and not fault.again else ""
    opened = Open(message, (*earlier, identifier)[-IDENTIFIERS_MAX:], by, begun or incident)
    rest = {name: each for name, each in faults.items() if name != fault.id}
    while len(rest) >= OPEN_MAX:
        del rest[next(iter(rest))]
    return Verdict(True, {**rest, fault.id: opened}, earlier if fault.again else ())


def _cleared(faults: Faults, fault: Fault, known: Open | None) -> Verdict:
    if known is None:
        return Verdict(not fault.needs_raise, faults)
    left = tuple(each for each in known.by if each != fault.by) if fault.by else ()
    if left:
        return Verdict(False, {**faults, fault.id: replace(known, by=left)})
    rest = {name: each for name, each in faults.items() if name != fault.id}
    return Verdict(True, rest, known.identifiers, known.incident)


def closed(faults: Faults, names: Iterable[str]) -> Faults:
    """Return the table without faults that are over in silence."""
    gone = set(names) & set(faults)
    return {name: each for name, each in faults.items() if name not in gone} if gone else faults


def without_witness(faults: Faults, node: str) -> Faults:
    """Return the table after the loss of a node: of what others say as well, it says nothing."""
    return {
        name: replace(each, by=tuple(b for b in each.by if b != node))
        if node in each.by and len(each.by) > 1
        else each
        for name, each in faults.items()
    }


_decoder: "msgspec.json.Decoder[dict[str, Open]]" = msgspec.json.Decoder(dict[str, Open])


def encode(faults: Faults) -> str:
    """Return the text under which the table stands on the shelf."""
    return msgspec.json.encode(dict(faults)).decode()


def decode(text: str) -> Faults:
    """Return the table of a text. Raises msgspec.DecodeError."""
    return _decoder.decode(text)
