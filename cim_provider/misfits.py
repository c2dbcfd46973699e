"""Values that do not fit the declared type of their property: each kind is logged once.

Owns: that memory, which is the process's. Knows nothing of CIM.
"""

import logging
from functools import lru_cache
from typing import Final

MISFITS_MAX: Final = 1000
"""So many kinds are remembered."""

log = logging.getLogger(__name__)


@lru_cache(MISFITS_MAX)
def told_once(class_name: str, name: str, fault: str) -> None:
    """Log that a property is shown as NULL, and why."""
    log.error("%s.%s is shown as NULL, as its value does not fit: %s", class_name, name, fault)
