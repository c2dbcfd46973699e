"""The daemon's end of the guardian: starts it, asks it, and misses it at once.

Owns: the guardian process, the requests under way, and which resources it
holds. Starts a new guardian when the old one dies, and reports everything that
died with it. Knows nothing of agents. Protocol: docs/agents.md, "The guardian".
"""

import asyncio
import contextlib
import fcntl
import json
import logging
import socket
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Final

from ha_core.errors import HaError
from ha_core.ids import Millis
from ha_core.layout import Layout
from ha_core.runtime.guardian_deputy import Page
from ha_core.runtime.guardian_end import LATE_GUARDIAN, NO_GUARDIAN, SHUTDOWN_S, cause_of, end, tell
from ha_core.runtime.guardian_main import PACKET_BYTES_MAX
from ha_core.runtime.guardian_requests import Answer, Claim, Launch

TOO_LATE: Final = "the guardian did not answer in time and was replaced"
SLOW: Final = "it took too long"
LATE: Final = (TOO_LATE, SLOW)
"""Faults of a request that was not answered in time."""
READY_S: Final = 10.0
RESTART_PAUSE_S: Final = 1.0
"""Pause before a guardian that died young is replaced, so that a broken one does not spin."""
YOUNG_S: Final = 1.0
BACKLOG_MAX: Final = 1000
"""A guardian that leaves so many packets unread is stuck."""
STUCK_MS: Final = 2000
"""So is one that leaves any packet unread for so long: it has priority and never waits."""
UNREAD_LOOKS: Final = 4
UNREAD_PAUSE_S: Final = 0.03
"""A packet that was sent this moment is no sign of one that stands still: look again."""
OVERDUE_MS: Final = 100
"""A guardian that has not reported its kills so long after the lease's end did not kill."""
_BOOT: Final = (
    "import sys; sys.path.insert(0, sys.argv[1]); "
    "from ha_core.runtime.guardian_main import main; main()"
)
_ROOT: Final = Path(__file__).resolve().parents[2]

log = logging.getLogger(__name__)


class GuardianError(HaError):
    """The guardian cannot be started: nothing may run under a lease here."""

    code = "guardian"


