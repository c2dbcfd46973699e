"""Instances as text that was written before: what has not changed is not written again.

Owns: the fragments that are kept, each with everything that it was written from,
so that none can be out of date; within a bound, oldest use first. Of one
instance, the last text is kept alone. Knows nothing of where values come from.
"""

from abc import abstractmethod
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import pywbem

from cim_provider.wbem.render_plain import Plain

BYTES_MAX: Final = 8 * 1024 * 1024
OVERHEAD_BYTES: Final = 1024
"""What is kept beside each text, about: names and values."""
FRAMES_MAX: Final = 256


@dataclass(frozen=True, slots=True)
class Keyed:
    """An instance that is not made yet."""

    identity: Hashable
    """Tells it apart from all others."""
    content: Hashable
    """All that its text depends on but its identity; None if that cannot be compared."""
    make: Callable[[], pywbem.CIMInstance]
    plain: Plain | None = None
    """The same as plain values, where it has no others."""


class KeyedInstances(Sequence[pywbem.CIMInstance]):
    """Instances that are made when they are asked for."""

    @property
    @abstractmethod
    def frame(self) -> Hashable:
        """Return what all of them have in common: which properties are shown."""
        ...

    @abstractmethod
    def keyed(self) -> Iterator[Keyed]:
        """Yield each of them, before it is made."""
        ...


class Fragments:
    """Keeps the texts of instances."""

    def __init__(self, bytes_max: int = BYTES_MAX) -> None:
        self._bytes_max = bytes_max
        self._size = 0
        self._frames: dict[Hashable, int] = {}
        self._count = 0
        self._kept: OrderedDict[tuple[int, Hashable], tuple[Hashable, bytes]] = OrderedDict()

    def written(
        self,
        frame: Hashable,
        items: Sequence[pywbem.CIMInstance],
        write: Callable[[pywbem.CIMInstance], str],
        write_plain: Callable[[Plain], str] | None = None,
    ) -> Iterator[bytes]:
        """Yield the text of each instance; `frame` is what `write` puts around all of them.

        `write_plain` writes the same of plain values.
        """
        if not isinstance(items, KeyedInstances):
            for item in items:
                yield write(item).encode()
            return
        number = self._number((frame, items.frame))
        for each in items.keyed():
            if each.content is None:
                yield write(each.make()).encode()
                continue
            place = (number, each.identity)
            known = self._kept.get(place)
            if known is not None and known[0] == each.content:
                self._kept.move_to_end(place)
                yield known[1]
            else:
                if write_plain is not None and each.plain is not None:
                    text = write_plain(each.plain).encode()
                else:
                    text = write(each.make()).encode()
                self._keep(place, each.content, text)
                yield text

    def _number(self, frame: Hashable) -> int:
        """Return a number for a frame: it is compared once and not with every instance."""
        number = self._frames.get(frame)
        if number is None:
            if len(self._frames) >= FRAMES_MAX:
                self._frames.clear()
            self._count += 1
            number = self._frames[frame] = self._count
        return number

    def _keep(self, place: tuple[int, Hashable], content: Hashable, text: bytes) -> None:
        former = self._kept.pop(place, None)
        if former is not None:
            self._size -= len(former[1]) + OVERHEAD_BYTES
        self._kept[place] = (content, text)
        self._size += len(text) + OVERHEAD_BYTES
        while self._size > self._bytes_max:
            self._size -= len(self._kept.popitem(last=False)[1][1]) + OVERHEAD_BYTES
