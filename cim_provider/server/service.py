"""The WBEM server put together: engine, mapping, users, certificate, sockets.

Owns: the composition, the order of start and stop, and the record of where the
server listens. Knows nothing of the command line.
"""

import asyncio
import ipaddress
import json
import logging
import os
import signal
import socket
import ssl
import sys
import time
from collections.abc import Callable, Mapping as Table
from contextlib import suppress
from functools import partial
from pathlib import Path
from secrets import token_urlsafe
from typing import Final

import cim_provider
from cim_provider.drafts import DraftStore
from cim_provider.engine import ClusterEngine
from cim_provider.engines.ha_core import HaCoreEngine
from cim_provider.engines.ha_core_authority import HaCoreAuthority
from cim_provider.engines.ha_core_figures import HaCoreFigures
from cim_provider.engines.ha_core_shelf import HaCoreShelf
from cim_provider.engines.ha_core_users import HaCoreUsers
from cim_provider.indications.service import Indications
from cim_provider.mapping.counters import Statistics
from cim_provider.mapping.figures_held import Figures
from cim_provider.mapping.figures_statistics import figures_area
from cim_provider.mapping.history_results import results_area
from cim_provider.mapping.job_book import JobBook
from cim_provider.mapping.operations import Mapping
from cim_provider.mapping.pulls import Pulls
from cim_provider.mapping.statistics import statistics_area
from cim_provider.mapping.world import ServerIdentity
from cim_provider.mapping.write_area import writing_area
from cim_provider.schema import SchemaError, load_schema
from cim_provider.server.advertise import AdvertiseError, Slp, open_slp
from cim_provider.server.alarms import AccessAlarms, WatchedAudit
from cim_provider.server.audit import Audit, AuditFile
from cim_provider.server.auth import Authenticator
from cim_provider.server.client_certificate import peer_certificate
from cim_provider.server.connection import Connection, Limits
from cim_provider.server.forgetter import Forgetter
from cim_provider.server.job_keeper import JobKeeper, look
from cim_provider.server.keeper import Authority, Keeper, keep_certificate
from cim_provider.server.layout import ServerLayout
from cim_provider.server.lean import installed_version
from cim_provider.server.listener import BindError, Bound, Listener, bind
from cim_provider.server.listeners import base_store, listener_policy
from cim_provider.server.pam import SaslAuthd
from cim_provider.server.responder import Responder
from cim_provider.server.settings import Settings
from cim_provider.server.shared_users import SharedUsers, UserKeeper, take
from cim_provider.server.tls import CertificateError
from cim_provider.server.tuning import give_back_large_blocks, keep_turns_short
from cim_provider.server.turns import Turns
from cim_provider.server.users import UserFile, UsersError
from cim_provider.server.vital import Vital
from cim_provider.tasks import end_tasks
from cim_provider.wbem.operations import Performer

DISTRIBUTION: Final = "beatkeeper"
START_ERRORS: Final = (UsersError, CertificateError, BindError, SchemaError, AdvertiseError)
"""What `serve` raises where something outside must be mended first."""
LIMITS: Final = Limits()
CONTEXT_BYTES: Final = 24
"""The context of an open enumeration cannot be guessed."""

log = logging.getLogger(__name__)


def schema_texts() -> dict[str, str]:
    """Return the texts of the class declarations: of the wheel, or of the checkout."""
    package = Path(cim_provider.__file__).parent
    for directory in (package / "mof_data", package.parent / "mof"):
        texts = {file.name: file.read_text("utf-8") for file in sorted(directory.glob("*.mof"))}
        if texts:
            return texts
    return {}


def make_performer(
    engine: ClusterEngine,
    host: str,
    statistics: Statistics | None = None,
    indications: Indications | None = None,
    *,
    has_slp: bool = False,
    drafts: DraftStore | None = None,
    jobs: JobBook | None = None,
    figures: Figures | None = None,
) -> Mapping:
    """Return what carries out the operations on this engine. Raises SchemaError."""
    identity = identity_of(host, has_slp=has_slp)
    areas = [] if statistics is None else [statistics_area(statistics, wall_ms)]
    schema = load_schema(schema_texts())
    if indications is not None:
        areas.append(indications.area(schema))
    if drafts is not None:
        areas.append(writing_area(engine, drafts))
    areas.append(results_area(engine))
    if figures is not None:
        areas.append(figures_area(figures, wall_ms))
    pulls = Pulls(time.monotonic, partial(token_urlsafe, CONTEXT_BYTES))
    return Mapping(schema, engine, identity, areas, pulls, Turns(), jobs)


