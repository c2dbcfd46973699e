"""The users of the WBEM server: a file of names, salted password hashes and roles.

Owns: the format of the file, its permissions, its changes, and how a password
is hashed and compared. Knows nothing of HTTP. One user a line, sorted:
`name:proof:role[:fingerprint,...]`. The proof is `scrypt$n$r$p$salt$hash` with
salt and hash in base64, or `pam` where PAM knows the password, or `none` where
only a certificate will do; a fingerprint is the SHA-256 of a certificate. A line
`# cluster ID NUMBER` says up to which change the users of all nodes are in it
(`shared_users`).
Source: RFC 7914 (scrypt); the cost is one of OWASP's equivalent choices, the
one that needs least memory at a time.
"""

import fcntl
import hashlib
import hmac
import os
import re
import secrets
import stat
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from cim_provider.server.role import Role

USERS_MAX: Final = 1_000
FILE_BYTES_MAX: Final = 1_048_576
PASSWORD_BYTES_MAX: Final = 1_024
SALT_BYTES: Final = 16
HASH_BYTES: Final = 32
CERTIFICATES_MAX: Final = 16
"""Certificates on record for one user: an old and a new one for each of a few machines."""
SCRYPT_MEMORY_MAX: Final = 64 * 1024 * 1024
"""A line of the file may not ask for more; 128 * n * r bytes are needed."""
SCRYPT_ROUNDS_MAX: Final = 16

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")
_HASH = re.compile(
    r"scrypt\$([0-9]{1,7})\$([0-9]{1,3})\$([0-9]{1,2})\$([A-Za-z0-9+/=]{1,256})\$([A-Za-z0-9+/=]{1,256})"
)
_FINGERPRINT = re.compile(r"[0-9a-f]{64}")
_SHARED = re.compile(r"^# of the cluster:((?: [A-Za-z0-9._@-]{1,64})*)$", re.MULTILINE)
_MARK = re.compile(r"^# cluster ([0-9a-f]{1,32}) ([0-9]{1,15})$", re.MULTILINE)
_FORMER: Final = {"": Role.OPERATE, "operator": Role.OPERATE, "observer": Role.VIEW}
"""Roles as files of the first releases have them."""


class UsersError(Exception):
    """The file of users, or a change of it, is not acceptable; the text holds the cure."""


class Proof(StrEnum):
    """Who knows the password of a user that has no hash here."""

    PAM = "pam"
    """The system, by PAM."""
    NONE = "none"
    """Nobody: the user comes with a certificate."""


@dataclass(frozen=True, slots=True)
class Cost:
    """How dear one comparison is: `n` is a power of two, memory is 128 * n * r bytes."""

    n: int = 2**14
    r: int = 8
    p: int = 5


@dataclass(frozen=True, slots=True)
class PasswordHash:
    """What is kept of a password."""

    cost: Cost
    salt: bytes
    digest: bytes

    def fits(self, password: bytes) -> bool:
        """Return whether the password is the one; takes as long either way."""
        return hmac.compare_digest(self.digest, _digest(password, self.salt, self.cost))

    def __str__(self) -> str:
        salt, digest = b64encode(self.salt).decode(), b64encode(self.digest).decode()
        return f"scrypt${self.cost.n}${self.cost.r}${self.cost.p}${salt}${digest}"


@dataclass(frozen=True, slots=True)
class User:
    """One user."""

    name: str
    password: PasswordHash | Proof
    role: Role = Role.VIEW
    certificates: tuple[str, ...] = ()
    """Fingerprints of its certificates, in lower-case hex; with one, no other certificate will do,
    with none, any will do that the trusted authority gave to this name."""


@dataclass(frozen=True, slots=True)
class Mark:
    """Up to which change a file has those that were made for all nodes; `id` is whose they are."""

    id: str = ""
    number: int = 0


def hash_password(password: bytes, cost: Cost | None = None) -> PasswordHash:
    """Return what to keep of a password, under a fresh salt.

    Raises: UsersError: it is empty or too long.
    """
    if not 0 < len(password) <= PASSWORD_BYTES_MAX:
        raise UsersError(
            f"the password has {len(password)} bytes, expected 1..{PASSWORD_BYTES_MAX}"
        )
    salt, chosen = secrets.token_bytes(SALT_BYTES), cost or Cost()
    return PasswordHash(chosen, salt, _digest(password, salt, chosen))


def _digest(password: bytes, salt: bytes, cost: Cost) -> bytes:
    return hashlib.scrypt(
        password,
        salt=salt,
        n=cost.n,
        r=cost.r,
        p=cost.p,
        # The library counts a little more than the standard's formula.
        maxmem=2 * SCRYPT_MEMORY_MAX,
        dklen=HASH_BYTES,
    )


