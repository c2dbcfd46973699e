"""Users that are the same on all nodes: the table of changes, and how a node's file takes them.

Owns: the format of the table, which stands on the cluster's shelf, and that every change is taken
once, in order: what was done on one node alone, after it, stays. Who may come in is decided by the
node's file alone, so that it can be while no other node answers. docs/security.md has the use.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from secrets import token_hex
from typing import Final, Protocol

import msgspec

from cim_provider.indications.shelf import PREFIX, Shelf
from cim_provider.server.users import (
    USERS_MAX,
    Mark,
    User,
    UserFile,
    UsersError,
    check_certificates,
    line_of,
    parse_line,
)

TABLE: Final = f"{PREFIX}users"
AGAIN_S: Final = 10.0
REMOVED_MAX: Final = USERS_MAX
"""Removed users that are remembered, the newest: a node that was away has to learn of them."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Change:
    """The newest change of one name: the user's line, None if it was removed."""

    name: str
    line: str | None
    number: int


@dataclass(frozen=True, slots=True)
class SharedUsers:
    """The newest changes by number; `id` tells this table from that of an earlier cluster."""

    id: str = ""
    changes: tuple[Change, ...] = ()

    @property
    def mark(self) -> Mark:
        """What a file has that has taken all."""
        return Mark(self.id, self.changes[-1].number if self.changes else 0)

    def newest(self, name: str) -> Change | None:
        """Return the newest change of a name."""
        return next((item for item in self.changes if item.name == name), None)

    def changed(self, name: str, user: User | None, known: "SharedUsers") -> "SharedUsers":
        """Return the table with one more change: `user` None removes the name.

        `known`: the table by which the change was made. Raises: UsersError: somebody else has
        changed the name since (which would be lost), or there are too many users.
        """
        if self.newest(name) != known.newest(name):
            raise UsersError(
                f"user {name!r} was changed on another node meanwhile: look, try again"
            )
        line = None if user is None else line_of(user)
        change = Change(name, line, self.mark.number + 1)
        kept = [item for item in self.changes if item.name != name]
        removed = [item for item in kept if item.line is None]
        if user is not None and len(kept) - len(removed) >= USERS_MAX:
            raise UsersError(f"there are {USERS_MAX} users of all nodes already: remove one first")
        forgotten = set(removed[: max(0, len(removed) - REMOVED_MAX)])
        kept = [item for item in kept if item not in forgotten]
        return replace(self, id=self.id or token_hex(8), changes=(*kept, change))


class Sharing(Protocol):
    """Makes a change on all nodes."""

    def table(self) -> SharedUsers | str:
        """Return the table as this node knows it, or why it cannot be had.

        Raises: UsersError: it cannot be read.
        """
        ...

    def share(self, name: str, user: User | None, known: SharedUsers) -> SharedUsers | str:
        """Return the table with a change in it (None: the user is removed), or why it is not made.

        Raises: UsersError: as `SharedUsers.changed`.
        """
        ...


def set_user(
    file: UserFile,
    name: str,
    make: Callable[[Mapping[str, User]], User | None],
    sharing: Sharing | None,
) -> str:
    """Change one user on all nodes, else on this one; return why on this one alone, empty if not.

    `make` returns what becomes of the user, None to remove it, and raises UsersError if the users
    that there are forbid it. `sharing` None: only this node is meant.
    Raises: UsersError: it cannot be kept; nothing has changed then.
    """
    known = sharing.table() if sharing is not None else ""
    if isinstance(known, SharedUsers):
        take(file, known)
    users = file.read()
    user = make(users)
    check_certificates({**users, name: user} if user is not None else users, str(file.path))
    done: SharedUsers | str = ""
    if sharing is not None:
        done = known if isinstance(known, str) else sharing.share(name, user, known)
    if isinstance(done, SharedUsers):
        take(file, done)
        return ""
    if user is None:
        file.remove(name)
    else:
        file.put(user)
    return done


def read_table(text: str) -> SharedUsers:
    """Return the table in a text of the shelf; an empty one is a new table.

    Raises: UsersError: it is none.
    """
    try:
        return msgspec.json.decode(text, type=SharedUsers) if text else SharedUsers()
    except msgspec.MsgspecError as fault:
        raise UsersError(f"the users of all nodes cannot be read: {fault}") from fault


def table_text(table: SharedUsers) -> str:
    """Return the text of a table."""
    return msgspec.json.encode(table).decode()


def take(file: UserFile, table: SharedUsers) -> tuple[str, ...]:
    """Make the changes in a node's file that it does not have yet; return the names they are of.

    Raises: UsersError: the file cannot be read or written; nothing is changed then.
    """
    taken: list[str] = []
    if not table.changes or file.mark() == table.mark:
        return ()

    def change(users: dict[str, User], mark: Mark, shared: set[str]) -> Mark:
        since = mark.number if mark.id == table.id else 0
        if mark.id != table.id:
            # Whom another cluster has let in, this one has not.
            for name in shared:
                users.pop(name, None)
            shared.clear()
        for item in table.changes:
            if item.number > since:
                _take(users, item)
                shared.add(item.name)
                taken.append(item.name)
        # A daemon may show for a moment what was before a change that was made here.
        return Mark(table.id, max(since, table.mark.number))

    file.take(change)
    return tuple(taken)


def _take(users: dict[str, User], change: Change) -> None:
    users.pop(change.name, None)
    if change.line is None:
        return
    user = parse_line(change.line, f"{TABLE}:{change.number}")
    for other in list(users.values()):
        # A certificate stands for one user, and what was said last counts.
        left = tuple(each for each in other.certificates if each not in user.certificates)
        users[other.name] = replace(other, certificates=left)
    users[user.name] = user


class UserKeeper:
    """Takes what other nodes change, as long as the server runs.

    What could not be taken (a full disk, a file that others may read) is tried again after
    `again_s`: who was removed must not stay on one node.
    """

    def __init__(self, file: UserFile, shelf: Shelf, again_s: float = AGAIN_S) -> None:
        self._file = file
        self._shelf = shelf
        self._again_s = again_s
        self._said = ""

    async def run(self) -> None:
        """Follow the shelf until cancelled."""
        seen = ""
        while True:
            revision = self._shelf.revision
            item = self._shelf.items.get(TABLE)
            text = item.text if item is not None else ""
            if text != seen and await self._is_taken(text):
                seen = text
            try:
                async with asyncio.timeout(None if text == seen else self._again_s):
                    await self._shelf.changed(revision)
            except TimeoutError:
                continue

    async def _is_taken(self, text: str) -> bool:
        try:
            taken = await asyncio.to_thread(take, self._file, read_table(text))
        except UsersError as fault:
            if str(fault) != self._said:
                log.error("users of all nodes are not taken: %s", fault)
            self._said = str(fault)
            return False
        for name in taken:
            log.info("user %s is taken as it is on all nodes", name)
        self._said = ""
        return True
