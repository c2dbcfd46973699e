"""When the interpreter looks for what nothing refers to any more.

Owns: that it waits while the node decides. A look at everything takes longer the larger the cluster
is: within a plan it would add its whole time to a takeover, after one nobody waits for it.
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def collector_waits() -> Iterator[None]:
    """Put off looks at everything until the end of the block."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
