"""How tasks of the event loop are ended by whoever has begun them."""

import asyncio


async def end_tasks(*tasks: "asyncio.Task[object] | None") -> None:
    """Cancel tasks and wait until they are over; what came of them is nobody's any more."""
    given = [task for task in tasks if task is not None]
    for task in given:
        task.cancel()
    await asyncio.gather(*given, return_exceptions=True)