def check_name(name: str) -> str:
    """Return the name of a user. Raises UsersError: it is none."""
    if not _NAME.fullmatch(name):
        raise UsersError(
            f"user name {name[:80]!r}: expected 1 to 64 letters, digits, '.', '_', '@' or '-',"
            " beginning with a letter or digit"
        )
    return name


def parse_users(text: str, place: str) -> dict[str, User]:
    """Return the users in the text of a file, by name.

    Raises: UsersError: a line is not of the format, or a name stands there twice.
    """
    users: dict[str, User] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        user = parse_line(line, f"{place}:{number}")
        if user.name in users:
            raise UsersError(f"{place}:{number}: user {user.name!r} stands here twice: remove one")
        users[user.name] = user
    if len(users) > USERS_MAX:
        raise UsersError(f"{place} holds {len(users)} users, expected at most {USERS_MAX}")
    check_certificates(users, place)
    return users


def check_certificates(users: Mapping[str, User], place: str) -> None:
    """Raise UsersError if a certificate is on record for two users."""
    owners: dict[str, str] = {}
    for user in users.values():
        for each in user.certificates:
            other = owners.setdefault(each, user.name)
            if other != user.name:
                text = f"certificate {each[:16]}… is on record for {other!r} and {user.name!r}"
                raise UsersError(f"{place}: {text}: it can stand for one of them")


def parse_line(line: str, place: str) -> User:
    """Return the user of a line. Raises UsersError: it is none; the text has its place."""
    # The line itself is never shown: it is a secret.
    name, kept, role, listed = (*line.strip().split(":", 3), "", "", "")[:4]
    certificates = tuple(listed.split(",")) if listed else ()
    is_proof = kept in tuple(Proof) or _HASH.fullmatch(kept)
    if not _NAME.fullmatch(name) or not is_proof or role not in (*_FORMER, *Role):
        form = f"name:proof:role[:fingerprint,...] with a role of {', '.join(Role)}"
        raise UsersError(f"{place}: no user, expected {form}: set it with 'ha wbem user'")
    if len(certificates) > CERTIFICATES_MAX or not all(map(_FINGERPRINT.fullmatch, certificates)):
        raise UsersError(
            f"{place}: certificates of {name!r}: expected at most {CERTIFICATES_MAX} SHA-256"
            " fingerprints in lower-case hex, with commas: set them anew"
        )
    given = _FORMER[role] if role in _FORMER else Role(role)
    return User(name, _parse_proof(kept, name, place), given, certificates)


def _parse_proof(kept: str, name: str, place: str) -> PasswordHash | Proof:
    match = _HASH.fullmatch(kept)
    if match is None:
        return Proof(kept)
    cost = Cost(int(match[1]), int(match[2]), int(match[3]))
    try:
        salt, digest = b64decode(match[4], validate=True), b64decode(match[5], validate=True)
    except Base64Error as fault:
        raise UsersError(f"{place}: salt or hash of {name!r} is not base64: set it anew") from fault
    if not _is_acceptable(cost) or len(digest) != HASH_BYTES:
        raise UsersError(f"{place}: cost or hash of {name!r} is out of range: set it anew")
    return PasswordHash(cost, salt, digest)


def _is_acceptable(cost: Cost) -> bool:
    is_power = cost.n > 1 and cost.n & (cost.n - 1) == 0
    memory = 128 * cost.n * cost.r
    return is_power and 0 < memory <= SCRYPT_MEMORY_MAX and 0 < cost.p <= SCRYPT_ROUNDS_MAX


