"""A coordinator's fencer with a cluster around it, and what devices and nodes say."""

from random import Random

from ha_core import commands
from ha_core.config.model import (
    AgentClass,
    AgentRef,
    Configuration,
    Exclusivity,
    FenceDevice,
    Meta,
    Node as Member,
    OnFail,
    Primitive,
)
from ha_core.coordinator.fencer import Fencer
from ha_core.coordinator.roster import Roster
from ha_core.coordinator.told import Told
from ha_core.coordinator.wanted import put, read, removal
from ha_core.effects import Send
from ha_core.ids import NodeName, ResourceId
from ha_core.messages import (
    FenceOrder,
    FenceReport,
    FenceState,
    LeaseRequest,
    Report,
)
from ha_core.replication.entries import ADMITTED, Verdict
from ha_core.replication.shelf import Shelf
from ha_core.status import (
    Failure,
    FailureKind,
    Instance,
    InstanceState,
    NodeState,
    NodeStatus,
)
from ha_core.timers import timers

N1, N2, N3 = NodeName("n1"), NodeName("n2"), NodeName("n3")
DISK, IP, MAIL, WEB = (ResourceId(name) for name in ("disk", "ip", "mail", "web"))
OCF = AgentRef(AgentClass.OCF, "heartbeat", "Dummy")
PDU = FenceDevice("pdu", "fence:x", targets=(N1, N2, N3))
SAN = FenceDevice("san", "fence:y", targets=(N1, N2, N3), unfence=True)
BASE = Configuration(
    nodes=(Member(N1, ()), Member(N2, ()), Member(N3, ())),
    primitives=(
        Primitive(DISK, OCF),
        Primitive(MAIL, OCF, meta=Meta(exclusivity=Exclusivity.NETWORK)),
        Primitive(WEB, AgentRef(AgentClass.PROCESS)),
    ),
    fence_devices=(PDU,),
)
RUNNING = tuple(Instance(name, InstanceState.STARTED) for name in (DISK, MAIL, WEB))
STOPPED = tuple(Instance(name, InstanceState.STOPPED) for name in (DISK, MAIL, WEB))
BEGIN_MS = 100_000
VIEW = tuple(NodeStatus(name, NodeState.ONLINE, 3) for name in (N1, N2, N3))


class Bench:
    """A coordinator's roster and fencer, and a clock."""

    def __init__(
        self,
        configuration: Configuration = BASE,
        known: tuple[NodeStatus, ...] = VIEW,
        *,
        admits: bool = True,
    ) -> None:
        verdicts = [Verdict(name, 3, ADMITTED, "cluster", "", 0) for name in (N1, N2, N3)]
        self.now_ms = BEGIN_MS
        self.wall_ms = 0
        self.shelf, self.index = Shelf(), 0
        self.configuration = configuration
        self.roster = Roster(N1, 3, timers(1000), verdicts, known, self.now_ms)
        self.roster.configure(configuration, 0)
        self.fencer = Fencer(N1, 7, self.roster, timers(1000), Random(1))
        for name in (N1, N2, N3) if admits else (N1, N3):
            self.report(name, RUNNING if name == N2 else STOPPED)
        self.tick()

    def report(self, name: NodeName, instances: tuple[Instance, ...], generation: int = 3) -> None:
        """Let a node ask for its lease and report."""
        record = self.roster.records[name]
        request = LeaseRequest(7, 1, generation, 1, 0, 0)
        assert not self.roster.request(name, generation, request, self.now_ms, 0)
        number = record.report_id + 1
        message = Report(7, record.admission, generation, number, instances)
        assert self.roster.report(name, generation, message, 0)
        record.lease_bound_ms = 1_000_000

    def lose(self, name: NodeName) -> None:
        """Let a node fall silent for long enough."""
        self.now_ms += 2000
        self.roster.records[name].lease_bound_ms = self.now_ms
        for other in (N1, N2, N3):
            if other not in (N1, name):
                self.roster.records[other].requested_ms = self.now_ms
        found, _ = self.roster.check({}, set(), self.now_ms, 0)
        assert [item.node for item in found] == [name]

    def tick(self, later_ms: int = 0) -> list[object]:
        """Let time pass; return what the fencer wants done."""
        self.now_ms += later_ms
        return list(self.fencer.tick(self.configuration, self.now_ms, self.wall_ms))

    def answer(self, order: FenceOrder, state: FenceState, text: str = "") -> list[object]:
        """Let the executor report on an order."""
        report = FenceReport(7, order.errand_id, state, text)
        return list(self.fencer.report(N1, report, self.now_ms, 0))

    def want(self, command: commands.FenceNode | commands.SwitchOn, author: str = "ann") -> str:
        """Have the log keep what a person wants; return the answer."""
        if isinstance(command, commands.SwitchOn):
            wanted, told = self.fencer.ask_on(command, author, self.wall_ms)
        else:
            wanted, told = self.fencer.ask(command, author, self.wall_ms), ""
        self.index += 1
        self.shelf.apply(put(wanted, ""), self.index)
        self.fencer.wanted.take(read(self.shelf))
        return told

    def forget(self) -> list[NodeName]:
        """Have the log forget what is over; return whom that was about."""
        over = self.fencer.wanted.over(self.roster, self.wall_ms)
        for wanted in over:
            self.index += 1
            self.shelf.apply(removal(wanted), self.index)
        self.fencer.wanted.take(read(self.shelf))
        return [wanted.node for wanted in over]

    def succeed(self) -> None:
        """Let another term begin: all that is left of this one is the log."""
        self.fencer = Fencer(N1, 8, self.roster, timers(1000), Random(1))
        self.fencer.wanted.take(read(self.shelf))

    def judge(self, verdict: Verdict) -> list[object]:
        """Let the log have a verdict."""
        self.roster.judged(verdict)
        return list(self.fencer.judged(verdict, self.now_ms))


def orders(found: list[object]) -> list[FenceOrder]:
    """Return the orders to executors."""
    messages = [item.message for item in found if isinstance(item, Send)]
    return [message for message in messages if isinstance(message, FenceOrder)]


def kinds(found: list[object]) -> list[str]:
    """Return the kinds of events."""
    return [item.kind for item in found if isinstance(item, Told)]


def states(bench: Bench, name: NodeName = N2) -> dict[ResourceId, InstanceState]:
    """Return what may run on a node."""
    return {item.resource: item.state for item in bench.roster.records[name].instances}


def failed(action: str, on_fail: OnFail, resource: ResourceId = DISK) -> tuple[Instance, ...]:
    """Return a report in which an operation has failed and left the resource blocked."""
    failure = Failure(action, 1, FailureKind.SOFT, "no answer", 0, on_fail)
    bad = Instance(resource, InstanceState.BLOCKED, failure=failure)
    return tuple(bad if item.resource == resource else item for item in RUNNING)