def boottime_ms() -> Millis:
    """Return CLOCK_BOOTTIME in milliseconds: the clock of leases, which a suspend does not stop."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000


class Guardian:
    """Starts and asks the guardian; `on_died(resource, reason)` is told of every unasked death."""

    def __init__(self, layout: Layout, owner: str = "") -> None:
        self._scope = str(layout.run.absolute())
        self._owner = owner or self._scope
        self.on_died: Callable[[str, str], None] = _nobody_cares
        self.on_paused: Callable[[Millis, Millis], None] = _paused
        """Called when it did not run for so long, and so ended what it held so late (0: it did
        not)."""
        self.on_ended: Callable[[int, str], None] = tell
        """Called with process id and reason when it has ended unasked; another one starts."""
        self.on_broken: Callable[[str], None] = log.error
        """Called with a sentence when the watchdog does not do its duty any more."""
        self._watchdog: dict[str, object] = {}
        self._watched: set[str] = set()
        self.leftovers: Callable[[], tuple[bytes, ...]] = tuple
        """Called when a guardian starts: requests that remove what an earlier one could not."""
        self._page = Page.made()
        self._process: subprocess.Popen[bytes] | None = None
        self._channel: socket.socket | None = None
        self._started_s = 0.0
        self._until_ms: Millis = 0
        self._next = 0
        self._pending: dict[int, asyncio.Future[Answer]] = {}
        self._held: set[str] = set()
        self._ready: asyncio.Event = asyncio.Event()
        self._is_closed = False
        self._is_replaced = False
        """Whether this daemon has killed the guardian that is about to go."""
        self._backlog: list[bytes] = []
        self._unread_since_ms: Millis = 0
        self._overdue: asyncio.TimerHandle | None = None

    @property
    def pid(self) -> int:
        """Process id of the guardian; 0 if there is none at the moment."""
        return self._process.pid if self._process else 0

    # --- life ----------------------------------------------------------------------------

    async def start(self) -> None:
        """Start the guardian and wait until it has swept and answers. Raises GuardianError."""
        self._spawn()
        try:
            async with asyncio.timeout(READY_S):
                await self._ready.wait()
        except TimeoutError:
            text = f"the guardian was not ready within {READY_S:g} s: is this machine overloaded?"
            raise GuardianError(text) from None

    async def close(self) -> None:
        """Let go of the guardian; whatever it still holds dies with it, then it ends."""
        self._is_closed = True
        if self._overdue is not None:
            self._overdue.cancel()
        process, self._process = self._process, None
        self._drop_channel()
        self._fail_pending()
        if process is not None:
            await asyncio.to_thread(end, process)
            self._page.close()

    def _spawn(self) -> None:
        if self._is_closed:
            return
        try:
            self._process, self._channel = self._started()
        except OSError as fault:
            log.error("the guardian cannot be started (%s): tried again", fault.strerror)
            asyncio.get_running_loop().call_later(RESTART_PAUSE_S, self._spawn)
            return
        self._started_s = time.monotonic()
        self._unread_since_ms = 0
        self._is_replaced = False
        self._page.note_strike(0)
        asyncio.get_running_loop().add_reader(self._channel, self._readable)
        for remove in self.leftovers():
            self._send({"do": "release", "resource": "", "remove": remove.hex()})
        if self._watchdog:
            self._send({**self._watchdog, "names": sorted(self._watched)})
        if self._until_ms:
            self.hold(self._until_ms)

    def _started(self) -> tuple[subprocess.Popen[bytes], socket.socket]:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        fds = (theirs.fileno(), *self._page.descriptors)
        arguments = [str(_ROOT), *map(str, fds), self._scope, self._owner]
        with contextlib.ExitStack() as undo, theirs:
            undo.callback(ours.close)
            process = subprocess.Popen(
                [sys.executable, "-I", "-S", "-c", _BOOT, *arguments],
                stdin=subprocess.DEVNULL,
                pass_fds=fds,
                start_new_session=True,
                cwd="/",
            )
            undo.pop_all()
        ours.setblocking(False)
        return process, ours

    def _lost(self) -> None:
        """The guardian is gone, and with it everything that it held."""
        self._drop_channel()
        self._ready.clear()
        late_ms = self._page.struck_ms
        if self._process is not None:
            self._process.kill()
            status = self._process.wait()
            why = cause_of(status, late_ms, is_replaced=self._is_replaced)
            self.on_ended(self._process.pid, why)
        self._process = None
        held, self._held = sorted(self._held), set()
        loop = asyncio.get_running_loop()
        if time.monotonic() - self._started_s > YOUNG_S:
            self._spawn()
        else:
            loop.call_later(RESTART_PAUSE_S, self._spawn)
        self._fail_pending()
        for resource in held:
            self.on_died(resource, LATE_GUARDIAN if late_ms else NO_GUARDIAN)

    def _drop_channel(self) -> None:
        self._backlog.clear()
        if self._channel is not None:
            loop = asyncio.get_running_loop()
            loop.remove_reader(self._channel)
            loop.remove_writer(self._channel)
            self._channel.close()
            self._channel = None

    def _fail_pending(self) -> None:
        pending, self._pending = self._pending, {}
        for future in pending.values():
            if not future.done():
                future.set_result(Answer(NO_GUARDIAN))

    # --- requests ------------------------------------------------------------------------

    def hold(self, until_ms: Millis) -> None:
        """Let what it holds live until `until_ms` (CLOCK_BOOTTIME) and no longer; 0 ends it now."""
        self._watch()
        if until_ms < self._until_ms and self._overdue is not None:
            self._overdue.cancel()
            self._overdue = None
        self._until_ms = until_ms
        self._page.let_run(until_ms or boottime_ms())
        self._send({"do": "hold", "until": until_ms, "sent": boottime_ms()})
        self._look_later()

    def _watch(self) -> None:
        """A guardian that stands still would let everything live on: see that it does not."""
        now_ms = boottime_ms()
        if not self._has_unread():
            self._unread_since_ms = 0
        elif not self._unread_since_ms:
            self._unread_since_ms = now_ms
        elif now_ms - self._unread_since_ms >= STUCK_MS:
            self._replace()

    def _look_later(self) -> None:
        if self._overdue is None and self._held:
            after_ms = max(self._until_ms + OVERDUE_MS - boottime_ms(), OVERDUE_MS)
            loop = asyncio.get_running_loop()
            self._overdue = loop.call_later(after_ms / 1000, self._look)

    def _look(self) -> None:
        """After the lease's end, what is still held shows a guardian that does not act."""
        self._overdue = None
        is_over = boottime_ms() >= self._until_ms + OVERDUE_MS
        if self._held and is_over and self._has_unread():
            self._replace()
        elif self._held and is_over:
            self._send({"do": "check", "id": 0})  # to be found unread next time
        self._look_later()

    def _has_unread(self) -> bool:
        """Return whether the guardian has left packets unread. Source: unix(7), SIOCOUTQ."""
        if self._channel is None:
            return False
        raw = fcntl.ioctl(self._channel, termios.TIOCOUTQ, bytes(4))
        return bool(self._backlog) or struct.unpack("i", raw)[0] > 0

    async def launch(self, launch: Launch, timeout_ms: Millis) -> Answer:
        """Start a process; answered when exec has succeeded."""
        return await self._begin(launch.resource, launch.request(), timeout_ms)

    async def claim(self, claim: Claim, timeout_ms: Millis) -> Answer:
        """Claim an address; the fault is an error name such as EADDRINUSE."""
        return await self._begin(claim.resource, claim.request(), timeout_ms)

    async def stop(self, resource: str, grace_ms: Millis) -> Answer:
        """Ask a process to end, kill it after `grace_ms`; answered when nothing of it is left."""
        request = {"do": "stop", "resource": resource, "grace": grace_ms}
        answer = await self._ask_whoever_lives(request, grace_ms + round(SHUTDOWN_S * 1000))
        if not answer.fault:
            self._held.discard(resource)
        return answer

    async def release(self, resource: str, remove: bytes, timeout_ms: Millis) -> Answer:
        """Give up an address; `remove` is carried out even if the guardian does not hold it."""
        request = {"do": "release", "resource": resource, "remove": remove.hex()}
        answer = await self._ask_whoever_lives(request, timeout_ms)
        if not answer.fault:
            self._held.discard(resource)
        return answer

    async def use_watchdog(self, path: str, timeout_s: int, wanted: Iterable[str]) -> Answer:
        """Take this watchdog for what wants it already and what will; a fault says what it lacks.

        Nothing wants it: it is tried out, and disarmed again.
        """
        self._watched = set(wanted)
        self._watchdog = {"do": "watchdog", "path": path, "timeout": timeout_s}
        answer = await self._ask(
            {**self._watchdog, "names": sorted(self._watched)}, round(SHUTDOWN_S * 1000)
        )
        if answer.fault:
            self._watchdog = {}
        return answer

    async def watch(
        self, resource: str, not_after_ms: Millis | None, *, is_found: bool = False
    ) -> Answer:
        """Arm the watchdog before a resource that it guards is started; or for one that was found
        running: then as soon as there is a lease.
        """
        self._watched.add(resource)
        request = {
            "do": "watch",
            "resource": resource,
            "not_after": not_after_ms,
            "found": is_found,
        }
        return await self._ask(request, round(SHUTDOWN_S * 1000))

    async def unwatch(self, resource: str) -> Answer:
        """The resource has ended: the last one disarms the watchdog."""
        self._watched.discard(resource)
        return await self._ask({"do": "unwatch", "resource": resource}, round(SHUTDOWN_S * 1000))

    async def check(self, resource: str, timeout_ms: Millis) -> Answer:
        """Ask whether the guardian holds the resource alive."""
        return await self._ask({"do": "check", "resource": resource}, timeout_ms)

    async def look(self, resource: str, timeout_ms: Millis) -> Answer:
        """Ask the same out of curiosity: a guardian that does not answer is left alone."""
        request = {"do": "check", "resource": resource}
        return await self._ask(request, timeout_ms, is_needed=False)

    async def _begin(
        self, resource: str, request: Mapping[str, object], timeout_ms: Millis
    ) -> Answer:
        # Known as held before the answer: if the guardian dies in between, it must be reported.
        self._held.add(resource)
        self._look_later()
        answer = await self._ask(request, timeout_ms)
        if answer.fault:
            self._held.discard(resource)
        return answer

    async def _ask_whoever_lives(self, request: Mapping[str, object], timeout_ms: Millis) -> Answer:
        """Ask for an end, and the next guardian if this one dies of it: it sweeps, and then knows.

        The end of something is no failure because the guardian ended with it.
        """
        loop = asyncio.get_running_loop()
        deadline_s = loop.time() + timeout_ms / 1000
        while True:
            left_ms = max(round((deadline_s - loop.time()) * 1000), 1)
            answer = await self._ask(request, left_ms)
            if answer.fault != NO_GUARDIAN or self._is_closed or loop.time() >= deadline_s:
                return answer

    async def _ask(
        self, request: Mapping[str, object], timeout_ms: Millis, *, is_needed: bool = True
    ) -> Answer:
        if self._is_closed:
            return Answer(NO_GUARDIAN)
        self._next += 1
        number = self._next
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(timeout_ms / 1000):
                await self._ready.wait()
                self._pending[number] = future
                self._send({**request, "id": number})
                return await future
        except TimeoutError:
            # One that reads is at work: a command on a hung disk must not cost all others.
            if is_needed and (not self._ready.is_set() or await self._reads_nothing()):
                self._replace()
                return Answer(TOO_LATE)
            return Answer(SLOW)
        finally:
            self._pending.pop(number, None)

    async def _reads_nothing(self) -> bool:
        for _ in range(UNREAD_LOOKS):
            if not self._has_unread():
                return False
            await asyncio.sleep(UNREAD_PAUSE_S)
        return True

    def _replace(self) -> None:
        """A guardian that does not answer protects nothing: kill it, which kills what it holds."""
        if self._process is not None:
            log.error("the guardian (process %d) does not answer and is killed", self._process.pid)
            self._is_replaced = True
            self._process.kill()

    # --- the channel ---------------------------------------------------------------------

    def _send(self, message: Mapping[str, object]) -> None:
        if self._channel is None:
            return
        packet = json.dumps(message).encode()
        assert len(packet) <= PACKET_BYTES_MAX, "parameters are bounded where they are parsed"
        self._backlog.append(packet)
        if len(self._backlog) > BACKLOG_MAX:
            self._replace()
        if len(self._backlog) == 1:
            self._writable()

    def _writable(self) -> None:
        assert self._channel is not None
        loop = asyncio.get_running_loop()
        while self._backlog:
            try:
                self._channel.send(self._backlog[0])
            except BlockingIOError:
                loop.add_writer(self._channel, self._writable)
                return
            except ConnectionError:
                break  # its end is read as well, and handled there
            del self._backlog[0]
        loop.remove_writer(self._channel)

    def _readable(self) -> None:
        while self._channel is not None:
            try:
                packet = self._channel.recv(PACKET_BYTES_MAX)
            except BlockingIOError:
                return
            except ConnectionError:
                packet = b""
            if not packet:
                self._lost()
                return
            self._take(json.loads(packet))

    def _take(self, message: Mapping[str, object]) -> None:
        match message["is"]:
            case "ready":
                self._ready.set()
            case "died":
                resource = str(message["resource"])
                self._held.discard(resource)
                self.on_died(resource, str(message["reason"]))
            case "broken":
                self.on_broken(str(message["text"]))
            case "paused":
                self.on_paused(int(str(message["ms"])), int(str(message["late"])))
            case "done":
                number, pid = message["id"], message.get("pid", 0)
                assert isinstance(number, int)
                assert isinstance(pid, int)
                future = self._pending.get(number)
                if future is not None and not future.done():
                    held, killed = bool(message.get("held")), bool(message.get("killed"))
                    future.set_result(Answer(str(message["fault"]), held, killed, pid))


def _nobody_cares(resource: str, reason: str) -> None:
    log.warning("resource '%s' died, and nobody asked to be told: %s", resource, reason)


def _paused(paused_ms: Millis, late_ms: Millis) -> None:
    log.warning("the guardian did not run for %d ms, %d ms of them too late", paused_ms, late_ms)
