"""Who sends a request: a certificate or a password, bounded in what guessing costs us.

Owns: reading the Authorization header, the comparison (one at a time, in a
thread), the memory of what has been compared, and that whoever guesses wrong
waits (`lockout`), by address and by user. Knows nothing of connections; the
users come from `users`.
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
from dataclasses import dataclass, replace
from time import monotonic
from typing import Final, Protocol, TypeAlias

from cim_provider.server.client_certificate import PeerCertificate as PeerCertificate
from cim_provider.server.lockout import LockOut
from cim_provider.server.role import Role
from cim_provider.server.users import (
    HASH_BYTES,
    PASSWORD_BYTES_MAX,
    SALT_BYTES,
    USERS_MAX,
    Cost,
    PasswordHash,
    Proof,
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
HOMES_MAX: Final = 4_096
"""Addresses remembered from which a user has come in: others' guesses do not hold it up there."""
PAM_TRUSTED_S: Final = 60.0
"""So long a password that PAM accepted is good without asking again: we hear of no change."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Identity:
    """An authenticated user, and the address that it came from."""

    name: str
    role: Role
    address: str = ""


@dataclass(frozen=True, slots=True)
class Denied:
    """The request is refused: an HTTP status, and the headers that go with it."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()


class PasswordService(Protocol):
    """Knows passwords that are not in the file of users: PAM."""

    async def fits(self, name: str, password: bytes) -> bool:
        """Return whether the password is the user's. Raises OSError: it cannot be asked."""
        ...


Verdict: TypeAlias = Identity | Denied
_UNREAD: Final = object()
_UNAUTHORIZED: Final = Denied(401, (("WWW-Authenticate", CHALLENGE),))
_BUSY: Final = Denied(503, (("Retry-After", "1"),))