def identity_of(host: str, *, has_slp: bool = False) -> ServerIdentity:
    """Return who answers on this host."""
    return ServerIdentity(host, version=installed_version(DISTRIBUTION), has_slp=has_slp)


def wall_ms() -> int:
    """Return the time now, in milliseconds since 1970."""
    return int(time.time() * 1000)


class Service:
    """A server with its sockets open; made by `open`, which raises what can be wrong before."""

    def __init__(
        self,
        authenticator: Authenticator,
        https: Bound,
        keeper: Keeper,
        http: Bound | None,
        settings: Settings,
        audit: AuditFile,
        slp: Slp | None = None,
    ) -> None:
        self.slp = slp
        self.statistics = Statistics(wall_ms())
        self._authenticator = authenticator
        self._audit = audit
        self.keeper = keeper
        self._bound: list[tuple[Bound, ssl.SSLContext | None]] = [(https, keeper.context)]
        if http is not None:
            self._bound.append((http, None))
        self._settings = settings

    @classmethod
    async def open(
        cls, settings: Settings, layout: ServerLayout, authority: Authority | None = None
    ) -> "Service":
        """Check users and certificate and bind the ports; `authority` signs the certificate.

        Raises: UsersError, CertificateError, BindError, AdvertiseError: with the cure.
        """
        pam = SaslAuthd(Path(settings.pam_socket), settings.pam_service)
        users = UserFile(layout.users_file)
        await _take_users(users, layout)
        authenticator = Authenticator(users, pam=pam if settings.pam_service else None)
        if not authenticator.load():
            raise UsersError(f"{layout.users_file} holds no user: add one with {_cure(layout)}")
        keeper = await keep_certificate(settings, layout, authority)
        https = bind("https", settings.https_addresses, settings.https_port)
        http = None
        if settings.http and not settings.http_addresses:
            log.info("no HTTP: no address of loopback is bound, and clear_text is not set")
        elif settings.http:
            http = bind("http", settings.http_addresses, settings.http_port)
            _warn_of_clear_text(settings)
        audit = AuditFile(layout.audit_file)
        slp = open_slp(settings, identity_of(socket.gethostname()), https.port)
        return cls(authenticator, https, keeper, http, settings, audit, slp)

    def urls(self) -> dict[str, str]:
        """Return where clients on this machine reach the server, by scheme."""
        return {bound.scheme: _url(bound) for bound, _ in self._bound}

    async def run(
        self,
        performer: Performer,
        host: str,
        stopping: asyncio.Event,
        alarms: AccessAlarms | None = None,
        vital: Vital | None = None,
    ) -> None:
        """Serve until `stopping` is set, by `vital` too if work in the background ends."""
        audit: Audit = self._audit
        if alarms is not None:
            audit = WatchedAudit(audit, alarms)
            self._authenticator.on_failure = alarms.login_failed
        responder = Responder(performer, host, audit=audit, statistics=self.statistics)

        def connect(on_end: Callable[[Connection], None]) -> Connection:
            return Connection(
                self._authenticator, responder, LIMITS, on_end, certificate=peer_certificate
            )

        listener = Listener(
            connect,
            connections_max=self._settings.connections,
            connections_per_address_max=self._settings.connections_per_address,
        )
        for bound, context in self._bound:
            listener.start(bound, context)
        keep_turns_short()
        beside = [asyncio.create_task(self.keeper.run(), name="certificate")]
        if self.slp is not None:
            beside.append(asyncio.create_task(self.slp.run(), name="slp"))
        (vital or Vital(stopping)).watch((*beside, *listener.background))
        try:
            await stopping.wait()
        finally:
            await end_tasks(*beside)
            await listener.stop()
            self._authenticator.close()
            self._audit.close()


