"""Who sends a request: Basic authentication, bounded in what guessing costs us.

Owns: reading the Authorization header, the comparison (one at a time, in a
thread), the memory of what has been compared, and the limit on failures by
address. Knows nothing of connections; the users come from `users`.
Source: RFC 7617 (Basic), RFC 6585 section 4 (429).
"""

import asyncio
import hmac
import logging
import secrets
from base64 import b64decode
from binascii import Error as Base64Error
from collections import OrderedDict
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from time import monotonic
from typing import Final, TypeAlias

from cim_provider.server.users import (
    HASH_BYTES,
    PASSWORD_BYTES_MAX,
    SALT_BYTES,
    Cost,
    PasswordHash,
    Role,
    User,
    UserFile,
    UsersError,
)

REALM: Final = "beatkeeper"
CHALLENGE: Final = f'Basic realm="{REALM}"'
HEADER_CHARS_MAX: Final = 4_096
PROVED_MAX: Final = 256
"""Users and passwords remembered as good; a client that comes back costs one HMAC."""
WAITING_MAX: Final = 16
"""Comparisons in the queue; each takes about a tenth of a second."""
PEERS_MAX: Final = 1_024
FREE_FAILURES: Final = 10
"""A person who mistypes, or a console with an old password, is not held up."""
HOLD_S_MAX: Final = 60.0
FORGET_S: Final = 300.0
"""Failures of an address are forgotten when it has been quiet for so long."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Identity:
    """An authenticated user."""

    name: str
    role: Role


@dataclass(frozen=True, slots=True)
class Denied:
    """The request is refused: an HTTP status, and the headers that go with it."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()


Verdict: TypeAlias = Identity | Denied
_UNREAD: Final = object()
_UNAUTHORIZED: Final = Denied(401, (("WWW-Authenticate", CHALLENGE),))


@dataclass(slots=True)
class _Failures:
    count: int = 0
    last_s: float = 0.0
    held_until_s: float = 0.0


class Authenticator:
    """Checks requests against a file of users; takes the file anew when it changes."""

    def __init__(self, file: UserFile, clock: Callable[[], float] = monotonic) -> None:
        self._file = file
        self._clock = clock
        self._secret = secrets.token_bytes(32)
        self._users: dict[str, User] = {}
        self._nobody = _nobody(())
        self._stamp: object = _UNREAD
        self._proved: OrderedDict[bytes, Identity] = OrderedDict()
        self._failures: OrderedDict[str, _Failures] = OrderedDict()
        self._waiting = 0
        # One thread: a flood of guesses can neither take the processor nor much memory.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="password")

    def close(self) -> None:
        """Let the thread go."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    def load(self) -> int:
        """Read the users, if the file has changed; return how many there are.

        Raises: UsersError: the file is not acceptable.
        """
        stamp = self._file.stamp()
        if stamp != self._stamp:
            self._proved.clear()
            self._users, self._stamp = {}, _UNREAD
            self._users = self._file.read()
            self._stamp = stamp
            self._nobody = _nobody(self._users.values())
        return len(self._users)

    async def authenticate(self, header: str | None, peer: str) -> Verdict:
        """Return who sends a request with this Authorization header from this address."""
        try:
            self.load()
        except UsersError as fault:
            log.error("nobody can be authenticated: %s", fault)
            return Denied(500)
        credentials = None if header is None else _credentials(header)
        if header is None or credentials is None:
            return _UNAUTHORIZED
        key = hmac.digest(self._secret, header.encode("latin-1", "replace"), "sha256")
        known = self._proved.get(key)
        if known is not None:
            self._proved.move_to_end(key)
            return known
        return await self._compare(key, *credentials, peer)

    async def _compare(self, key: bytes, name: str, password: bytes, peer: str) -> Verdict:
        held_s = self._held_s(peer)
        if held_s > 0:
            return Denied(429, (("Retry-After", str(int(held_s) + 1)),))
        if self._waiting >= WAITING_MAX:
            return Denied(503, (("Retry-After", "1"),))
        user = self._users.get(name)
        kept = self._nobody if user is None else user.password
        stamp = self._stamp
        self._waiting += 1
        try:
            loop = asyncio.get_running_loop()
            is_right = await loop.run_in_executor(self._thread, kept.fits, password)
        finally:
            self._waiting -= 1
        if user is None or not is_right:
            self._count_failure(peer)
            # The name may be a password typed in the wrong field: it is logged only if known.
            who = "an unknown user" if user is None else f"user {name}"
            log.warning("%s gave a wrong name or password for %s", peer, who)
            return _UNAUTHORIZED
        identity = Identity(user.name, user.role)
        if stamp == self._stamp:
            self._remember(key, identity)
        return identity

    def _remember(self, key: bytes, identity: Identity) -> None:
        self._proved[key] = identity
        if len(self._proved) > PROVED_MAX:
            self._proved.popitem(last=False)

    def _held_s(self, peer: str) -> float:
        failures = self._failures.get(peer)
        return 0.0 if failures is None else failures.held_until_s - self._clock()

    def _count_failure(self, peer: str) -> None:
        now = self._clock()
        failures = self._failures.setdefault(peer, _Failures())
        if now - failures.last_s > FORGET_S:
            failures.count = 0
        failures.count += 1
        failures.last_s = now
        beyond = failures.count - FREE_FAILURES
        if beyond > 0:
            failures.held_until_s = now + min(HOLD_S_MAX, 2.0 ** min(beyond - 1, 10))
        self._failures.move_to_end(peer)
        if len(self._failures) > PEERS_MAX:
            self._failures.popitem(last=False)


def _nobody(users: Iterable[User]) -> PasswordHash:
    """Return what no password fits, and what takes as long to find out as for a known user."""
    cost = next((user.password.cost for user in users), Cost())
    return PasswordHash(cost, secrets.token_bytes(SALT_BYTES), secrets.token_bytes(HASH_BYTES))


def _credentials(header: str) -> tuple[str, bytes] | None:
    """Return name and password, or None if the header holds none."""
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic" or len(header) > HEADER_CHARS_MAX:
        return None
    try:
        raw = b64decode(encoded.strip(), validate=True)
        name, colon, password = raw.partition(b":")
        if not colon or not 0 < len(password) <= PASSWORD_BYTES_MAX:
            return None
        return name.decode("utf-8"), password
    except (Base64Error, ValueError):
        return None