class Authenticator:
    """Checks requests against a file of users; takes the file anew when it changes."""

    def __init__(
        self,
        file: UserFile,
        clock: Callable[[], float] = monotonic,
        pam: PasswordService | None = None,
    ) -> None:
        self._file = file
        self._clock = clock
        self._pam = pam
        self.on_failure: Callable[[str, str], None] | None = None
        """Called with whom and the address when a name or password was wrong."""
        self._secret = secrets.token_bytes(32)
        self._users: dict[str, User] = {}
        self._by_certificate: dict[str, User] = {}
        self._nobody = _nobody(())
        self._stamp: object = _UNREAD
        self._changes = 0
        self._proved: OrderedDict[bytes, Identity] = OrderedDict()
        self._by_address = LockOut()
        self._by_user = LockOut(USERS_MAX)
        self._by_stranger = LockOut()
        self._homes: OrderedDict[tuple[str, str], None] = OrderedDict()
        self._waiting = {Proof.PAM: 0, Proof.NONE: 0}
        """Comparisons under way: PAM's, which may hang, take no place of ours."""
        self._comparing: dict[tuple[bytes, str, int], asyncio.Future[Verdict]] = {}
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
            self._changes += 1
            self._users, self._by_certificate, self._stamp = {}, {}, _UNREAD
            self._users = self._file.read()
            users = self._users.values()
            self._by_certificate = {each: user for user in users for each in user.certificates}
            self._stamp = stamp
            self._nobody = _nobody(self._users.values())
        return len(self._users)

    def version(self) -> tuple[int, int]:
        """Return a value that changes as soon as an earlier verdict may be another one now.

        Whoever remembers verdicts by header and address drops them then. It costs one look at
        the file's stamp.
        """
        try:
            self.load()
        except UsersError:
            self._changes += 1
        return (self._changes, self._period())

    def _period(self) -> int:
        """Return a number that changes when passwords must be shown to PAM again."""
        return 0 if self._pam is None else int(self._clock() / PAM_TRUSTED_S)

    async def authenticate(
        self, header: str | None, peer: str, certificate: PeerCertificate | None = None
    ) -> Verdict:
        """Return who sends a request with this Authorization header from this address.

        A certificate that belongs to a user is enough, whatever the header says.
        """
        try:
            self.load()
        except UsersError as fault:
            log.error("nobody can be authenticated: %s", fault)
            return Denied(500)
        if certificate is not None:
            user = self._owner(certificate)
            if user is not None:
                return Identity(user.name, user.role, peer)
        credentials = None if header is None else _credentials(header)
        if header is None or credentials is None:
            return _UNAUTHORIZED
        content = f"{self._period()} {header}".encode("latin-1", "replace")
        key = hmac.digest(self._secret, content, "sha256")
        known = self._proved.get(key)
        if known is not None:
            self._proved.move_to_end(key)
            return replace(known, address=peer)
        # A console opens its connections all at once: the same guess is compared once.
        guess = (key, peer, self._changes)
        running = self._comparing.get(guess)
        if running is None:
            running = asyncio.ensure_future(self._compare(key, *credentials, peer))
            self._comparing[guess] = running
            running.add_done_callback(lambda _: self._comparing.pop(guess))
        return await asyncio.shield(running)

    def _owner(self, certificate: PeerCertificate) -> User | None:
        """Return the user of a certificate that was verified."""
        recorded = self._by_certificate.get(certificate.fingerprint)
        if recorded is not None:
            return recorded
        named = self._users.get(certificate.name)
        # Whoever has certificates on record is known by these alone: one that was stolen and
        # taken off the record is of no use, though its authority still vouches for it.
        return named if named is not None and not named.certificates else None

    async def _compare(self, key: bytes, name: str, password: bytes, peer: str) -> Verdict:
        held_s = self._held_s(name, peer)
        if held_s > 0:
            return Denied(429, (("Retry-After", str(int(held_s) + 1)),))
        user, stamp = self._users.get(name), self._stamp
        is_pam = user is not None and user.password is Proof.PAM
        place = Proof.PAM if is_pam else Proof.NONE
        if self._waiting[place] >= WAITING_MAX:
            return _BUSY
        self._waiting[place] += 1
        try:
            is_right = await self._fits(user, name, password)
        except OSError as fault:
            log.error("PAM cannot be asked about user %s: %s", name, fault)
            return _BUSY
        finally:
            self._waiting[place] -= 1
        if user is None or not is_right:
            self._count_failure(user, name, peer)
            return _UNAUTHORIZED
        self._by_user.forget(name)
        self._homes[name, peer] = None
        self._homes.move_to_end((name, peer))
        if len(self._homes) > HOMES_MAX:
            self._homes.popitem(last=False)
        identity = Identity(user.name, user.role, peer)
        if stamp == self._stamp:
            self._remember(key, identity)
        return identity

    async def _fits(self, user: User | None, name: str, password: bytes) -> bool:
        """Return whether the password is right; an unknown user costs what a known one does."""
        kept = self._nobody if user is None else user.password
        if isinstance(kept, PasswordHash):
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._thread, kept.fits, password)
        if kept is Proof.PAM and self._pam is not None:
            return await self._pam.fits(name, password)
        await self._fits(None, name, password)
        return False

    def _remember(self, key: bytes, identity: Identity) -> None:
        self._proved[key] = identity
        if len(self._proved) > PROVED_MAX:
            self._proved.popitem(last=False)

    def _held_s(self, name: str, peer: str) -> float:
        now = self._clock()
        by_address = self._by_address.held_s(peer, now)
        if (name, peer) in self._homes:
            return by_address
        of_user = self._by_user if name in self._users else self._by_stranger
        return max(by_address, of_user.held_s(name, now))

    def _count_failure(self, user: User | None, name: str, peer: str) -> None:
        now = self._clock()
        # Names that nobody has are counted too, or the wait would tell which ones exist.
        of_user = self._by_stranger if user is None else self._by_user
        held_s = max(self._by_address.count(peer, now), of_user.count(name, now))
        # The name may be a password typed in the wrong field: it is logged only if known.
        who = "an unknown user" if user is None else f"user {user.name}"
        wait = f"; the next try has to wait {held_s:g} s" if held_s else ""
        log.warning("%s gave a wrong name or password for %s%s", peer, who, wait)
        if self.on_failure is not None:
            self.on_failure(who, peer)


def _nobody(users: Iterable[User]) -> PasswordHash:
    """Return what no password fits, and what takes as long to find out as for a known user."""
    hashes = (user.password for user in users if isinstance(user.password, PasswordHash))
    cost = next((each.cost for each in hashes), Cost())
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
