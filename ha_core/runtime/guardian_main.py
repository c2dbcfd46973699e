"""The guardian: a small process that owns whatever runs under the run lease, and ends it in time.

Owns: supervised processes, claims on addresses, and the moment when they must
be gone: the end of the lease, the death of the daemon, or the loss of its end
of the channel. It never touches a disk or waits for anything but its poll set,
so that neither can delay a kill. Knows nothing of agents or configurations.
A bare interpreter runs it, with the standard library's smallest parts alone.
Protocol and states: docs/agents.md, "The guardian".
"""

import errno
import json
import os
import select
import signal
import socket
import sys
from typing import Final

from ha_core.runtime import guardian_os as kernel
from ha_core.runtime.gate_lifetime import Claim
from ha_core.runtime.guardian_deputy import Deputy, Page
from ha_core.runtime.guardian_kin import LEFT, LOOK_MS, Kin
from ha_core.runtime.guardian_os import number
from ha_core.runtime.guardian_process import Process
from ha_core.runtime.guardian_waker import Waker
from ha_core.runtime.guardian_watch import Watch
from ha_core.runtime.watchdog import WatchdogError

KILL_LEAD_MS: Final = 5
"""The guardian strikes so much before the lease ends: a kill takes effect within this time."""
PACKET_BYTES_MAX: Final = 160 * 1024
PACKETS_AT_ONCE_MAX: Final = 256
"""Packets taken in before the lease is looked at again."""
OUTBOX_MAX: Final = 4096
CLEAR_EVERY_MS: Final = 2
CLEAR_MS_MAX: Final = 2000
"""Remnants that survive SIGKILL for so long (uninterruptible sleep) are reported as left over."""
PAUSE_MS: Final = 250
"""Not having run for so long is worth a word in the journal."""
OWNER_BACKLOG: Final = 16
OWNER_BYTES_MAX: Final = 200
LEASE_OVER: Final = "lease ran out"

Message = dict[str, object]


