"""What this node has seen of itself, and what other nodes have told it of themselves.

Owns: `Diary`: the last result of each operation and the standing of each link, with the number of
each change. Nothing depends on it: no decision, no lease. Pure, and bounded.
"""

from collections.abc import Iterable
from dataclasses import replace
from typing import Final, TypeAlias

from ha_core.config.secrets import HIDDEN, is_secret
from ha_core.effects import RunOperation
from ha_core.events import LEASE_RAN_OUT, OperationDone
from ha_core.ids import Millis, NodeName
from ha_core.observed import Item, LinkStanding, OperationResult
from ha_core.snapshot import LinkSummary

ITEMS_MAX: Final = 50_000
"""Of all nodes together; the one that was told longest ago goes first."""
REFRESH_MS: Final[Millis] = 60_000
"""A recurring operation that goes as it went is told again so often: with all others at once."""
LINES: Final = 20
LINE_CHARACTERS: Final = 200
FLAPS: Final = 4
"""A link that has come or gone so often within …"""
FLAPPING_MS: Final[Millis] = 60_000
"""… so long is no steady one."""
_LOSS_STEP: Final = 10
"""Loss is told in whole percents: it changes with every heartbeat."""
_RUNS: Final = (0, 8, 190, 191)
"""Exit codes of what runs. Source: OCF resource agent API 1.1, "Return codes"."""
_PROBED: Final = (*_RUNS, 7)
"""Exit codes of a look at what may run or not."""
_Key: TypeAlias = tuple[str, ...]


class Diary:
    """Items of this node and of others; each change has a number of this diary."""

    def __init__(self, own: NodeName) -> None:
        self.number = 0
        """Of the newest change."""
        self.own_number = 0
        """Of the newest change of this node's own items."""
        self._own = own
        self._items: dict[_Key, tuple[int, Item]] = {}
        """In the order of their numbers."""
        self._begun: dict[int, RunOperation] = {}
        self._fresh: dict[_Key, OperationResult] = {}
        """Results that are as they were, but newer."""
        self._refreshed_ms: Millis = 0

    def since(
        self, number: int, most: int, node: NodeName | None = None
    ) -> tuple[tuple[Item, ...], int]:
        """Return what is newer than a number, oldest first, at most so many, and how far that is.

        `node`: of this one alone. A number that this diary has not reached begins anew.
        """
        number = number if number <= self.number else 0
        found: list[tuple[int, Item]] = []
        for pair in reversed(self._items.values()):
            if pair[0] <= number:
                break
            if node is None or pair[1].node == node:
                found.append(pair)
        page = found[::-1][:most]
        through = page[-1][0] if len(page) < len(found) else self.number
        return tuple(item for _, item in page), through

    # --- this node -----------------------------------------------------------------------

    def began(self, operation: RunOperation) -> None:
        """Note that an operation has begun; those below 0 only get ready for another."""
        if operation.operation_id < 0:
            return
        self._begun[operation.operation_id] = operation

    def cancelled(self, operation_id: int) -> None:
        """Note that an operation was given up: its end will say nothing of the resource."""
        self._begun.pop(operation_id, None)

    def ended(self, done: OperationDone, wall_ms: Millis) -> None:
        """Note the result of an operation that has begun here."""
        began = self._begun.pop(done.operation_id, None)
        if began is None or done.reason == LEASE_RAN_OUT:
            return
        result = result_of(self._own, began, done, wall_ms)
        key = _key(result)
        known = self._known(key)
        if isinstance(known, OperationResult) and _outcome(known) == _outcome(result):
            result = replace(result, since_wall_ms=known.since_wall_ms)
            if began.interval_ms:
                self._fresh[key] = result
                self._refresh(wall_ms)
                return
        self._fresh.pop(key, None)
        self._put(key, result)

    def _refresh(self, wall_ms: Millis) -> None:
        if 0 <= wall_ms - self._refreshed_ms < REFRESH_MS:
            return
        self._refreshed_ms = wall_ms
        for key, result in self._fresh.items():
            self._put(key, result)
        self._fresh.clear()

    def hears(self, paths: Iterable[LinkSummary]) -> None:
        """Note how this node hears the others now."""
        found = {_key(each): each for each in (standing_of(self._own, path) for path in paths)}
        mine = [key for key in self._items if key[:2] == (self._own, "") and key not in found]
        for key in mine:
            del self._items[key]
        for key, standing in found.items():
            if self._known(key) != standing:
                self._put(key, standing)

    # --- others --------------------------------------------------------------------------

    def told(self, items: Iterable[Item], by: NodeName, *, anew: bool) -> None:
        """Take what another node tells of itself; `anew`: it begins from the beginning."""
        if anew:
            for key in [key for key in self._items if key[0] == by]:
                del self._items[key]
        for item in items:
            if item.node == by != self._own:
                self._put(_key(item), item)

    def _known(self, key: _Key) -> Item | None:
        return self._items[key][1] if key in self._items else None

    def _put(self, key: _Key, item: Item) -> None:
        self.number += 1
        if item.node == self._own:
            self.own_number = self.number
        self._items.pop(key, None)
        self._items[key] = (self.number, item)
        if len(self._items) > ITEMS_MAX:
            del self._items[next(iter(self._items))]


def _key(item: Item) -> _Key:
    """Return what an item is about: a newer one of the same replaces it."""
    if isinstance(item, LinkStanding):
        return (item.node, "", item.peer, item.link)
    return (item.node, item.resource, item.action, str(item.interval_ms))


def result_of(
    node: NodeName, began: RunOperation, done: OperationDone, wall_ms: Millis
) -> OperationResult:
    """Return the result of an operation; which exit codes are right depends on what it was.

    Secrets that the agent was given, and has said, are blotted out.
    """
    is_probe = began.action == "monitor" and not began.interval_ms
    right = _PROBED if is_probe else _RUNS if began.action == "monitor" else (0,)
    is_right = done.exit_code in right and not done.timed_out
    parameters = began.primitive.parameters
    secrets = [value for name, value in parameters if value and is_secret(name)]
    lines = _blotted(done.output, secrets).splitlines()[-LINES:]
    return OperationResult(
        node,
        began.primitive.id,
        began.action,
        began.interval_ms,
        done.exit_code,
        done.exit_code if is_right else 0,
        done.timed_out,
        _blotted(done.reason, secrets),
        tuple(line[:LINE_CHARACTERS] for line in lines),
        done.duration_ms,
        wall_ms,
        wall_ms,
        began.operation_id,
    )


def _blotted(text: str, secrets: Iterable[str]) -> str:
    for secret in sorted(secrets, key=len, reverse=True):  # one may be part of another
        text = text.replace(secret, HIDDEN)
    return text


def _outcome(result: OperationResult) -> tuple[object, ...]:
    return (result.exit_code, result.timed_out, result.reason, result.output)


def standing_of(node: NodeName, path: LinkSummary) -> LinkStanding:
    """Return how a node hears a peer over a link, without what changes all the time."""
    last = path.history[-1] if path.history else None
    return LinkStanding(
        node,
        path.peer,
        path.link,
        path.up,
        last.at_wall_ms if last is not None else 0,
        path.changes,
        -(-path.loss_permille // _LOSS_STEP) * _LOSS_STEP,
        last.reason if last is not None else "",
        _flaps(path),
    )


def _flaps(path: LinkSummary) -> bool:
    """Return whether a path has just come and gone several times."""
    newest = path.history[-FLAPS:]
    if len(newest) < FLAPS or path.since_ms >= FLAPPING_MS:
        return False
    return newest[-1].at_wall_ms - newest[0].at_wall_ms < FLAPPING_MS
