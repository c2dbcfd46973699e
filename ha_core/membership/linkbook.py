"""Which changes of links are worth an event: gathered, dampened, one sentence for each link.

Owns: what was told of each link, and when more may be told. A switch that dies
is one event and not one for each peer; a peer that dies is none, the cluster
tells that; a link that flaps makes two a minute.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from ha_core.ids import LinkName, Millis, NodeName

QUIET_MS: Final = 60_000
"""When a link that was down is told to be up again, its next event comes so much later at the
earliest; so a link that flaps makes two events a minute.
"""

States = Mapping[tuple[NodeName, LinkName], bool]
"""Whether each path is up."""


@dataclass(frozen=True, slots=True)
class LinkTold:
    """An event for the journal about a link of this node."""

    kind: str
    link: LinkName
    text: str


@dataclass(slots=True)
class _Page:
    """What is known of one link."""

    changes: int = 0
    """Since the last event."""
    dirty_ms: Millis | None = None
    """Since when there may be something to tell."""
    quiet_until_ms: Millis = 0
    told: frozenset[NodeName] = frozenset()
    """The peers of which the last event said that they are not heard over it."""
    told_ms: Millis = 0


class LinkBook:
    """The links of one node."""

    def __init__(self, settle_ms: Millis) -> None:
        self.settle_ms = settle_ms
        """How long changes are gathered: those of one cause do not come in one millisecond."""
        self._pages: dict[LinkName, _Page] = {}

    def changed(self, link: LinkName, states: States, now_ms: Millis) -> None:
        """Note that a path over this link has changed; what is true of the others may have, too."""
        self._pages.setdefault(link, _Page()).changes += 1
        for name in {name for _, name in states}:
            page = self._pages.setdefault(name, _Page())
            page.dirty_ms = now_ms if page.dirty_ms is None else page.dirty_ms

    def is_due(self, now_ms: Millis) -> bool:
        """Return whether there may be something to tell."""
        due_ms = self.deadline_ms()
        return due_ms is not None and now_ms >= due_ms

    def due(self, states: States, now_ms: Millis) -> list[LinkTold]:
        """Return what is to be told now, by link."""
        told: list[LinkTold] = []
        links = {link for _, link in states}
        self._pages = {link: page for link, page in self._pages.items() if link in links}
        for link, page in sorted(self._pages.items()):
            due_ms = self._due_ms(page)
            if due_ms is None or now_ms < due_ms:
                continue
            page.dirty_ms = None
            page.told = frozenset(peer for peer in page.told if (peer, link) in states)
            told += self._tell(link, page, _deaf(link, page.told, states), now_ms)
        return told

    def deadline_ms(self) -> Millis | None:
        """Return when something may be due."""
        times = [self._due_ms(page) for page in self._pages.values() if page.dirty_ms is not None]
        return min([at for at in times if at is not None], default=None) if times else None

    def _due_ms(self, page: _Page) -> Millis | None:
        if page.dirty_ms is None:
            return None
        return max(page.dirty_ms + self.settle_ms, page.quiet_until_ms)

    def _tell(
        self, link: LinkName, page: _Page, deaf: frozenset[NodeName], now_ms: Millis
    ) -> Iterable[LinkTold]:
        before, changes = page.told, page.changes
        often = f" (it has changed {changes} times since the last event)" if changes > 2 else ""
        page.changes = 0
        if deaf == before and not often:
            return
        since_s = (now_ms - page.told_ms) // 1000
        page.told, page.told_ms = deaf, now_ms
        page.quiet_until_ms = now_ms + (0 if deaf and not before else QUIET_MS)
        if deaf:
            names = ", ".join(sorted(deaf))
            text = f"nothing is heard from {names} over link {link}; other links carry on{often}"
            yield LinkTold("link-down", link, text)
        elif before:
            names = ", ".join(sorted(before))
            text = f"{names} is heard over link {link} again, after {since_s} s{often}"
            yield LinkTold("link-up", link, text)
        else:
            yield LinkTold("link-up", link, f"link {link} works, but not steadily{often}")


def _deaf(link: LinkName, told: frozenset[NodeName], states: States) -> frozenset[NodeName]:
    """Return the peers that are heard, but not over this link.

    Of a peer that is not heard at all nothing new is known.
    """
    heard = {peer for (peer, _), up in states.items() if up}
    down = {peer for (peer, name), up in states.items() if name == link and not up}
    return frozenset(peer for peer in down if peer in heard or peer in told)
