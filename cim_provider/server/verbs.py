"""What administrators do with the WBEM server: `ha wbem …`, and `ha-cimd user …`.

Owns: the verbs that manage users and show the audit log. They work on files,
whether the server runs or not, and it takes notice at once; other nodes learn of
users over the cluster (`shared_users`). A password is asked for on the terminal
or read from a file or standard input, and never stands in a command line, which
everybody on the machine can read.
"""

import json
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import wraps
from pathlib import Path
from typing import Final

import click

from cim_provider.server.client_certificate import FingerprintError, fingerprint
from cim_provider.server.layout import ServerLayout
from cim_provider.server.role import Role
from cim_provider.server.settings import SettingsError, read_settings
from cim_provider.server.tls import CertificateError
from cim_provider.server.users import (
    PASSWORD_BYTES_MAX,
    PasswordHash,
    Proof,
    User,
    UserFile,
    UsersError,
    check_name,
    hash_password,
    known_user,
)

ROOT_VARIABLE: Final = "BEATKEEPER_ROOT"
ROOT_META: Final = "beatkeeper.root"
"""Under this name `ha` keeps the root that was given before the verb."""
EXIT_FAILED: Final = 1
LINES_MAX: Final = 100_000
NO_USERS: Final = "no users on this node: its server takes those of the cluster when it runs"
ERRORS: Final = (UsersError, FingerprintError, SettingsError, CertificateError, OSError)
"""What is told in a sentence."""

_Verb = Callable[..., None]


