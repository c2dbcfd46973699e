"""What an administrator can set for the WBEM server, from `cimd.yaml` and the command line.

Owns: the settings, their defaults and bounds. The command line wins over the
file. Knows nothing of sockets.
"""

import ipaddress
import socket
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Final, cast

import msgspec
import yaml

HTTP_PORT: Final = 5988
HTTPS_PORT: Final = 5989
FILE_BYTES_MAX: Final = 65_536
ADDRESSES_MAX: Final = 32
CONNECTIONS_MAX: Final = 256
CONNECTIONS_PER_ADDRESS_MAX: Final = 128
LOOPBACK: Final = ("127.0.0.1", "::1")
EVERYWHERE: Final = ("0.0.0.0", "::")
SLP_PORT: Final = 427
PAM_SOCKET: Final = "/run/saslauthd/mux"

_Port = Annotated[int, msgspec.Meta(ge=0, le=65_535)]
_Names = Annotated[
    tuple[Annotated[str, msgspec.Meta(min_length=1, max_length=253)], ...],
    msgspec.Meta(max_length=ADDRESSES_MAX),
]


class SettingsError(Exception):
    """A setting is not acceptable; the text names the place and what is allowed."""


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings; field names are the keys of the file."""

    http: bool = True
    """Whether HTTP without encryption is offered."""
    http_port: _Port = HTTP_PORT
    """0 takes a free port."""
    https_port: _Port = HTTPS_PORT
    bind: _Names = ()
    """Addresses for both; none given: HTTPS on all. HTTP on those of loopback alone."""
    hosts: _Names = ()
    """Further names and addresses of the server, for its certificate."""
    certificate: str = ""
    """PEM file to use instead of our own; `key` goes with it."""
    key: str = ""
    client_ca: str = ""
    """PEM file of those whose certificates clients may show instead of a password."""
    client_certificate_required: bool = False
    """Whether a client without one is turned away in the handshake."""
    clear_text: bool = False
    """Whether HTTP without encryption, and passwords in it, may leave this machine."""
    pam_service: str = ""
    """Service of PAM by which passwords are checked, of users that are added with --pam."""
    pam_socket: str = PAM_SOCKET
    """Where saslauthd listens, which asks PAM for us."""
    slp: bool = False
    """Whether the server can be found by SLP: it then tells strangers that it is there."""
    slp_port: _Port = SLP_PORT
    slp_directory_agents: _Names = ()
    """IPv4 addresses of directory agents with which the server is registered."""
    connections: Annotated[int, msgspec.Meta(ge=1, le=10_000)] = CONNECTIONS_MAX
    """How many clients may be connected; more are turned away."""
    connections_per_address: Annotated[int, msgspec.Meta(ge=1, le=10_000)] = (
        CONNECTIONS_PER_ADDRESS_MAX
    )
    """How many of them from one address."""

    listener_verify: bool = True
    """Whether HTTPS listeners of indications must show a certificate that can be verified."""
    listener_ca: str = ""
    """PEM file of authorities for that, besides the machine's own."""
    listener_certificate: str = ""
    """PEM file with certificate and key that is shown to listeners which ask for one."""
    listener_networks: _Names = ()
    """Networks in which listeners may be; none given: anywhere."""
    listener_files: str = "listeners"
    """Directory of `file://` destinations; without a `/` in front below the server's own, empty:
    there may be none."""

    @property
    def http_addresses(self) -> tuple[str, ...]:
        """Where HTTP listens: nowhere but on loopback, unless clear text is allowed."""
        if self.clear_text:
            return self.bind or EVERYWHERE
        if not self.bind or set(self.bind) & set(EVERYWHERE):
            return LOOPBACK
        return tuple(each for each in self.bind if ipaddress.ip_address(each).is_loopback)

    @property
    def https_addresses(self) -> tuple[str, ...]:
        """Where HTTPS listens."""
        return self.bind or EVERYWHERE

    @property
    def certificate_hosts(self) -> tuple[str, ...]:
        """Names and addresses that the certificate is made for, the machine's own name first."""
        bound = tuple(address for address in self.bind if address not in EVERYWHERE)
        return (socket.gethostname(), "localhost", *LOOPBACK, *bound, *self.hosts)


def read_settings(path: Path) -> Settings:
    """Return the settings of a file, the defaults if there is none.

    Raises: SettingsError: it cannot be read, or holds what is not a setting.
    """
    try:
        with open(path, "rb") as file:
            raw = file.read(FILE_BYTES_MAX + 1)
    except FileNotFoundError:
        return Settings()
    except OSError as fault:
        raise SettingsError(f"{path} cannot be read: {fault.strerror}") from fault
    if len(raw) > FILE_BYTES_MAX:
        raise SettingsError(f"{path} is longer than {FILE_BYTES_MAX} bytes: shorten it")
    try:
        value = cast(object, yaml.safe_load(raw))
    except (yaml.YAMLError, UnicodeDecodeError, ValueError, RecursionError) as fault:
        raise SettingsError(f"{path} is not YAML: {fault}") from fault
    known = ", ".join(Settings.__dataclass_fields__)
    if value is None:
        return Settings()
    if not isinstance(value, dict):
        raise SettingsError(f"{path} holds no settings, expected a mapping of: {known}")
    unknown = sorted(str(name) for name in value if name not in Settings.__dataclass_fields__)
    if unknown:
        raise SettingsError(f"{path}: {', '.join(unknown)[:200]}: no such setting; known: {known}")
    try:
        return check(msgspec.convert(value, Settings))
    except (msgspec.ValidationError, SettingsError) as fault:
        raise SettingsError(f"{path}: {fault}") from fault


def check(settings: Settings) -> Settings:
    """Return the settings. Raises SettingsError: they do not fit together."""
    for address in settings.bind:
        try:
            ipaddress.ip_address(address)
        except ValueError as fault:
            raise SettingsError(f"bind: {address!r}, expected an IPv4 or IPv6 address") from fault
    for address in settings.slp_directory_agents:
        try:
            ipaddress.IPv4Address(address)
        except ValueError as fault:
            text = f"slp_directory_agents: {address!r}, expected an IPv4 address"
            raise SettingsError(text) from fault
    if bool(settings.certificate) != bool(settings.key):
        raise SettingsError("certificate and key: only one is given, expected both or none")
    if settings.client_certificate_required and not settings.client_ca:
        text = "client_certificate_required: give client_ca as well, which says whose certificates"
        raise SettingsError(text)
    for network in settings.listener_networks:
        try:
            ipaddress.ip_network(network)
        except ValueError as fault:
            text = f"listener_networks: {network!r}, expected a network such as 10.1.0.0/16"
            raise SettingsError(text) from fault
    return settings


def override(
    settings: Settings,
    *,
    http_port: int | None = None,
    https_port: int | None = None,
    bind: tuple[str, ...] = (),
    no_http: bool = False,
    clear_text: bool = False,
) -> Settings:
    """Return the settings with what the command line says. Raises SettingsError."""
    return check(
        replace(
            settings,
            http=settings.http and not no_http,
            http_port=settings.http_port if http_port is None else http_port,
            https_port=settings.https_port if https_port is None else https_port,
            bind=bind or settings.bind,
            clear_text=settings.clear_text or clear_text,
        )
    )