class UserFile:
    """The file of users at `path`; a missing one holds nobody."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @property
    def path(self) -> Path:
        """Where the file is."""
        return self._path

    def stamp(self) -> tuple[int, int, int] | None:
        """Return a value that changes with the file; None if there is none."""
        try:
            found = os.stat(self._path)
        except OSError:
            return None
        return (found.st_mtime_ns, found.st_ino, found.st_size)

    def read(self) -> dict[str, User]:
        """Return the users by name.

        Raises: UsersError: the file cannot be read, or others may read it.
        """
        return parse_users(self._text(), str(self._path))

    def _text(self) -> str:
        try:
            with open(self._path, encoding="utf-8") as file:
                found = os.fstat(file.fileno())
                text = file.read(FILE_BYTES_MAX + 1)
        except FileNotFoundError:
            return ""
        except (OSError, UnicodeDecodeError) as fault:
            raise UsersError(f"{self._path} cannot be read: {fault}") from fault
        mode = stat.S_IMODE(found.st_mode)
        if mode & 0o077:
            raise UsersError(
                f"{self._path} has mode {mode:04o}, expected 0600: chmod 600 {self._path}"
            )
        if len(text) > FILE_BYTES_MAX:
            raise UsersError(f"{self._path} is longer than {FILE_BYTES_MAX} bytes: shorten it")
        return text

    def mark(self) -> Mark:
        """Return up to which change it has those of all nodes. Raises UsersError: as `read`."""
        return _mark(self._text())

    def put(self, user: User) -> None:
        """Add the user or replace the one of that name. Raises UsersError: it cannot be kept."""
        with self._changing() as (users, _, _):
            users[check_name(user.name)] = user

    def remove(self, name: str) -> None:
        """Remove a user. Raises UsersError: there is no such user."""
        with self._changing() as (users, _, _):
            del users[known_user(users, name).name]

    def shared(self) -> frozenset[str]:
        """Return the names that came from the cluster. Raises UsersError: as `read`."""
        text = self._text()
        return frozenset(_shared(text, parse_users(text, str(self._path))))

    def forget_cluster(self) -> tuple[str, ...]:
        """Remove the users that came from a cluster; return their names. Those of this node stay.

        Raises: UsersError: the file cannot be read or written; nothing is changed then.
        """
        if not self.mark().id:
            return ()
        with self._changing() as (users, marks, shared):
            gone = tuple(sorted(shared & users.keys()))
            for name in gone:
                del users[name]
            shared.clear()
            marks.append(Mark())
        return gone

    def take(self, change: Callable[[dict[str, User], Mark, set[str]], Mark]) -> None:
        """Let changes that were made for all nodes change the users, and keep the new mark.

        `change` also keeps the set of the names that came from the cluster.
        Raises: UsersError: what becomes of them cannot be kept; nothing is changed then.
        """
        with self._changing() as (users, marks, shared):
            marks.append(change(users, marks[-1], shared))

    @contextmanager
    def _changing(self) -> Iterator[tuple[dict[str, User], list[Mark], set[str]]]:
        """Yield users, mark and names of the cluster for a change, alone; keep what became of them.

        Of the marks the last one is kept.
        """
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = os.open(self._path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            text = self._text()
            users, marks = parse_users(text, str(self._path)), [_mark(text)]
            shared = _shared(text, users)
            yield users, marks, shared
            if len(users) > USERS_MAX:
                raise UsersError(f"there are {USERS_MAX} users already: remove one first")
            check_certificates(users, str(self._path))
            self._write(users, marks[-1], shared & users.keys())
            os.fsync(lock)
        except OSError as fault:
            raise UsersError(f"{self._path} cannot be written: {fault}") from fault
        finally:
            os.close(lock)

    def _write(self, users: dict[str, User], mark: Mark, shared: set[str]) -> None:
        temporary = self._path.with_name(f".{self._path.name}.new")
        temporary.unlink(missing_ok=True)
        owner = os.stat(self._path if self._path.exists() else self._path.parent)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        with open(os.open(temporary, flags, 0o600), "w", encoding="utf-8") as file:
            if mark.id:
                file.write(f"# cluster {mark.id} {mark.number}\n")
                file.write(f"# {' '.join(['of the cluster:', *sorted(shared)])}\n")
            file.writelines(f"{line_of(users[name])}\n" for name in sorted(users))
            file.flush()
            if os.geteuid() == 0:
                # Root sets passwords for a server that runs as somebody else.
                os.fchown(file.fileno(), owner.st_uid, owner.st_gid)
            os.fsync(file.fileno())
        os.replace(temporary, self._path)


def known_user(users: Mapping[str, User], name: str) -> User:
    """Return the user of a name. Raises UsersError: there is none; the text has those known."""
    if name not in users:
        known = ", ".join(sorted(users)) or "none"
        raise UsersError(f"there is no user {name[:80]!r}; known are: {known}")
    return users[name]


def _mark(text: str) -> Mark:
    found = _MARK.search(text)
    return Mark() if found is None else Mark(found[1], int(found[2]))


def _shared(text: str, users: Mapping[str, User]) -> set[str]:
    """Return whom a file has from its cluster; an earlier version's file does not tell: all."""
    if not _mark(text).id:
        return set()
    found = _SHARED.search(text)
    return set(users) if found is None else set(found[1].split())


def line_of(user: User) -> str:
    """Return the line of a user: a secret."""
    certificates = f":{','.join(user.certificates)}" if user.certificates else ""
    return f"{user.name}:{user.password}:{user.role}{certificates}"