class VerbError(click.ClickException):
    """What a verb could not do, in one sentence, and as JSON where that is wanted."""

    exit_code = EXIT_FAILED

    def __init__(self, text: str, *, as_json: bool) -> None:
        super().__init__(text)
        self._as_json = as_json
        self._program = click.get_current_context().find_root().info_name or "ha"

    def show(self, file: object = None) -> None:
        """Print the sentence on standard error, and as JSON on standard output."""
        if self._as_json:
            click.echo(json.dumps({"code": "failed", "text": self.message}))
        click.echo(f"{self._program}: {self.message}", err=True)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a verb works, and how it answers."""

    layout: ServerLayout
    as_json: bool

    @property
    def users(self) -> UserFile:
        """The file of users."""
        return UserFile(self.layout.users_file)

    def set(
        self, name: str, make: Callable[[Mapping[str, User]], User | None], *, here: bool
    ) -> tuple[dict[str, object], str]:
        """Change a user on all nodes, or on this one alone if `here` or if it cannot be otherwise.

        Returns where it counts, as values and as the end of a sentence.
        Raises: UsersError: it cannot be kept; nothing has changed then.
        """
        # Here: what only looks at files need not wait for what talks to the cluster.
        from cim_provider.engines.ha_core_users import HaCoreUsers
        from cim_provider.server.shared_users import set_user

        cluster = HaCoreUsers(self.layout.root)
        if here or not cluster.is_expected():
            set_user(self.users, name, make, None)
            return {"everywhere": False}, " (on this node alone)" if here else ""
        why = set_user(self.users, name, make, cluster)
        if not why:
            return {"everywhere": True}, ", on all nodes"
        cure = "repeat it there, or here later"
        return {"everywhere": False, "why": why}, f", on this node alone ({why}): {cure}"

    def change(self, name: str, becomes: Callable[[User], User], text: str, *, here: bool) -> None:
        """Replace a user by what becomes of it, and say so.

        Raises: UsersError: there is no such user, or `becomes` does.
        """
        changed: list[User] = []

        def make(users: Mapping[str, User]) -> User:
            changed.append(becomes(known_user(users, name)))
            return changed[-1]

        where, told = self.set(name, make, here=here)
        self.say({**_shown(changed[-1]), **where}, f"{text}{told}")

    def say(self, value: object, text: str) -> None:
        """Print the value as one line of JSON, or the text, as wanted."""
        click.echo(json.dumps(value, ensure_ascii=False) if self.as_json else text)


def verb(function: _Verb) -> _Verb:
    """Give a command --root and --json, and tell its errors in one sentence."""

    @click.option(
        "--root",
        type=click.Path(path_type=Path, file_okay=False),
        help="Directory of the node's etc, lib and run; the system's by default; also "
        f"${ROOT_VARIABLE}.",
    )
    @click.option("--json", "as_json", is_flag=True, help="Print JSON.")
    @wraps(function)
    def wrapper(root: Path | None, as_json: bool, **arguments: object) -> None:
        # What was typed goes before what the environment says, wherever it stands.
        root = root or click.get_current_context().meta.get(ROOT_META) or _of_environment()
        place = Place(ServerLayout(root), as_json)
        try:
            function(place, **arguments)
        except BrokenPipeError:
            raise  # whoever read our output has gone; nobody needs to be told
        except ERRORS as fault:
            raise VerbError(str(fault), as_json=as_json) from fault

    return wrapper


def _of_environment() -> Path | None:
    value = os.environ.get(ROOT_VARIABLE, "")
    return Path(value) if value else None


_role = click.Choice([role.value for role in Role])
_name = click.argument("name", metavar="NAME")
_here = click.option("--here", is_flag=True, help="On this node alone, not on all nodes.")
_password_file = click.option(
    "--password-file",
    type=click.Path(path_type=Path, dir_okay=False, allow_dash=True),
    help="File whose first line is the password; '-' is standard input.",
)


@click.group("user")
def user() -> None:
    """Add, change and remove users of the WBEM servers.

    All nodes have the same. A user may view (read everything), operate (call the methods that run
    the cluster, and subscribe to indications as well) or administer (everything).
    """


@user.command()
@_name
@click.option("--role", type=_role, default=Role.VIEW.value, show_default=True)
@_password_file
@click.option("--pam", is_flag=True, help="The system knows the password; see 'pam' in cimd.yaml.")
@click.option(
    "--certificate",
    type=click.Path(path_type=Path, dir_okay=False),
    help="PEM file of the client certificate by which the user is known.",
)
@click.option("--no-password", is_flag=True, help="Let the user in with a certificate alone.")
@_here
@verb
def add(
    place: Place,
    name: str,
    role: str,
    password_file: Path | None,
    pam: bool,
    certificate: Path | None,
    no_password: bool,
    here: bool,
) -> None:
    """Add the user NAME. The password is asked for unless another option says where it is."""
    if sum((password_file is not None, pam, no_password)) > 1:
        raise click.UsageError("--password-file, --pam and --no-password: give one of them")
    check_name(name)
    if name in place.users.read():
        raise _is_there(name)
    prints = () if certificate is None else (fingerprint(certificate),)
    proof: PasswordHash | Proof
    if pam or no_password:
        proof = Proof.PAM if pam else Proof.NONE
    else:
        proof = hash_password(read_password(name, password_file))
    made = User(name, proof, Role(role), prints)

    def make(users: Mapping[str, User]) -> User:
        if name in users:
            raise _is_there(name)
        return made

    where, told = place.set(name, make, here=here)
    place.say({**_shown(made), **where}, f"user {name} added: may {role}{told}")


@user.command()
@_name
@_here
@verb
def remove(place: Place, name: str, here: bool) -> None:
    """Remove the user NAME. What it has open ends with its next request."""

    def make(users: Mapping[str, User]) -> None:
        known_user(users, name)

    where, told = place.set(name, make, here=here)
    place.say({"name": name, "removed": True, **where}, f"user {name} removed{told}")


@user.command("role")
@_name
@click.argument("role", type=_role)
@_here
@verb
def set_role(place: Place, name: str, role: str, here: bool) -> None:
    """Let NAME view, operate or administer. That holds from its next request on."""
    text = f"user {name} may {role}"
    place.change(name, lambda known: replace(known, role=Role(role)), text, here=here)


@user.command()
@_name
@_password_file
@_here
@verb
def password(place: Place, name: str, password_file: Path | None, here: bool) -> None:
    """Set the password of the user NAME; the old one ends at once."""
    if name not in place.users.read():
        raise UsersError(f"there is no user {name!r}: add it with 'user add {name}'")
    kept = hash_password(read_password(name, password_file))
    text = f"password of {name} set"
    place.change(name, lambda known: replace(known, password=kept), text, here=here)


@user.command("certificate")
@_name
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--remove", "is_removed", is_flag=True, help="Take it off the record instead.")
@_here
@verb
def set_certificate(place: Place, name: str, file: Path, is_removed: bool, here: bool) -> None:
    """Put a client certificate on record for the user NAME.

    FILE is PEM. A user with certificates on record is known by them alone, and by no other one,
    whoever signed it. The server asks clients for certificates if cimd.yaml says client_ca.
    """
    found = fingerprint(file)

    def becomes(known: User) -> User:
        kept = tuple(each for each in known.certificates if each != found)
        if is_removed and kept == known.certificates:
            raise UsersError(f"{file} is not on record for {name}")
        return replace(known, certificates=kept if is_removed else (*kept, found))

    what = "taken off the record" if is_removed else "on record"
    place.change(name, becomes, f"certificate of {name} {what}: sha256 {found}", here=here)


@user.command("list")
@verb
def list_users(place: Place) -> None:
    """Show every user: what it may do and how it proves who it is."""
    users = list(place.users.read().values())
    lines = []
    for each in users:
        ways = [] if each.password is Proof.NONE else [_proof(each)]
        number = len(each.certificates)
        ways += [f"{number} certificate{'s' if number > 1 else ''}"] if number else []
        lines.append(f"{each.name} {each.role} ({', '.join(ways) or 'a certificate'})")
    place.say({"users": [_shown(each) for each in users]}, "\n".join(lines) or NO_USERS)


@click.command()
@click.option(
    "--lines", type=click.IntRange(1, LINES_MAX), default=50, show_default=True, help="At most."
)
@verb
def audit(place: Place, lines: int) -> None:
    """Show who changed what over this server, the latest last.

    With --json lines are as they are.
    """
    # Only here: it draws in what all other verbs do without.
    from cim_provider.server.audit import read_lines

    found = list(read_lines(place.layout.audit_file))[-lines:]
    for line in found:
        click.echo(line if place.as_json else _sentence(line))
    if not found and not place.as_json:
        click.echo("nobody has changed anything over the WBEM server of this node")


@click.command("certificate")
@click.option("--authority", is_flag=True, help="Print whom clients have to trust, PEM.")
@verb
def show_certificate(place: Place, authority: bool) -> None:
    """Show the server's certificate. Who signed it, for which names, until when?"""
    # Here alone the library is needed.
    from cim_provider.server import certificate

    given = read_settings(place.layout.settings_file).certificate
    file = Path(given) if given else place.layout.certificate_file
    if not given and not file.exists():
        raise CertificateError(f"{file} is not there yet: the server makes it when it first runs")
    if authority:
        pem = certificate.authority(file)
        place.say({"authority": pem}, pem.rstrip("\n"))
        return
    found = certificate.described(file)
    lines = [f"{name}: {', '.join(values)}" for name, values in found.items()]
    value = {name: values if name == "names" else values[0] for name, values in found.items()}
    place.say({"file": str(file), **value}, "\n".join([f"file: {file}", *lines]))


