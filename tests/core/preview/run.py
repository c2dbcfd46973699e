"""A cluster that carries out plans, each action taking a time of its own: what a preview foresees.

Owns: a small executor in virtual time. Like the coordinator it plans anew after every action that
ends, gives what may begin, and remembers where what is on its way was meant to go.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

from ha_core.config.model import Configuration
from ha_core.ids import Millis, NodeName, ResourceId
from ha_core.policy.forecast import Moment
from ha_core.policy.schedule import schedule
from ha_core.policy.transition import Action, ActionKey, ActionKind
from ha_core.status import ClusterStatus, Instance, InstanceState, NodeState, NodeStatus

_WORDS = {ActionKind.PROBE: "monitor", ActionKind.START: "start", ActionKind.STOP: "stop"}
EVENTS_MAX = 500


@dataclass
class Run:
    """One run until the cluster is at rest; `spans` are the times in which something was away."""

    configuration: Configuration
    status: ClusterStatus
    takes_ms: Callable[[ActionKey], Millis]
    now_ms: Millis = 0
    open: dict[ActionKey, Millis] = field(default_factory=dict)
    down: dict[ResourceId, Millis] = field(default_factory=dict)
    spans: dict[ResourceId, list[tuple[Millis, Millis | None]]] = field(default_factory=dict)
    intended: dict[ResourceId, NodeName] = field(default_factory=dict)

    def until_rest(self, moments: Iterable[Moment] = ()) -> None:
        """Let everything happen."""
        left = sorted(moments, key=lambda item: item.at_ms)
        if not left:
            self._plan()
        for _ in range(EVENTS_MAX):
            ends = min(self.open.values(), default=None)
            if left and (ends is None or left[0].at_ms <= ends):
                self._happen(left.pop(0))
            elif ends is not None:
                self._finish(min(key for key, at in self.open.items() if at == ends), ends)
            else:
                break
            self._plan()
        else:
            raise AssertionError("it never comes to rest")
        for resource, since_ms in self.down.items():
            self.spans.setdefault(resource, []).append((since_ms, None))

    def _happen(self, moment: Moment) -> None:
        self.now_ms = moment.at_ms
        before = self._running()
        self.status = moment.change(self.status)
        gone = {node.name for node in self.status.nodes if node.state is NodeState.LOST}
        self.open = {key: at for key, at in self.open.items() if key.node not in gone}
        for resource in sorted({name for name, _ in before - self._running()}):
            self._note_down(resource, moment.since_ms)

    def _plan(self) -> None:
        intended = tuple(sorted(self.intended.items()))
        plan = schedule(self.configuration, replace(self.status, intended=intended), 0)
        begun = [action for action in plan.actions if not action.after and self._may(action)]
        for action in begun:
            key = action.key
            self._set(key, pending=_WORDS[key.kind])
            self.open[key] = self.now_ms + self.takes_ms(key)
            if key.kind is ActionKind.STOP:
                self._note_down(key.resource, self.now_ms)
        moving = {key.resource for key in self.open} | {name for name, _ in self._running()}
        self.intended = {
            decision.resource: decision.node
            for decision in plan.decisions
            if decision.node is not None and decision.resource in {*moving, *self.intended}
        }

    def _may(self, action: Action) -> bool:
        return not any(
            (key.resource, key.node) == (action.key.resource, action.key.node) for key in self.open
        )

    def _finish(self, key: ActionKey, at_ms: Millis) -> None:
        self.now_ms = at_ms
        del self.open[key]
        is_start = key.kind is ActionKind.START
        self._set(key, state=InstanceState.STARTED if is_start else InstanceState.STOPPED)
        if key.kind is ActionKind.STOP:
            self.status = replace(self.status, restarts=())
        if is_start and key.resource in self.down:
            since_ms = self.down.pop(key.resource)
            self.spans.setdefault(key.resource, []).append((since_ms, at_ms))

    def _note_down(self, resource: ResourceId, at_ms: Millis) -> None:
        """It is away unless it runs on at another place, where nothing stops it."""
        stopping = {(k.resource, k.node) for k in self.open if k.kind is ActionKind.STOP}
        if not any(name == resource for name, _ in self._running() - stopping):
            self.down.setdefault(resource, at_ms)

    def _running(self) -> set[tuple[ResourceId, NodeName]]:
        return {
            (item.resource, node.name)
            for node in self.status.nodes
            for item in node.instances
            if item.state is InstanceState.STARTED and item.pending != "stop"
        }

    def _set(
        self, key: ActionKey, *, pending: str = "", state: InstanceState | None = None
    ) -> None:
        def changed(node: NodeStatus) -> NodeStatus:
            if node.name != key.node:
                return node
            known = {item.resource: item for item in node.instances}
            old = known.get(key.resource, Instance(key.resource, InstanceState.UNKNOWN))
            known[key.resource] = replace(old, pending=pending, state=state or old.state)
            return replace(node, instances=tuple(known[name] for name in sorted(known)))

        self.status = replace(self.status, nodes=tuple(map(changed, self.status.nodes)))
