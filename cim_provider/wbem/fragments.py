"""Instances as text that was written before: what has not changed is not written again.

Owns: the fragments that are kept, by everything that they were written from, so
that none can be out of date; within a bound, oldest use first. Knows nothing of
where values come from.
"""

from abc import abstractmethod
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator, Sequence
from typing import Final

import pywbem

BYTES_MAX: Final = 8 * 1024 * 1024
FRAMES_MAX: Final = 256


class KeyedInstances(Sequence[pywbem.CIMInstance]):
    """Instances that are made when they are asked for, each with a key of all that is in it."""

    @property
    @abstractmethod
    def frame(self) -> Hashable:
        """Return what all of them have in common: which properties are shown."""
        ...

    @abstractmethod
    def keyed(self) -> Iterator[tuple[Hashable, Callable[[], pywbem.CIMInstance]]]:
        """Yield the key of each, and how it is made; equal keys make equal instances.

        The key of what cannot be compared is None.
        """
        ...


class Fragments:
    """Keeps the texts of instances."""

    def __init__(self, bytes_max: int = BYTES_MAX) -> None:
        self._bytes_max = bytes_max
        self._size = 0
        self._frames: dict[Hashable, int] = {}
        self._count = 0
        self._kept: OrderedDict[tuple[int, Hashable], bytes] = OrderedDict()

    def written(
        self,
        frame: Hashable,
        items: Sequence[pywbem.CIMInstance],
        write: Callable[[pywbem.CIMInstance], str],
    ) -> Iterator[bytes]:
        """Yield the text of each instance; `frame` is what `write` puts around all of them."""
        if not isinstance(items, KeyedInstances):
            for item in items:
                yield write(item).encode()
            return
        number = self._number((frame, items.frame))
        for key, make in items.keyed():
            place = (number, key)
            text = None if key is None else self._kept.get(place)
            if text is None:
                text = write(make()).encode()
                if key is not None:
                    self._keep(place, text)
            else:
                self._kept.move_to_end(place)
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

    def _keep(self, place: tuple[int, Hashable], text: bytes) -> None:
        if place in self._kept:
            return  # written by two answers that took turns
        self._kept[place] = text
        self._size += len(text)
        while self._size > self._bytes_max:
            self._size -= len(self._kept.popitem(last=False)[1])
