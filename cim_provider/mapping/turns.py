"""How long work lets others have their turn.

Owns: the port by which a read of thousands of objects hands over now and then,
so that one slow request holds up no other. Knows nothing of clocks and tasks:
whoever runs the work brings a `Turn`.
"""

from collections.abc import Awaitable, Callable, Iterable
from typing import Final, TypeAlias, TypeVar

Turn: TypeAlias = Callable[[], Awaitable[None]]
"""Hands over if this turn has been long enough."""
EVERY: Final = 16
"""So many objects are found between two looks; each takes some ten microseconds."""

T = TypeVar("T")


async def no_turn() -> None:
    """Go on: nobody else is there."""


async def gathered(
    items: Iterable[T | None], turn: Turn, wanted: Callable[[T], bool] | None = None
) -> list[T]:
    """Return the items, those that are wanted; None among them only marks a good moment."""
    found: list[T] = []
    for count, item in enumerate(items):
        if item is not None and (wanted is None or wanted(item)):
            found.append(item)
        if item is None or count % EVERY == 0:
            await turn()
    return found