async def serve(settings: Settings, layout: ServerLayout) -> None:
    """Run the server over the cluster of this node until a signal asks it to end.

    Raises: one of `START_ERRORS`: it cannot start; the text holds the cure. BrokenError: it has
    ended because work in the background has.
    """
    give_back_large_blocks()
    service = await Service.open(settings, layout, HaCoreAuthority(layout.root))
    host = socket.gethostname()
    stopping, loop = asyncio.Event(), asyncio.get_running_loop()
    vital = Vital(stopping)
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    loop.add_signal_handler(signal.SIGHUP, service.keeper.ask)
    figures = Figures()
    async with (
        HaCoreEngine(layout.root) as engine,
        HaCoreShelf(layout.root) as shelf,
        HaCoreFigures(figures, engine, layout.root) as measuring,
    ):
        vital.watch((*engine.background, *shelf.background, *measuring.background))
        indications = Indications(
            shelf,
            wall_ms,
            listener_policy(settings, layout.certificate_file, layout.state),
            base_store(layout.indications_file),
        )
        alarms = AccessAlarms(indications.raise_alerts, time.monotonic)
        has_slp = service.slp is not None
        performer = make_performer(
            engine,
            host,
            service.statistics,
            indications,
            has_slp=has_slp,
            drafts=(drafts := DraftStore(shelf)),
            jobs=(jobs := JobBook(shelf, wall_ms, look=look)),
            figures=figures,
        )
        urls = service.urls()
        record(layout.state_file, {**urls, "pid": os.getpid()})
        sys.stderr.write(f"READY {' '.join(urls.values())}\n")
        sys.stderr.flush()
        _tell_service_manager("READY=1")
        keeper = JobKeeper(jobs, performer.world, time.monotonic)
        beside = [
            asyncio.create_task(indications.run(performer, engine, host), name="tell"),
            asyncio.create_task(keeper.run(engine), name="keep jobs"),
            asyncio.create_task(
                UserKeeper(UserFile(layout.users_file), shelf).run(), name="keep users"
            ),
            asyncio.create_task(Forgetter(engine, drafts, figures).run(), name="forget"),
        ]
        vital.watch(beside)
        try:
            await service.run(performer, host, stopping, alarms, vital)
        finally:
            stopping.set()
            await end_tasks(*beside)
            _tell_service_manager("STOPPING=1")
            with suppress(OSError):  # as it was written, or not
                layout.state_file.unlink(missing_ok=True)
    vital.check()
    log.info("ended as asked")


async def _take_users(file: UserFile, layout: ServerLayout) -> None:
    """Take the users of all nodes, if this node's daemon answers: on a new one there are no others.

    Raises: UsersError: they cannot be taken.
    """
    table = await HaCoreUsers(layout.root).known()
    if isinstance(table, SharedUsers):
        await asyncio.to_thread(take, file, table)


def record(path: Path, state: Table[str, str | int]) -> None:
    """Write the state file, whole or not at all; where the directory is not ours, do without."""
    temporary = path.with_name(f".{path.name}.new")
    try:
        path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        temporary.write_text(json.dumps(state) + "\n")
        os.replace(temporary, path)
    except OSError as fault:
        log.info("%s is not written (%s)", path, fault.strerror)


def _cure(layout: ServerLayout) -> str:
    root = "" if layout.root is None else f" --root {layout.root}"
    return f"'ha-cimd passwd{root} USER'"


def _url(bound: Bound) -> str:
    """Return a URL that works: an address that means all is reached by loopback."""
    address = ipaddress.ip_address(bound.sockets[0].getsockname()[0])
    if address.is_unspecified:
        address = ipaddress.ip_address("127.0.0.1" if address.version == 4 else "::1")
    host = f"[{address}]" if address.version == 6 else str(address)
    return f"{bound.scheme}://{host}:{bound.port}"


def _warn_of_clear_text(settings: Settings) -> None:
    for address in settings.http_addresses:
        if not ipaddress.ip_address(address).is_loopback:
            log.warning("HTTP on %s: clear_text lets passwords be read on the way", address)


def _tell_service_manager(state: str) -> None:
    """Speak systemd's readiness protocol. Source: sd_notify(3)."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock, suppress(OSError):
        sock.connect("\0" + address[1:] if address.startswith("@") else address)
        sock.sendall(state.encode())
