"""Open enumerations: answers that a client takes in parts.

Owns: the enumerations that are open, whose they are, and when they are given
up. What was found stays as it was found: an enumeration is of one moment. Its
context is drawn by the server, belongs to one user, and is good on every
connection. An enumeration that nobody asks about in time is forgotten, with all
that it holds, with the next request of anybody.
Source: DSP0200 1.4, sections 5.3.2.24.
"""

# pywbem has no annotations: its calls would be untyped.
# mypy: allow-untyped-calls

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

import pywbem

from cim_provider.mapping.catalog import Catalog, refuse
from cim_provider.mapping.reading import Finding, filtered, find, query_class
from cim_provider.mapping.turns import Turn
from cim_provider.mapping.world import World
from cim_provider.schema import INTEROP, INTEROP_NAMES, NamespaceSchema
from cim_provider.wbem import operations
from cim_provider.wbem.errors import Status
from cim_provider.wbem.operations import (
    CloseEnumeration,
    Count,
    CountEnumeration,
    Nothing,
    OpenEnumeration,
    Opening,
    Page,
    Pull,
    PullKind,
    PullOperation,
    Selection,
)

UNKNOWN: Final = "there is no such open enumeration: it has ended, or was not asked about in time"
"""Says the same of what is foreign, so that nobody learns which contexts there are."""


@dataclass(frozen=True, slots=True)
class PullLimits:
    """Bounds of open enumerations; times are seconds."""

    timeout_s: int = 60
    """Between two requests, where the client names no time."""
    timeout_s_max: int = 900
    per_user: int = 32
    """A console that walks a cluster has a few open at once."""
    total: int = 256
    objects_per_page: int = 1_000
    """A client that asks for more gets so many, and the rest with its next requests."""


@dataclass(slots=True)
class _Enumeration:
    """One that is open; `place` counts what was taken."""

    user: str
    namespace: str
    seen_from: str
    """The name of the namespace that the client uses; `namespace` is the first of its names."""
    kind: PullKind
    finding: Finding
    selection: Selection
    timeout_s: int
    deadline_s: float
    place: int = 0

    def see_from(self, namespace: NamespaceSchema) -> None:
        """Name what is left as the client does, who may use another name of the namespace."""
        if namespace.name == self.seen_from:
            return
        found = (
            replace(each, namespace=namespace) if each.namespace.name == self.seen_from else each
            for each in self.finding.found[self.place :]
        )
        self.finding = replace(self.finding, found=tuple(found))
        self.seen_from, self.place = namespace.name, 0

    @property
    def left(self) -> int:
        return len(self.finding.found) - self.place


