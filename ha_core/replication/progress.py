"""The leader's knowledge of one follower: what it holds and what was last sent."""

from dataclasses import dataclass

from ha_core.ids import Generation, Index, Millis


@dataclass(slots=True)
class Progress:
    """`match`: highest index known to agree; `next`: first index to send; times are ours."""

    next: Index
    match: Index = 0
    sent_ms: Millis = -1
    start: Generation = 0
    """Newest start of the follower that has answered in this term."""
    acked_ms: Millis = 0
    """Sending time of the newest beat that it answered in this term."""
    disk: Generation = 0
    """The disk of which all of this is true: the newest one that was heard of in this term."""

    def is_of(self, disk: Generation) -> bool:
        """Return whether that disk is the newest one; of a new one nothing is known yet."""
        if disk > self.disk:
            self.disk, self.match, self.acked_ms = disk, 0, 0
        return disk == self.disk

    def succeeded(self, match: Index) -> None:
        """Note that the follower agrees up to `match`."""
        self.match = max(self.match, match)
        self.next = max(self.next, self.match + 1)

    def rejected(self, hint: Index) -> None:
        """Go back to where the follower says that it may agree.

        Below what it held, too: a follower that lost its disk would otherwise be sent the same
        entries, and refuse them, for ever. A late refusal costs no more than a repetition.
        """
        self.match = min(self.match, max(hint, 0))
        self.next = max(min(hint + 1, self.next - 1), 1)
