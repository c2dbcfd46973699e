"""How tasks of the event loop are ended by whoever has begun them."""

import asyncio
from collections.abc import Coroutine


async def end_tasks(*tasks: "asyncio.Task[object] | None") -> None:
    """Cancel tasks and wait until they are over; what came of them is nobody's any more."""
    given = [task for task in tasks if task is not None]
    for task in given:
        task.cancel()
    await asyncio.gather(*given, return_exceptions=True)


async def to_its_end(deed: Coroutine[object, object, object]) -> None:
    """Await what must be done whoever cancels the caller meanwhile; after it, be cancelled."""
    task = asyncio.ensure_future(deed)
    is_cancelled = False
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError:
            is_cancelled = True
    if is_cancelled:
        raise asyncio.CancelledError
    task.result()