class Pulls:
    """Opens, serves and ends enumerations.

    Args:
        clock: seconds of a clock that never goes back.
        draw: a new context each time, which nobody can guess.
        limits: the bounds.
    """

    def __init__(
        self,
        clock: Callable[[], float],
        draw: Callable[[], str],
        limits: PullLimits = PullLimits(),  # a frozen value
    ) -> None:
        self._clock = clock
        self._draw = draw
        self._limits = limits
        self._open: dict[str, _Enumeration] = {}
        self._next_s = 0.0
        """No enumeration ends by itself before; looked at with every request."""

    def __len__(self) -> int:
        """Return how many are open."""
        return len(self._open)

    def expire(self) -> None:
        """Forget those that nobody has asked about in time."""
        if not self._open:
            return
        now_s = self._clock()
        if now_s < self._next_s:
            return
        for context in [key for key, each in self._open.items() if each.deadline_s <= now_s]:
            del self._open[context]
        self._next_s = min((each.deadline_s for each in self._open.values()), default=0.0)

    async def perform(
        self, catalog: Catalog, asked: PullOperation, world: World, user: str, turn: Turn
    ) -> Page | Nothing | Count:
        """Carry out an operation of the family on behalf of a user.

        Raises CIMError: what the read itself raises, INVALID_ENUMERATION_CONTEXT,
        INVALID_OPERATION_TIMEOUT, SERVER_LIMITS_EXCEEDED.
        """
        self.expire()
        match asked:
            case OpenEnumeration():
                return await self._opened(catalog, asked, world, user, turn)
            case Pull(context=context, kind=kind, objects_max=objects_max):
                found = self._known(catalog, asked, user)
                if found.kind is not kind:
                    text = f"this enumeration is read by {found.kind.value}, not by {kind.value}"
                    refuse(Status.INVALID_ENUMERATION_CONTEXT, text)
                found.see_from(catalog.namespace(asked.namespace))
                return self._page(context, found, objects_max)
            case CloseEnumeration(context=context):
                self._known(catalog, asked, user)
                del self._open[context]
                return Nothing()
            case CountEnumeration():
                return Count(self._known(catalog, asked, user).left)

    async def _opened(
        self, catalog: Catalog, asked: OpenEnumeration, world: World, user: str, turn: Turn
    ) -> Page:
        catalog.namespace(asked.namespace)
        opening, read = asked.opening, asked.read
        timeout_s = self._timeout(opening)
        finding = await find(catalog, read, world, turn)
        if opening.filter_language is not None and opening.filter_query is not None:
            filter_ = (opening.filter_language, opening.filter_query)
            finding = await filtered(catalog, read, finding, filter_, turn)
        first = min(opening.objects_max, self._limits.objects_per_page)
        if not first or len(finding.found) > first:
            self._check_room(user)  # it stays open
        is_query = isinstance(read, operations.ExecQuery)
        kind = PullKind.INSTANCES if is_query else PullKind.INSTANCES_WITH_PATH
        selection = Selection()
        if finding.showing is None:
            kind = PullKind.PATHS
        else:
            selection = finding.showing.selection
        declared = None
        if asked.wants_class and isinstance(read, operations.ExecQuery):
            declared = query_class(catalog, read)
        enumeration = _Enumeration(
            user,
            self._namespace(catalog, asked),
            catalog.namespace(asked.namespace).name,
            kind,
            finding,
            selection,
            timeout_s,
            0.0,
        )
        context = self._draw()
        self._open[context] = enumeration
        return self._page(context, enumeration, opening.objects_max, declared)

    def _timeout(self, opening: Opening) -> int:
        # `continue_on_error` makes no difference: what was found at the start does not fail later.
        if (opening.filter_language is None) is not (opening.filter_query is None):
            text = "FilterQuery and FilterQueryLanguage are given both or neither"
            refuse(Status.INVALID_PARAMETER, text)
        if opening.timeout_s is None:
            return self._limits.timeout_s
        if not 0 < opening.timeout_s <= self._limits.timeout_s_max:
            text = f"OperationTimeout is {opening.timeout_s}"
            text += f", expected 1 to {self._limits.timeout_s_max} seconds"
            refuse(Status.INVALID_OPERATION_TIMEOUT, text)
        return opening.timeout_s

    def _check_room(self, user: str) -> None:
        of_user = sum(1 for each in self._open.values() if each.user == user)
        for count, bound, whose in (
            (of_user, self._limits.per_user, f"user {user} has"),
            (len(self._open), self._limits.total, "the clients of this server have"),
        ):
            if count >= bound:
                text = f"{whose} {count} enumerations open, at most {bound}: close some"
                refuse(Status.SERVER_LIMITS_EXCEEDED, text)

    def _known(
        self, catalog: Catalog, asked: Pull | CloseEnumeration | CountEnumeration, user: str
    ) -> _Enumeration:
        """Return the enumeration of a context, which lives on from now."""
        namespace = self._namespace(catalog, asked)
        found = self._open.get(asked.context)
        if found is None or found.user != user or found.namespace != namespace:
            refuse(Status.INVALID_ENUMERATION_CONTEXT, UNKNOWN)
        found.deadline_s = self._clock() + found.timeout_s
        return found

    def _namespace(self, catalog: Catalog, asked: PullOperation) -> str:
        name = catalog.namespace(asked.namespace).name
        return INTEROP if name in INTEROP_NAMES else name

    def _page(
        self,
        context: str,
        found: _Enumeration,
        objects_max: int,
        query_class: pywbem.CIMClass | None = None,
    ) -> Page:
        start = found.place
        found.place += min(objects_max, self._limits.objects_per_page, found.left)
        found.deadline_s = self._clock() + found.timeout_s
        self._next_s = min(self._next_s, found.deadline_s)
        # Where no object was asked for, the first pull shall bring the first ones, or none.
        is_end = objects_max > 0 and not found.left
        if is_end:
            del self._open[context]
        part = found.finding.part(start, found.place)
        return Page(found.kind, part, found.selection, "" if is_end else context, query_class)
