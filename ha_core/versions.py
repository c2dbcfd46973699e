"""Which versions of the protocol between nodes this software speaks.

Owns: that value alone, for those who tell of it and send nothing.
"""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Versions:
    """Protocol versions that a node speaks; it writes frames that `oldest` can read."""

    oldest: int
    newest: int

    def __str__(self) -> str:
        return f"{self.oldest} to {self.newest}"


SPOKEN: Final = Versions(1, 1)
