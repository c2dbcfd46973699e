"""A machine that has other work to do."""

import multiprocessing
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def loaded(processes: int) -> Iterator[None]:
    """Keep that many processors busy."""
    burners = [multiprocessing.Process(target=_burn, daemon=True) for _ in range(processes)]
    for burner in burners:
        burner.start()
    try:
        yield
    finally:
        for burner in burners:
            burner.kill()
            burner.join()


def _burn() -> None:
    while True:
        pass
