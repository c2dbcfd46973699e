"""What this node reaches: ping targets, judged by the answers of their hosts.

Owns: the last answer of each host. Sends nothing; knows nothing of sockets,
nor of what follows for resources. docs/protocols/connectivity.md has the picture.
"""

from ha_core.config.model import Ping
from ha_core.events import PingAnswered, PingRefused, Tick
from ha_core.ids import Millis
from ha_core.status import Connectivity


class Reachability:
    """The targets of one node, each reached, missed or not known yet."""

    def __init__(self) -> None:
        self._ping = Ping()
        self._since_ms: dict[str, Millis] = {}
        """When each host began to be asked."""
        self._answered_ms: dict[str, Millis] = {}
        self._fault = ""
        self._measured_ms: Millis = -1
        self.measured: Connectivity | None = None
        """What is reached now; None while a target is not known, or none is configured."""

    def configure(self, ping: Ping, now_ms: Millis) -> None:
        """Judge these targets, whose times are filled in; hosts that stay keep what is known."""
        self._ping = ping
        hosts = sorted({host for target in ping.targets for host in target.hosts})
        self._since_ms = {host: self._since_ms.get(host, now_ms) for host in hosts}
        self._answered_ms = {h: at for h, at in self._answered_ms.items() if h in self._since_ms}

    def take(self, event: PingAnswered | PingRefused | Tick, now_ms: Millis) -> None:
        """Note an answer, or that this node may not ping at all."""
        match event:
            case PingAnswered(host=host) if host in self._since_ms:
                self._answered_ms[host] = now_ms
                self._fault = ""
            case PingRefused(reason=reason):
                self._fault = reason
            case _:
                pass

    @property
    def is_idle(self) -> bool:
        """Whether there is nothing to measure."""
        return not self._ping.targets and self.measured is None

    def maybe_change(self, now_ms: Millis) -> bool:
        """Measure anew; return whether the result differs from the last one."""
        before, self.measured = self.measured, self._measure(now_ms)
        return self.measured != before

    def deadline_ms(self) -> Millis | None:
        """Return when a host that is reached, or not known yet, would be missed."""
        if self._fault or not self._since_ms:
            return None
        ends = (self._end_ms(host) for host in self._since_ms)
        return min((end_ms for end_ms in ends if end_ms > self._measured_ms), default=None)

    def _measure(self, now_ms: Millis) -> Connectivity | None:
        self._measured_ms = now_ms
        if not self._ping.targets:
            return None
        if self._fault:
            return Connectivity(fault=self._fault)
        reached, missed = [], []
        for target in self._ping.targets:
            if any(self._is_reached(host, now_ms) for host in target.hosts):
                reached.append(target.name)
            elif all(now_ms >= self._end_ms(host) for host in target.hosts):
                missed.append(target.name)
            else:
                return self.measured  # soon known: at the latest after one time-out
        return Connectivity(tuple(reached), tuple(missed))

    def _is_reached(self, host: str, now_ms: Millis) -> bool:
        return host in self._answered_ms and now_ms < self._end_ms(host)

    def _end_ms(self, host: str) -> Millis:
        since_ms = self._answered_ms.get(host, self._since_ms[host])
        return since_ms + self._ping.timeout_ms