class Guardian:
    """Does what the daemon asks, and ends everything when the lease or the daemon ends."""

    def __init__(self, channel: socket.socket, page: Page, scope: str, owner: str) -> None:
        self._channel = channel
        self._page = page
        self._scope = scope
        self._owner = owner.encode()[:OWNER_BYTES_MAX]
        self._timer = kernel.Timer()
        self._waker = Waker()
        self._poll = select.poll()
        self._until_ms = 0
        self._processes: dict[str, Process] = {}
        self._claims: dict[str, Claim] = {}
        self._queue: list[Message] = []
        self._outbox: list[bytes] = []
        self._is_alone = False
        self._daemon = os.pidfd_open(os.getppid())
        self._deputy = Deputy(page)
        self._kin = Kin(page)
        self._watch = Watch()
        self._looked_ms = kernel.now_ms()
        self._late_ms = 0
        """How late the last lease's end was noticed; 0 once that was told."""

    # --- the loop ------------------------------------------------------------------------

    def run(self) -> None:
        """Serve until the daemon is gone and everything has ended."""
        self._channel.setblocking(False)
        self._page.note(False)
        self._kin.sweep(self._scope)
        self._deputy.look_after(())
        self._poll.register(self._timer.fd, select.POLLIN)
        self._poll.register(self._daemon, select.POLLIN)
        self._tell({"is": "ready", "pid": os.getpid()})
        while not (self._is_alone and not self._processes):
            self._step()

    def _step(self) -> None:
        due_ms = self._next_ms()
        self._timer.set(due_ms)
        interest = select.POLLIN | (select.POLLOUT if self._outbox else 0)
        if not self._is_alone:
            self._poll.register(self._channel, interest)
        ready = {fd for fd, _ in self._poll.poll()}
        if self._timer.fd in ready:
            self._timer.take()
        if self._daemon in ready:
            self._abandon("the daemon died")
        elif self._channel.fileno() in ready:
            self._take_in()
        self._check_lease()
        self._tend_watchdog()
        self._tell_pause(due_ms)
        self._look_after(ready)
        queue, self._queue = self._queue, []
        for message in queue:
            self._check_lease()
            self._do(message)
        lives = any(not process.was_killed for process in self._processes.values())
        self._page.note(bool(self._claims) or lives)
        self._flush()

    def _tell_pause(self, due_ms: int) -> None:
        """Say that this process did not run for a while, once the lease has been looked at."""
        now_ms = kernel.now_ms()
        paused_ms = now_ms - due_ms if due_ms else 0
        self._looked_ms = now_ms
        if paused_ms >= PAUSE_MS:
            self._tell({"is": "paused", "ms": paused_ms, "late": self._late_ms})
        self._late_ms = 0

    def _next_ms(self) -> int:
        """Return when something is due by time alone, or 0."""
        due = [p.kill_at_ms for p in self._processes.values() if p.kill_at_ms]
        if watch_ms := self._watch.due_ms(self._until_ms):
            due.append(watch_ms)
        if any(p.status is not None for p in self._processes.values()):
            due.append(kernel.now_ms() + CLEAR_EVERY_MS)
        if self._until_ms and (self._processes or self._claims):
            due.append(min(self._until_ms - KILL_LEAD_MS, self._looked_ms + LOOK_MS))
        return min(due, default=0)

    def _take_in(self) -> None:
        """Read what the daemon sent; leases count at once, everything else waits its turn."""
        for _ in range(PACKETS_AT_ONCE_MAX):
            try:
                packet = self._channel.recv(PACKET_BYTES_MAX)
            except BlockingIOError:
                return
            except ConnectionError:
                packet = b""
            if not packet:
                self._abandon("the daemon closed its end")
                return
            message = json.loads(packet)
            if message["do"] == "hold":
                self._hold(message["until"], message["sent"])
            else:
                self._queue.append(message)

    def _tell(self, message: Message) -> None:
        assert len(self._outbox) < OUTBOX_MAX, "the daemon asks without reading"
        self._outbox.append(json.dumps(message).encode())

    def _flush(self) -> None:
        while self._outbox and not self._is_alone:
            try:
                self._channel.send(self._outbox[0])
            except BlockingIOError:
                return
            except (BrokenPipeError, ConnectionError):
                self._abandon("the daemon closed its end")
                return
            del self._outbox[0]

    # --- the lease -----------------------------------------------------------------------

    def _hold(self, until_ms: int, sent_ms: int) -> None:
        """Set the lease's end. A renewal given while it ran counts however late it is read; one
        that was given after its end does not undo that end: somebody else may have had the right
        since.
        """
        self._waker.set(until_ms - KILL_LEAD_MS)
        if until_ms == 0:
            self._until_ms = 0
            self._end_all("the lease was given up")
            return
        if sent_ms >= self._until_ms:
            self._run_out()
        self._until_ms = until_ms
        for claim in self._claims.values():
            claim.keep(until_ms)

    def _check_lease(self) -> None:
        if self._until_ms and not self._is_leased():
            self._run_out()

    def _run_out(self) -> None:
        if self._processes or self._claims:
            self._late_ms = max(kernel.now_ms() - self._until_ms, 0)
        self._end_all("the lease ran out")
        self._until_ms = 0

    def _is_leased(self) -> bool:
        return kernel.now_ms() < self._until_ms - KILL_LEAD_MS

    def _end_all(self, why: str) -> None:
        """Kill and release everything, groups first because that is quickest."""
        for process in self._processes.values():
            self._kill(process, why)
        for resource in list(self._claims):
            self._release(resource)
            self._tell({"is": "died", "resource": resource, "reason": why})
        refused = [m for m in self._queue if m["do"] in ("start", "claim")]
        self._queue = [m for m in self._queue if m not in refused]
        for message in refused:
            self._answer(number(message, "id"), LEASE_OVER)
        if self._processes:
            kernel.kill_descendants(os.getpid(), but=self._deputy.pid)
        self._page.note(False)

    def _abandon(self, why: str) -> None:
        """Nobody is there to answer to: end everything, then this process."""
        if not self._is_alone:
            self._is_alone = True
            self._poll.unregister(self._channel)
            self._poll.unregister(self._daemon)
            self._until_ms = 0
            self._queue.clear()
            self._end_all(why)
            self._queue.clear()
            self._outbox.clear()

    def _tend_watchdog(self) -> None:
        try:
            self._watch.tend(self._until_ms)
        except WatchdogError as fault:
            self._tell({"is": "broken", "text": str(fault)})

    # --- requests ------------------------------------------------------------------------

    def _answer(self, request: int, fault: str = "", **more: object) -> None:
        if request:
            self._tell({"is": "done", "id": request, "fault": fault, **more})

    def _do(self, message: Message) -> None:
        request, resource = number(message, "id"), str(message.get("resource", ""))
        match message["do"]:
            case "start":
                self._start(request, resource, message)
            case "stop":
                self._stop(request, resource, number(message, "grace"))
            case "claim":
                self._claim(request, resource, message)
            case "release":
                self._release(resource)
                fault = kernel.send_netlink(bytes.fromhex(str(message.get("remove", ""))))
                self._answer(request, fault if fault != "EADDRNOTAVAIL" else "")
            case "check":
                self._check(request, resource, message)
            case "watchdog":
                names = kernel.texts(message["names"])
                path, timeout_s = str(message["path"]), number(message, "timeout")
                self._answer(request, self._watch.use(path, timeout_s, names))
            case "watch":
                self._arm(request, resource, message)
            case "unwatch":
                self._watch.let_go(resource)
                self._answer(request)
            case unknown:
                self._answer(request, f"the guardian does not know the request '{unknown}'")

    def _arm(self, request: int, resource: str, message: Message) -> None:
        is_found = bool(message.get("found"))
        if not is_found and not self._may_begin(message):
            self._answer(request, LEASE_OVER)
            return
        try:
            is_armed = self._watch.want(resource, self._until_ms)
        except WatchdogError as fault:
            self._tell({"is": "broken", "text": str(fault)})
            self._answer(request, str(fault))
        else:
            self._answer(request, "" if is_armed or is_found else LEASE_OVER)

    def _may_begin(self, message: Message) -> bool:
        limit = message.get("not_after")
        return self._is_leased() and (
            limit is None or kernel.now_ms() < number(message, "not_after")
        )

    def _start(self, request: int, resource: str, message: Message) -> None:
        held = self._processes.get(resource)
        if not self._may_begin(message):
            self._answer(request, LEASE_OVER)
            return
        if held is not None and held.is_ending():
            self._queue.append(message)  # its end wakes this process, which then begins anew
            return
        if held is not None:
            self._answer(request, pid=held.pid)
            return
        if self._kin.is_left(resource):
            self._answer(request, LEFT)
            return
        try:
            process = self._forked(request, resource, message)
        except OSError as error:
            self._answer(request, f"no process can be made: {error.strerror}")
            return
        self._processes[resource] = process
        self._poll.register(process.pidfd, select.POLLIN)
        self._poll.register(process.exec_fd, select.POLLIN)

    def _forked(self, request: int, resource: str, message: Message) -> Process:
        """Return the process, begun. Raises OSError if this machine has no room for it."""
        self._page.note(True)
        reader, writer = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        try:
            parent = os.getpid()
            pid = os.fork()
            if pid == 0:
                kernel.become(message, self._scope, writer, parent)
        except OSError:
            os.close(reader)
            raise
        finally:
            os.close(writer)
        try:
            return Process(resource, request, pid, reader)
        except OSError:
            os.close(reader)
            os.kill(pid, signal.SIGKILL)  # our child, that nobody has reaped
            raise

    def _stop(self, request: int, resource: str, grace_ms: int) -> None:
        for message in [m for m in self._queue if m["do"] == "start"]:
            if message["resource"] == resource:
                self._queue.remove(message)
                self._answer(number(message, "id"), "it was stopped before it began")
        process = self._processes.get(resource)
        if process is None:
            self._answer(request, LEFT if self._kin.is_left(resource) else "")
            return
        self._answer(process.stop_request, "another stop replaced this one")
        process.stop_request = request
        if process.status is not None:
            return
        self._look_at_kin()  # as long as those live by whom they are known
        if grace_ms <= 0 or process.exec_fd >= 0:
            self._kill(process, "")
        else:
            kernel.signal_group(process.pid, signal.SIGTERM)
            process.kill_at_ms = kernel.now_ms() + grace_ms

    def _claim(self, request: int, resource: str, message: Message) -> None:
        if resource in self._claims:
            self._answer(request)
            return
        if not self._may_begin(message):
            self._answer(request, LEASE_OVER)
            return
        self._page.note(True)
        holder, name = None, str(message.get("name", ""))
        if name:
            try:
                holder = kernel.bound("\0" + name)
            except OSError as error:
                self._answer(request, errno.errorcode.get(error.errno or 0, str(error)))
                return
            holder.listen(OWNER_BACKLOG)
            self._poll.register(holder, select.POLLIN)
        add, remove = (bytes.fromhex(str(message.get(key, ""))) for key in ("add", "remove"))
        claim = Claim(holder, add, remove, spare_s=number(message, "spare"))
        self._claims[resource] = claim
        fault = claim.put(self._until_ms)
        if fault:
            self._release(resource)
        self._answer(request, fault)

    def _check(self, request: int, resource: str, message: Message) -> None:
        process = self._processes.get(resource)
        if process is not None and process.status is not None:
            self._queue.append(message)  # what it has left is being ended
            return
        held = process is not None or resource in self._claims
        left = LEFT if not held and self._kin.is_left(resource) else ""
        self._answer(request, left, held=held, pid=process.pid if process is not None else 0)

    def _release(self, resource: str) -> None:
        claim = self._claims.pop(resource, None)
        if claim is None:
            return
        kernel.send_netlink(claim.remove)
        if claim.holder is not None:
            self._poll.unregister(claim.holder)
            claim.holder.close()

    # --- processes -----------------------------------------------------------------------

    def _kill(self, process: Process, why: str) -> None:
        process.kill_at_ms = 0
        process.was_killed = True
        process.why = process.why or why
        if process.status is None and not kernel.signal_group(process.pid, signal.SIGKILL):
            os.kill(process.pid, signal.SIGKILL)  # forked, but not yet leader of a group

    def _look_after(self, ready: set[int]) -> None:
        """Answer for what started, died, or is over its time."""
        for claim in self._claims.values():
            if claim.holder is not None and claim.holder.fileno() in ready:
                self._name_owner(claim.holder)
        leaders = {process.pid for process in self._processes.values()}
        reaped = kernel.reap(lambda pid: _end_group(pid) if pid in leaders else None)
        if not self._is_alone:
            self._deputy.look_after(reaped)
        for process in list(self._processes.values()):
            if process.pid in reaped:
                self._ended(process, reaped[process.pid])
            if process.exec_fd >= 0 and process.exec_fd in ready:
                self._launched(process)
        self._end_what_is_due()

    def _end_what_is_due(self) -> None:
        """Kill what is over its time, and what the dead have left: those by whom that is known
        are looked at before.
        """
        held, now_ms = list(self._processes.values()), kernel.now_ms()
        due = [item for item in held if item.kill_at_ms and now_ms >= item.kill_at_ms]
        dead = [item for item in held if item.status is not None]
        if due or dead:
            self._look_at_kin()
        elif held:
            before_ms = self._until_ms - KILL_LEAD_MS if self._until_ms else 0
            self._kin.maybe_look(held, self._deputy.pid, before_ms)
        for process in due:
            self._kill(process, "")
        for process in dead:
            self._clear(process)

    def _look_at_kin(self) -> None:
        self._kin.look(self._processes.values(), self._deputy.pid)

    def _launched(self, process: Process) -> None:
        fault = os.read(process.exec_fd, 4096).decode(errors="replace")
        self._poll.unregister(process.exec_fd)
        os.close(process.exec_fd)
        process.exec_fd = -1
        if fault:
            process.why = fault
        else:
            self._answer(process.start_request, pid=process.pid)
            process.start_request = 0

    def _ended(self, process: Process, status: int) -> None:
        process.status = status
        process.kill_at_ms = 0
        process.clear_until_ms = kernel.now_ms() + CLEAR_MS_MAX
        self._poll.unregister(process.pidfd)
        os.close(process.pidfd)
        if process.exec_fd >= 0:
            self._launched(process)

    def _clear(self, process: Process) -> None:
        """Kill what a dead process left behind; report it only when nothing is left."""
        if self._kin.end(process.resource):
            if kernel.now_ms() < process.clear_until_ms:
                return
            self._kin.keep(process.resource)
        del self._processes[process.resource]
        self._report(process, LEFT if self._kin.is_left(process.resource) else "")

    def _report(self, process: Process, left: str) -> None:
        assert process.status is not None
        reason = process.why or kernel.outcome(process.pid, process.status)
        reason += f"; {left}" if left else ""
        self._answer(process.start_request, reason)
        self._answer(process.stop_request, left, killed=process.was_killed)
        if not process.start_request and not process.stop_request:
            self._tell({"is": "died", "resource": process.resource, "reason": reason})

    def _name_owner(self, holder: socket.socket) -> None:
        """Tell whoever wants the same address who holds it."""
        try:
            asker, _ = holder.accept()
            asker.setblocking(False)
            asker.send(self._owner)
            asker.close()
        except OSError:
            return


def _end_group(leader: int) -> None:
    """Kill what is left of a group whose leader has ended and was not reaped yet."""
    kernel.signal_group(leader, signal.SIGKILL)


def main() -> None:
    """Run with CHANNEL-FD PAGE-FD WAKE-FD SCOPE OWNER as last arguments, by the daemon."""
    descriptors = [int(word) for word in sys.argv[-5:-2]]
    for descriptor in descriptors:
        os.set_inheritable(descriptor, False)
    kernel.harden()
    channel, page = socket.socket(fileno=descriptors[0]), Page(*descriptors[1:])
    Guardian(channel, page, sys.argv[-2], sys.argv[-1]).run()
