"""Values that are made again only when what they are made from has changed.

Owns: `Memo`. A view of a large cluster differs from the one before in a few values; all others are
the very same objects, so that whoever looks at a view next sees at once what has changed. Pure.
"""

from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

V = TypeVar("V")


class Memo(Generic[V]):
    """Values of one kind by key; bounded by what one round asks for.

    `made` counts the values that were made, ever.
    """

    def __init__(self) -> None:
        self.made = 0
        self._known: dict[Hashable, tuple[tuple[object, ...], V]] = {}
        self._asked: dict[Hashable, tuple[tuple[object, ...], V]] = {}

    def __len__(self) -> int:
        """Return how many values are kept."""
        return len(self._known | self._asked)

    def get(self, key: Hashable, inputs: tuple[object, ...], make: Callable[[], V]) -> V:
        """Return the value of a key; `make` makes it, from these inputs and nothing else.

        A value that is made anew and equals the one before is the one before.
        """
        known = self._known.get(key)
        if known is None:
            self.made += 1
            self._asked[key] = (inputs, value := make())
            return value
        value = known[1]
        # What is the very same is equal without a look into it.
        if known[0] != inputs:
            self.made += 1
            fresh = make()
            value = value if fresh == value else fresh
        self._asked[key] = (inputs, value)
        return value

    def end(self) -> None:
        """End a round: what was not asked for in it is forgotten."""
        self._known, self._asked = self._asked, {}


def kept(before: V, after: V) -> V:
    """Return the older of two equal values, else the newer."""
    return before if before == after else after
