"""What a standby keeps, so that it can go on where the holder ended.

Owns: the base of a server that does not deliver: its own view of a while ago,
with what the batches told since laid over it. Pure; time comes as a value.
"""

from collections import deque
from collections.abc import Mapping
from typing import Final

from cim_provider.indications import outbox
from cim_provider.indications.picture import Difference, Picture, laid_over
from cim_provider.indications.shelf import OUT, Item

AGE_S: Final = 10.0
"""What was seen for so long while the holder was well has been told."""
LOOK_S: Final = 1.0
"""Pictures are taken no more often."""
REMEMBERED_S: Final = 2 * AGE_S
"""A batch that has left the shelf still counts for so long."""


class Standby:
    """The pictures and batches that were seen lately."""

    def __init__(self) -> None:
        self._pictures: deque[tuple[float, Picture]] = deque()
        """With the well time at which they were taken, oldest first."""
        self._well_s = 0.0
        """For how long the cluster was seen with a holder that can write."""
        self._seen_s = float("-inf")
        """When a picture was taken last."""
        self._batches: dict[int, tuple[float, tuple[Difference, ...]]] = {}

    def is_due(self, now_s: float) -> bool:
        """Return whether a picture is to be taken."""
        return now_s - self._seen_s >= LOOK_S

    def see(self, picture: Picture, now_s: float, *, is_well: bool) -> None:
        """Take a picture; time without a holder that can write makes nothing old."""
        if self._pictures and self._pictures[-1][1].watched != picture.watched:
            self._pictures.clear()  # other classes are asked for: their base begins now
        if is_well:
            self._well_s += min(now_s - self._seen_s, 2 * LOOK_S)
        self._seen_s = now_s
        if self._pictures and self._pictures[-1][0] == self._well_s:
            return  # what happens now may be told by nobody: it is no base
        self._pictures.append((self._well_s, picture))
        while len(self._pictures) > 1 and self._well_s - self._pictures[1][0] >= AGE_S:
            self._pictures.popleft()

    def note(self, items: Mapping[str, Item], now_s: float) -> None:
        """Remember the batches that stand on the shelf."""
        for key, item in items.items():
            if key.startswith(OUT):
                number = outbox.number_of(key)
                if number not in self._batches:
                    self._batches[number] = (now_s, outbox.decode(key, item.text).changes)
        old = [n for n, (seen_s, _) in self._batches.items() if now_s - seen_s > REMEMBERED_S]
        for number in old:
            if outbox.key_of(number) not in items:
                del self._batches[number]

    def begin(self, picture: Picture) -> None:
        """Take a picture from the disk for the base."""
        self._pictures.append((float("-inf"), picture))

    def base(self) -> Picture | None:
        """Return the base; None if nothing was ever seen."""
        if not self._pictures:
            return None
        found = self._pictures[0][1]
        for number in sorted(self._batches):
            found = laid_over(found, self._batches[number][1])
        return found
