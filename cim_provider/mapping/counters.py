"""How often each operation was carried out, how long it took and how large it was.

Owns: the counters, and whether they count (CIM_ObjectManager's
GatherStatisticalData). Pure: times come as arguments, from whoever answers.
Requests that are answered from memory count like all others.
Source: DMTF CIM Schema 2.41 (Final), CIM_CIMOMStatisticalData.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from cim_provider.wbem.operations import PULL_OPERATIONS

NAME: Final = "statistics"
GATHER: Final = "GatherStatisticalData"
OTHER: Final = 1
BATCHED: Final = 2
BATCH_NAME: Final = "Batched"
METHOD_NAME: Final = "InvokeMethod"
UNKNOWN_NAME: Final = "UnknownOperation"
"""Counts the operations that the server does not know, whatever their names are."""
COUNTER_END: Final = 2**64
"""A counter goes on at 0 after its type's largest number."""
_LISTED: Final = (
    BATCH_NAME,
    "GetClass",
    "GetInstance",
    "DeleteClass",
    "DeleteInstance",
    "CreateClass",
    "CreateInstance",
    "ModifyClass",
    "ModifyInstance",
    "EnumerateClasses",
    "EnumerateClassNames",
    "EnumerateInstances",
    "EnumerateInstanceNames",
    "ExecQuery",
    "Associators",
    "AssociatorNames",
    "References",
    "ReferenceNames",
    "GetProperty",
    "SetProperty",
    "GetQualifier",
    "SetQualifier",
    "DeleteQualifier",
    "EnumerateQualifiers",
)
_UNLISTED: Final = (
    METHOD_NAME,
    *PULL_OPERATIONS,
    UNKNOWN_NAME,
)
TYPES: Final[Mapping[str, int]] = {
    **{name: number for number, name in enumerate(_LISTED, BATCHED)},
    **dict.fromkeys(_UNLISTED, OTHER),
}
"""The value of OperationType by the operation's name."""
_BY_LOWER: Final = {name.lower(): name for name in TYPES}


@dataclass(slots=True)
class Counts:
    """The counters of one operation; times are microseconds, sizes bytes of bodies."""

    name: str
    started_ms: int
    count: int = 0
    total_us: int = 0
    provider_us: int = 0
    request_bytes: int = 0
    response_bytes: int = 0
    last_ms: int = 0


class Statistics:
    """Counts operations; a `Holder` of itself, whose counters are of this moment."""

    def __init__(self, now_ms: int = 0, *, is_gathering: bool = True) -> None:
        self._counts = {name: Counts(name, now_ms) for name in TYPES}
        self._is_gathering = is_gathering
        self._changes = 0

    @property
    def name(self) -> str:
        """See `Holder`."""
        return NAME

    @property
    def version(self) -> str:
        """See `Holder`: counters are volatile, whether they count is not."""
        return str(self._changes)

    def held(self) -> object:
        """See `Holder`."""
        return self

    @property
    def is_gathering(self) -> bool:
        """Whether operations are counted."""
        return self._is_gathering

    def gather(self, wanted: bool, now_ms: int) -> None:
        """Count from now on, or do not; beginning again clears what was counted before."""
        if wanted == self._is_gathering:
            return
        if wanted:
            self._counts = {name: Counts(name, now_ms) for name in TYPES}
        self._is_gathering = wanted
        self._changes += 1

    def count(
        self,
        name: str,
        now_ms: int,
        *,
        total_us: int,
        request_bytes: int = 0,
        response_bytes: int = 0,
    ) -> None:
        """Count one operation by its name, in any case; `now_ms` is wall time since 1970."""
        if not self._is_gathering:
            return
        found = self._of(name)
        found.count = (found.count + 1) % COUNTER_END
        found.total_us += total_us
        found.request_bytes = (found.request_bytes + request_bytes) % COUNTER_END
        found.response_bytes = (found.response_bytes + response_bytes) % COUNTER_END
        found.last_ms = now_ms

    def provided(self, name: str, provider_us: int) -> None:
        """Count how long what is behind the server took; it is within the operation's time."""
        if self._is_gathering:
            self._of(name).provider_us += provider_us

    def _of(self, name: str) -> Counts:
        found = self._counts.get(name)
        return self._counts[_BY_LOWER.get(name.lower(), UNKNOWN_NAME)] if found is None else found

    def all(self) -> tuple[Counts, ...]:
        """Return the counters of all operations, in the order of the table."""
        return tuple(self._counts.values())

    def find(self, name: str) -> Counts | None:
        """Return the counters of one operation."""
        return self._counts.get(name)
