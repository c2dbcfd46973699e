"""The plug-in as a program: the command line, the servers that are asked in turn, the exit code.

Owns: where the password comes from, the time-out, and that whatever goes wrong
is told in one line. Never writes to a cluster.
"""

# pywbem has no annotations: its calls would be untyped.
# mypy: allow-untyped-calls

import argparse
import os
import re
import signal
import socket
import stat
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, NoReturn
from urllib.parse import urlsplit

import pywbem

from cim_provider.checks.findings import (
    CheckError,
    Limits,
    State,
    judged,
    parse_range,
    plain,
    worst,
)
from cim_provider.checks.modes import CLUSTER_DATA, MODES

VERSION: Final = "check_beatkeeper 1"
PASSWORD: Final = "BEATKEEPER_PASSWORD"
"""Variable of the environment with the password."""
NAMESPACE: Final = "root/cimv2"
PORT: Final = 5989
TIMEOUT_S: Final = 10
TIMEOUT_S_MAX: Final = 600
PASSWORD_BYTES_MAX: Final = 4096
_UNTRUSTED: Final = re.compile(
    r"CERTIFICATE_VERIFY_FAILED\]? ?(?:certificate verify failed: )?([^(\"']*)"
)
"""What OpenSSL says of a certificate, within the text of pywbem's exception."""
_AWAY: Final = {10: "the cluster service is stopped", 13: "the cluster service does not answer"}


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the command line asks for."""

    mode: str
    servers: tuple[str, ...]
    credentials: tuple[str, str] | None
    names: frozenset[str]
    limits: Limits
    timeout_s: int
    authority: str | None
    """File with the certificates to trust; None: those of the machine."""
    client_certificate: Mapping[str, str] | None
    is_unverified: bool


def check(wanted: Wanted) -> tuple[State, str]:
    """Ask the servers, one after the other, and return exit code and output.

    The first server whose cluster service can be asked answers for the cluster.
    Raises `CheckError`.
    """
    share_s = max(1, wanted.timeout_s // len(wanted.servers))
    refused: list[CheckError] = []
    for server in wanted.servers:
        try:
            client = _connect(server, wanted, share_s)
            cluster = _reached(client)
            found = MODES[wanted.mode][0](client, cluster, wanted.names)
        except pywbem.Error as fault:
            refused.append(_refusal(server, fault))
        except OSError as fault:
            refused.append(CheckError(f"{server}: {fault.strerror or fault}", State.CRITICAL))
        except CheckError as fault:
            if fault.state is not State.CRITICAL:
                raise
            refused.append(CheckError(f"{server}: {fault}", State.CRITICAL))
        else:
            return judged(found, wanted.limits, f"BEATKEEPER {wanted.mode.upper()}")
    raise CheckError("; ".join(map(str, refused)), worst(each.state for each in refused))


def _connect(server: str, wanted: Wanted, share_s: int) -> pywbem.WBEMConnection:
    """Return a client. Raises `OSError` if nobody listens there."""
    place = urlsplit(server)
    # pywbem waits for 10 s and tries again: the next server would never be asked.
    socket.create_connection((place.hostname or "", place.port or PORT), share_s).close()
    client = pywbem.WBEMConnection(
        server,
        wanted.credentials,
        default_namespace=NAMESPACE,
        x509=wanted.client_certificate,
        ca_certs=wanted.authority,
        no_verification=wanted.is_unverified,
        timeout=share_s,
    )
    # A proxy or a bundle of authorities in the environment is not meant for this.
    client.session.trust_env = False
    return client


def _reached(client: pywbem.WBEMConnection) -> pywbem.CIMInstance:
    """Return the cluster. Raises `CheckError` if this server cannot tell how it is."""
    found = client.EnumerateInstances("HA_Cluster", PropertyList=list(CLUSTER_DATA))
    if not found:
        raise CheckError("the server knows no cluster", State.CRITICAL)
    first = (found[0].get("OperationalStatus") or [0])[0]
    if first in _AWAY:
        raise CheckError(f"{_AWAY[first]} there", State.CRITICAL)
    cluster: pywbem.CIMInstance = found[0]
    return cluster


def _refusal(server: str, fault: pywbem.Error) -> CheckError:
    if isinstance(fault, pywbem.AuthError):
        return CheckError(f"{server}: user or password is wrong, or the user is locked out")
    if isinstance(fault, pywbem.CIMError):
        return CheckError(f"{server}: {fault.status_code_name}: {fault.status_description}")
    if isinstance(fault, pywbem.TimeoutError):
        return CheckError(f"{server}: no answer in time", State.CRITICAL)
    if untrusted := _UNTRUSTED.search(str(fault)):
        cure = "give --ca FILE with what 'ha wbem certificate --authority' prints"
        text = f"{server}: its certificate is not trusted ({untrusted[1].strip()}): {cure}"
        return CheckError(text, State.CRITICAL)
    return CheckError(f"{server}: {fault}", State.CRITICAL)


# --- the command line -------------------------------------------------------------------------


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise CheckError(f"{message}; --help tells more")


def parser() -> argparse.ArgumentParser:
    """Return the reader of the command line."""
    modes = "\n".join(f"  {name:11}{text}" for name, (_, text) in MODES.items())
    made = _Parser(
        prog="check_beatkeeper",
        description=f"Checks a Beatkeeper cluster over WBEM.\n\nmodes:\n{modes}",
        epilog=f"The password comes from --password-file or the variable {PASSWORD}, never from"
        " the command line.\nExit codes: 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    made.add_argument("mode", choices=tuple(MODES), metavar="MODE", help="one of the above")
    made.add_argument(
        *("-H", "--host"),
        action="append",
        required=True,
        metavar="HOST",
        help="node to ask: name, address or URL; given several times, the next is asked"
        " where one cannot tell",
    )
    made.add_argument("-p", "--port", type=int, default=PORT, help="its port (%(default)s)")
    made.add_argument("-l", "--user", help="WBEM user; the role 'view' is enough")
    made.add_argument("--password-file", metavar="FILE", help="its first line is the password")
    made.add_argument("--ca", metavar="FILE", help="certificate of the cluster (PEM)")
    made.add_argument("--cert", metavar="FILE", help="certificate of the client, instead of a user")
    made.add_argument("--key", metavar="FILE", help="its key")
    made.add_argument("--no-verify", action="store_true", help="take any certificate")
    made.add_argument("-n", "--name", action="append", help="only this one; several times: these")
    made.add_argument("-w", "--warning", metavar="RANGE", help="warn outside of it")
    made.add_argument("-c", "--critical", metavar="RANGE", help="critical outside of it")
    made.add_argument("-t", "--timeout", type=int, default=TIMEOUT_S, help="seconds (%(default)s)")
    made.add_argument("-V", "--version", action="store_true", help="show the version")
    return made


def wanted_of(words: Sequence[str], environment: Mapping[str, str]) -> Wanted:
    """Return what the command line asks for. Raises `CheckError`."""
    given = parser().parse_args(words)
    if not 1 <= given.timeout <= TIMEOUT_S_MAX:
        raise CheckError(f"--timeout is {given.timeout}: allowed are 1 to {TIMEOUT_S_MAX}")
    if bool(given.cert) != bool(given.key):
        raise CheckError("--cert and --key go together")
    if not given.user and not given.cert:
        raise CheckError("give a user with --user, or a certificate with --cert and --key")
    for file in filter(None, (given.ca, given.cert, given.key)):
        if not os.access(file, os.R_OK):
            raise CheckError(f"{file} cannot be read")
    credentials = (given.user, _password(given.password_file, environment)) if given.user else None
    return Wanted(
        mode=given.mode,
        servers=tuple(_url(host, given.port) for host in given.host),
        credentials=credentials,
        names=frozenset(given.name or ()),
        limits=Limits(
            parse_range(given.warning) if given.warning is not None else None,
            parse_range(given.critical) if given.critical is not None else None,
        ),
        timeout_s=given.timeout,
        authority=given.ca,
        client_certificate={"cert_file": given.cert, "key_file": given.key} if given.cert else None,
        is_unverified=given.no_verify,
    )


def _url(host: str, port: int) -> str:
    bracketed = f"[{host}]" if host.count(":") > 1 and not host.startswith("[") else host
    own_port = "" if re.search(r":\d+$", bracketed) else f":{port}"
    text = host if "://" in host else f"https://{bracketed}{own_port}"
    try:
        place = urlsplit(text)
        is_right = place.scheme in ("http", "https") and bool(place.hostname)
        (place.hostname or "").encode("idna")  # as whoever asks for its address does
        chosen = place.port or (5988 if place.scheme == "http" else PORT)
    except ValueError as fault:
        raise CheckError(f"--host {host[:80]!r} is no address: {fault}") from fault
    if not is_right or place.username or place.password or place.path.strip("/"):
        wanted = "give HOST, HOST:PORT or http(s)://HOST:PORT"
        raise CheckError(f"--host {host[:80]!r} is not understood: {wanted}")
    name = f"[{place.hostname}]" if ":" in (place.hostname or "") else place.hostname
    return f"{place.scheme}://{name}:{chosen}"


def _password(file: str | None, environment: Mapping[str, str]) -> str:
    if file is None:
        if PASSWORD not in environment:
            raise CheckError(f"no password: give --password-file, or set {PASSWORD}")
        return environment[PASSWORD]
    try:
        with Path(file).open("rb") as opened:
            is_open = stat.S_IMODE(os.fstat(opened.fileno()).st_mode) & 0o007
            first = opened.read(PASSWORD_BYTES_MAX).split(b"\n")[0].rstrip(b"\r")
    except OSError as fault:
        raise CheckError(f"{file} cannot be read: {fault.strerror}") from fault
    if is_open:
        raise CheckError(f"{file} is open to every user of the machine: chmod o= {file}")
    if not first:
        raise CheckError(f"{file} has no password in its first line")
    try:
        return first.decode("utf-8")
    except UnicodeDecodeError as fault:
        raise CheckError(f"{file} is not UTF-8") from fault


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _last_word(
    kind: type[BaseException], fault: BaseException, trace: TracebackType | None
) -> None:
    """Say that the plug-in has a fault of its own: in one line, and as the right code."""
    _say(f"BEATKEEPER UNKNOWN - fault in the check itself: {kind.__name__}: {plain(str(fault))}")
    os._exit(State.UNKNOWN)


def _time_is_up(signum: int, frame: object) -> None:
    """End at once: whatever is waited for may wait for ever."""
    _say("BEATKEEPER CRITICAL - no answer in time")
    os._exit(State.CRITICAL)


def main() -> None:
    """Run the check of this process's command line, and end with its exit code."""
    sys.excepthook = _last_word
    words = sys.argv[1:]
    if words and words[0] in ("-V", "--version"):
        _say(VERSION)
        raise SystemExit(State.UNKNOWN)
    if {"-h", "--help"} & set(words):
        _say(parser().format_help())
        raise SystemExit(State.UNKNOWN)
    mode = words[0].upper() if words and words[0] in MODES else ""
    try:
        wanted = wanted_of(words, os.environ)
        mode = wanted.mode.upper()
        signal.signal(signal.SIGALRM, _time_is_up)
        signal.alarm(wanted.timeout_s)
        state, text = check(wanted)
    except CheckError as fault:
        name = " ".join(filter(None, ("BEATKEEPER", mode, fault.state.name)))
        state, text = fault.state, f"{name} - {plain(str(fault))}"
    signal.alarm(0)
    _say(text)
    raise SystemExit(state)


if __name__ == "__main__":
    main()
