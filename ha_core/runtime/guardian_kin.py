"""Which processes under the guardian belong to which resource, and what outlived its kill.

Owns: a list of all descendants, renewed while those that began them live. A process that left its
group and forgot its marks is known by its parent, and stays known when that dies and passes it to
the guardian. One that nobody saw in between may belong to each resource that is held. The list
stands on the shared page, too, so that it outlives the guardian.
Part of the guardian, hence: the standard library's smallest parts alone, and no disk.
"""

import os
from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from ha_core.runtime import guardian_os as kernel
from ha_core.runtime.guardian_deputy import Page
from ha_core.runtime.guardian_process import Process

LOOK_MS: Final = 100
SHARE: Final = 50
"""A look costs at most one part in so many of this processor's time."""
MARGIN_MS: Final = 10
"""No look begins so shortly before the lease's end: the kill comes first."""
LEFT: Final = "something of it could not be killed"
_ANY: Final = ""
"""Stands for each resource: nobody knows whose it is."""


class _Met(NamedTuple):
    """A process as it was met; its number may be another's by now, its beginning not."""

    began: int
    owners: frozenset[str]
    has_ended: bool
    had_ended: bool
    """It had before this look began: it passes no child on any more."""


class Kin:
    """The descendants of this process, and what could not be killed of them."""

    def __init__(self, page: Page) -> None:
        self._page = page
        self._met: dict[int, _Met] = {}
        self._left: dict[str, dict[int, int]] = {}
        self._next_ms = 0
        self._cost_ms = 0

    def maybe_look(self, processes: Iterable[Process], but: int, before_ms: int) -> None:
        """Look if it is time, and if that is done before a moment (0: whenever)."""
        now_ms = kernel.now_ms()
        ends_ms = now_ms + 2 * self._cost_ms + MARGIN_MS
        if now_ms >= self._next_ms and (not before_ms or ends_ms < before_ms):
            self.look(processes, but)

    def look(self, processes: Iterable[Process], but: int) -> None:
        """Look who is there, and whose; `but` is nobody's."""
        began_ms = kernel.now_ms()
        known, self._met = self._met, {}
        held = list(processes)
        leaders = {item.pid: item.resource for item in held if item.status is None}
        for pid, above in kernel.descendants(os.getpid()).items():
            began, has_ended = kernel.state_of(pid)
            if not began or pid == but:
                continue
            was = known.get(pid)
            had_ended = was is not None and was.began == began and was.has_ended
            parent = self._met.get(above) or known.get(above)
            if pid in leaders:
                owners = frozenset((leaders[pid],))
            elif was is not None and was.began == began:
                owners = was.owners
            else:
                owners = parent.owners if parent else _guess(pid, held)
            self._met[pid] = _Met(began, owners, has_ended, had_ended)
        for pid in known.keys() - self._met.keys():
            # A walk meets in neither place who passes from a dying parent to this process.
            began, has_ended = kernel.state_of(pid)
            if began == known[pid].began:
                self._met[pid] = known[pid]._replace(has_ended=has_ended)
        self._page.note_kin((pid, met.began) for pid, met in self._met.items())
        now_ms = kernel.now_ms()
        self._cost_ms = now_ms - began_ms
        self._next_ms = now_ms + max(LOOK_MS, SHARE * self._cost_ms)

    def end(self, resource: str) -> bool:
        """Kill what belongs to a resource; return whether the last look met any of it that can
        have left children.
        """
        mine = self._of(resource)
        for pid, began in mine.items():
            kernel.kill_begun(pid, began)
        return bool(mine)

    def keep(self, resource: str) -> None:
        """Keep in mind what still runs of a resource though it was killed."""
        self._left[resource] = self._of(resource)

    def is_left(self, resource: str) -> bool:
        """Return whether something of a resource that was killed runs on."""
        for name in (resource, _ANY):
            left = self._left.pop(name, {})
            left = {pid: it for pid, it in left.items() if kernel.state_of(pid) == (it, False)}
            if left:
                self._left[name] = left
                return True
        return False

    def sweep(self, scope: str) -> None:
        """Kill what an earlier guardian has left, and keep in mind what outlives that."""
        known = self._page.kin()
        kernel.kill_known(known)
        marked = kernel.sweep(scope)
        for pid in {*marked, *known}:
            began, has_ended = kernel.state_of(pid)
            if not has_ended and (known.get(pid) == began or pid in marked):
                name = kernel.marker(pid, kernel.RESOURCE_VARIABLE) or _ANY
                self._left.setdefault(name, {})[pid] = began

    def _of(self, resource: str) -> dict[int, int]:
        return {
            pid: met.began
            for pid, met in self._met.items()
            if resource in met.owners and not met.had_ended
        }


def _guess(pid: int, held: Iterable[Process]) -> frozenset[str]:
    """Return whose a process may be that nobody saw begin."""
    resources: Mapping[str, int] = {item.resource: item.pid for item in held}
    mark = kernel.marker(pid, kernel.RESOURCE_VARIABLE)
    if mark in resources:
        return frozenset((mark,))
    ours = [name for name, leader in resources.items() if kernel.is_of_group(pid, leader)]
    return frozenset(ours or resources)