@click.group("wbem")
def wbem() -> None:
    """Manage the users of the WBEM servers; see what they changed on this one and what it shows."""


wbem.add_command(user)
wbem.add_command(audit)
wbem.add_command(show_certificate)


def read_password(name: str, file: Path | None) -> bytes:
    """Return a new password, from the file, the terminal or standard input.

    Raises: UsersError, OSError: there is none.
    """
    if file is not None and str(file) != "-":
        with open(file, "rb") as lines:
            first = lines.readline(PASSWORD_BYTES_MAX + 2)
    elif file is None and sys.stdin.isatty():
        typed: str = click.prompt(
            f"New password of {name}", hide_input=True, confirmation_prompt=True, err=True
        )
        first = typed.encode()
    else:
        first = sys.stdin.readline(PASSWORD_BYTES_MAX + 2).encode()
    return first.rstrip(b"\r\n")


def _is_there(name: str) -> UsersError:
    return UsersError(f"there is a user {name!r} already: change it, or remove it first")


def _proof(user: User) -> str:
    return "password" if isinstance(user.password, PasswordHash) else str(user.password)


def _shown(user: User) -> dict[str, object]:
    return {
        "name": user.name,
        "role": user.role.value,
        "proof": _proof(user),
        "certificates": list(user.certificates),
    }


def _sentence(line: str) -> str:
    """Return a line of the log for people; one that is cut short as it is."""
    try:
        entry = json.loads(line)
        method = f".{entry['method']}" if "method" in entry else ""
        what = f"{entry['operation']} {entry.get('object', '')}{method}"
        text = f"{entry['time']} {entry['user']} ({entry['role']}, {entry['address']}) {what}"
        given = ", ".join(f"{name}={value}" for name, value in entry.get("given", {}).items())
        more = f": {entry['text']}" if "text" in entry else ""
        return f"{text}{f' with {given}' if given else ''}: {entry['result']}{more}"
    except (ValueError, KeyError, TypeError, AttributeError):
        return line
