"""Fencing as the coordinator sees it: whom to cut off, by which level, through whom, how far it is.

Owns: one case for each node that is to be cut off. Sans-IO: wishes and reports
in, orders and proofs out. A proof is for the incarnation that the case began
with and for no other; who writes it into the log, and what is freed by it, is
not known here. docs/protocols/fencing.md has the state diagram.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from random import Random
from typing import Final, TypeAlias

from ha_core.config.model import Configuration, FenceAction, FenceDevice
from ha_core.effects import Send
from ha_core.fencing import rules
from ha_core.fencing.steps import Note
from ha_core.gates import Gates
from ha_core.ids import Generation, Millis, NodeName, Term
from ha_core.messages import FenceOrder, FenceReport, FenceState, FenceVerb
from ha_core.replication.entries import Verdict
from ha_core.status import FencingStatus

REST_MS: Final[Millis] = 5000
"""Before the levels are tried anew; doubled each time, up to `REST_MS_MAX`."""
REST_MS_MAX: Final[Millis] = 300_000

PATIENCE_MS: Final[Millis] = 10_000
"""What a person asks for waits so long for a node that may do it: after an election none may."""


class Stage(StrEnum):
    """How far a case is."""

    WAITING = "waiting"
    CUTTING = "cutting"
    PROVED = "proved"
    RESTORING = "restoring"
    RESTING = "resting"


@dataclass(frozen=True, slots=True)
class Wish:
    """One incarnation of a node is to be cut off."""

    node: NodeName
    generation: Generation
    reason: str
    incident: str = ""
    author: str = "cluster"
    action: FenceAction | None = None
    wait_ms: Millis = 0
    """To give a node that has never been heard of time to start."""
    power: bool = False
    """Cutting off its storage would not do."""
    is_asked: bool = False
    """A person asked for it: it is tried once, without delays."""


@dataclass(frozen=True, slots=True)
class Proved:
    """Every device of a level has proved that the incarnation is cut off."""

    wish: Wish
    method: str
    to_restore: tuple[str, ...]
    """Devices that are to switch the node on again once the proof is final."""


@dataclass(frozen=True, slots=True)
class GaveUp:
    """All levels have failed; a wish that no person asked for is tried anew after a rest."""

    wish: Wish


Output: TypeAlias = Send | Note | Proved | GaveUp


@dataclass(slots=True)
class _Sent:
    order: FenceOrder
    executor: NodeName
    sent_ms: Millis
    limit_ms: Millis
    device: FenceDevice | None
    """As it was configured then."""


@dataclass(slots=True)
class _Case:
    wish: Wish
    stage: Stage
    due_ms: Millis
    plan: tuple[tuple[FenceDevice, ...], ...] = ()
    """The levels of this round, as they were when it began."""
    level: int = 0
    position: int = 0
    tried: set[NodeName] = field(default_factory=set)
    sent: _Sent | None = None
    rests: int = 0
    was_tried: bool = False
    """Whether anybody was sent in this round."""
    patient_until_ms: Millis = 0
    method: str = ""
    to_restore: tuple[str, ...] = ()
    fault: str = ""
    left_off: str = ""
    """Why one of `to_restore` has switched nothing on."""


def verdict_of(proved: Proved, wall_ms: Millis, gates: Gates = Gates()) -> Verdict:
    """Return what the log is to have of a proof."""
    wish = proved.wish
    return Verdict(
        wish.node,
        wish.generation,
        proved.method,
        wish.author,
        wish.reason,
        wall_ms,
        gates,
        proved.to_restore,
    )


class Fencing:
    """All cases of one term."""

    def __init__(
        self,
        local: NodeName,
        term: Term,
        random: Random,
        resend_ms: Millis,
        number: Callable[[], int],
    ) -> None:
        self._local = local
        self._term = term
        self._random = random
        self._resend_ms = resend_ms
        self._cases: dict[NodeName, _Case] = {}
        self._restored: set[tuple[NodeName, Generation]] = set()
        self._number = number
        self._configuration = Configuration()
        self._online: tuple[NodeName, ...] = ()

    # --- reading -------------------------------------------------------------------------

    @property
    def is_idle(self) -> bool:
        """Whether no node is to be cut off."""
        return not self._cases

    def deadline_ms(self) -> Millis | None:
        """Return when something must be looked at again."""
        due = []
        for case in self._cases.values():
            if case.sent is not None:
                due.append(min(case.sent.limit_ms, case.sent.sent_ms + self._resend_ms))
            elif case.stage in (Stage.WAITING, Stage.RESTING, Stage.RESTORING):
                due.append(case.due_ms)
        return min(due, default=None)

    def holds(self, node: NodeName, generation: Generation) -> bool:
        """Return whether that incarnation is under fire: it gets nothing until that is decided."""
        case = self._cases.get(node)
        is_hot = case is not None and case.stage in (Stage.CUTTING, Stage.PROVED)
        return is_hot and case is not None and case.wish.generation == generation

    def is_busy_with(self, node: NodeName) -> bool:
        """Return whether the node has a case."""
        return node in self._cases

    def incident_of(self, node: NodeName) -> str:
        """Return the incident that the node's case belongs to, or nothing."""
        case = self._cases.get(node)
        return case.wish.incident if case is not None else ""

    def statuses(self) -> tuple[FencingStatus, ...]:
        """Return every case, sorted by node."""
        return tuple(self._status(case) for _, case in sorted(self._cases.items()))

    def _status(self, case: _Case) -> FencingStatus:
        device, executor = "", NodeName("")
        if case.sent is not None:
            device, executor = case.sent.order.device, case.sent.executor
        wish = case.wish
        stage = str(case.stage)
        return FencingStatus(
            wish.node, wish.generation, stage, device, executor, wish.reason, case.fault
        )

    # --- input ---------------------------------------------------------------------------

    def tick(
        self,
        wishes: Mapping[NodeName, Wish],
        online: Iterable[NodeName],
        configuration: Configuration,
        now_ms: Millis,
    ) -> list[Output]:
        """Follow what is wanted now, and do what is due."""
        self._configuration = configuration
        self._online = tuple(online)
        output: list[Output] = []
        for node in sorted(set(self._cases) | set(wishes)):
            output += self._follow(node, wishes.get(node), now_ms)
        for node in sorted(self._cases):
            case = self._cases[node]
            if case.stage is Stage.PROVED:
                output.append(Proved(case.wish, case.method, case.to_restore))
            elif case.sent is not None:
                output += self._look(case, case.sent, now_ms)
            elif case.stage is Stage.RESTORING:
                output += self._resume(case, now_ms)
            elif now_ms >= case.due_ms:
                output += self._begin(case, now_ms)
        return output

    def report(self, sender: NodeName, report: FenceReport, now_ms: Millis) -> list[Output]:
        """Take an executor's report; one on an errand that is over changes nothing."""
        for case in self._cases.values():
            sent = case.sent
            if sent is None or sent.order.errand_id != report.errand_id:
                continue
            if report.term != self._term or sender != sent.executor:
                return []
            if report.state is FenceState.WORKING:
                return []
            case.sent = None
            if self._known(sent.order.device) != sent.device:
                # What it did, it did to what the device meant before: it is sent anew.
                case.tried.discard(sender)
                return self._failed(case, sent, "the device was changed meanwhile", now_ms)
            if report.state is FenceState.FAILED:
                return self._failed(case, sent, report.text, now_ms)
            return self._succeeded(case, sent, report.text, now_ms)
        return []

    def judged(self, node: NodeName, generation: Generation, now_ms: Millis) -> list[Output]:
        """The log has the verdict: give back what the reboot of the node needs."""
        case = self._cases.get(node)
        if case is None or case.wish.generation > generation:
            return []
        output = self._call_off(case)
        if case.stage is Stage.PROVED and case.to_restore:
            case.stage, case.position, case.tried, case.fault = Stage.RESTORING, 0, set(), ""
            self._restored.discard((node, case.wish.generation))
            return output + self._send(case, now_ms)
        del self._cases[node]
        return output

    def take_over(self, wish: Wish, to_restore: tuple[str, ...], until_ms: Millis) -> bool:
        """Switch a node on again that was cut off, in an earlier term perhaps; wait until then for
        somebody who can. Return whether that is over: it is on, or people were told that it is not.
        """
        if (wish.node, wish.generation) in self._restored:
            return True
        if wish.node not in self._cases:
            self._cases[wish.node] = _Case(wish, Stage.RESTORING, until_ms, to_restore=to_restore)
        return False

    def switch_on(self, wish: Wish, devices: tuple[str, ...]) -> bool:
        """Switch a node on as a person wants; return false if something is under way with it."""
        if wish.node in self._cases:
            return False
        self._cases[wish.node] = _Case(wish, Stage.RESTORING, 0, to_restore=devices)
        return True

    def drop(self, node: NodeName) -> list[Output]:
        """Leave what is to be done for a node to somebody else."""
        case = self._cases.pop(node, None)
        return [] if case is None else self._call_off(case)

    # --- mechanics -----------------------------------------------------------------------

    def _follow(self, node: NodeName, wish: Wish | None, now_ms: Millis) -> list[Output]:
        case = self._cases.get(node)
        if case is None and wish is not None:
            due_ms = now_ms + wish.wait_ms + self._delay_ms(wish)
            patient_until_ms = now_ms + PATIENCE_MS
            self._cases[node] = _Case(
                wish, Stage.WAITING, due_ms, patient_until_ms=patient_until_ms
            )
            return [self._announced(wish, due_ms - now_ms)]
        if case is None:
            return []
        if case.stage is Stage.RESTORING:
            if wish is None or wish.generation <= case.wish.generation:
                return []
            return self.drop(node) + self._follow(node, wish, now_ms)
        if case.stage is Stage.PROVED:
            return []  # it is a fact, whatever is wanted now: the log shall have it
        if wish is not None and _covers(case.wish, wish):
            if wish.is_asked and not case.wish.is_asked:
                case.wish = wish
                case.due_ms = min(case.due_ms, now_ms)
                case.patient_until_ms = now_ms + PATIENCE_MS
            return []
        output = self._call_off(case)
        del self._cases[node]
        text = f"{node} need not be cut off any more (its start {case.wish.generation})"
        output.append(Note("fence-called-off", node, text, "", case.wish.incident))
        return output + (self._follow(node, wish, now_ms) if wish is not None else [])

    def _announced(self, wish: Wish, wait_ms: Millis) -> Note:
        levels = self._levels(wish)
        names = ", then ".join("+".join(device.id for device in level) for level in levels)
        when = f" in {wait_ms} ms" if wait_ms else ""
        by = "" if wish.author == "cluster" else f" as {wish.author} wants"
        text = f"{wish.node} is to be cut off{by} by {names}{when}"
        return Note("fence-wanted", wish.node, text, wish.reason, wish.incident)

    def _levels(self, wish: Wish) -> tuple[tuple[FenceDevice, ...], ...]:
        levels = rules.levels_of(self._configuration, wish.node)
        return tuple(level for level in levels if rules.is_power(level) or not wish.power)

    def _delay_ms(self, wish: Wish) -> Millis:
        levels = self._levels(wish)
        if wish.is_asked or not levels:
            return 0
        return max(rules.delay_ms(device, wish.node, self._random) for device in levels[0])

    def _begin(self, case: _Case, now_ms: Millis) -> list[Output]:
        case.stage, case.level, case.position, case.tried = Stage.CUTTING, 0, 0, set()
        case.plan, case.was_tried = self._levels(case.wish), False
        return self._send(case, now_ms)

    def _send(self, case: _Case, now_ms: Millis) -> list[Output]:
        """Send the case's next order, or conclude that there is nobody to send it to."""
        while True:
            device = self._device(case)
            if device is None and case.position < len(case.to_restore):
                case.fault = f"the device {case.to_restore[case.position]} was removed"
                self._next_device(case)
                continue
            if device is None:
                return self._over(case, now_ms)
            able = self._able(case, device)
            fresh = [name for name in able if name not in case.tried]
            if fresh:
                return [self._order(case, device, fresh[0], now_ms)]
            if not able:
                who = ", ".join(device.reached_from) or "another node"
                case.fault = f"{device.id} can be reached from no node that is there (from {who})"
            self._next_device(case)

    def _resume(self, case: _Case, now_ms: Millis) -> list[Output]:
        device = self._device(case)
        if device is None or now_ms >= case.due_ms or self._able(case, device):
            return self._send(case, now_ms)
        return []

    def _able(self, case: _Case, device: FenceDevice) -> tuple[NodeName, ...]:
        return rules.executors_of(device, self._online, case.wish.node, self._local)

    def _device(self, case: _Case) -> FenceDevice | None:
        if case.stage is Stage.RESTORING:
            names = case.to_restore[case.position : case.position + 1]
            return self._known(names[0]) if names else None
        return case.plan[case.level][case.position] if case.level < len(case.plan) else None

    def _known(self, name: str) -> FenceDevice | None:
        known = self._configuration.fence_devices
        return next((device for device in known if device.id == name), None)

    def _next_device(self, case: _Case) -> None:
        """A device has failed through everybody: the next level, or the next to switch on."""
        case.tried = set()
        if case.stage is Stage.RESTORING:
            case.position += 1
            case.left_off = case.fault
        else:
            case.level, case.position = case.level + 1, 0

    def _order(self, case: _Case, device: FenceDevice, executor: NodeName, now_ms: Millis) -> Send:
        verb = FenceVerb.RESTORE if case.stage is Stage.RESTORING else FenceVerb.CUT
        action = str(case.wish.action or "")
        order = FenceOrder(self._term, self._number(), verb, device.id, case.wish.node, action)
        is_cut = verb is FenceVerb.CUT
        limit_ms = rules.cut_limit_ms(device) if is_cut else rules.restore_limit_ms(device)
        case.tried.add(executor)
        case.was_tried = True
        case.sent = _Sent(order, executor, now_ms, now_ms + limit_ms, self._known(device.id))
        return Send(executor, order)

    def _look(self, case: _Case, sent: _Sent, now_ms: Millis) -> list[Output]:
        if sent.executor not in self._online:
            case.sent = None
            text = f"{sent.executor} is not there any more"
            return self._failed(case, sent, text, now_ms)
        if now_ms >= sent.limit_ms:
            output = self._call_off(case)
            return output + self._failed(case, sent, "it took longer than all its limits", now_ms)
        if now_ms - sent.sent_ms >= self._resend_ms:
            sent.sent_ms = now_ms
            return [Send(sent.executor, sent.order)]
        return []

    def _call_off(self, case: _Case) -> list[Output]:
        sent, case.sent = case.sent, None
        if sent is None:
            return []
        order = sent.order
        return [
            Send(
                sent.executor,
                FenceOrder(
                    order.term, order.errand_id, FenceVerb.CANCEL, order.device, order.target
                ),
            )
        ]

    def _failed(self, case: _Case, sent: _Sent, text: str, now_ms: Millis) -> list[Output]:
        node, device = case.wish.node, sent.order.device
        case.fault = f"{device} through {sent.executor}: {text}"
        deed = "switch on" if case.stage is Stage.RESTORING else "cut off"
        told = f"{device} could not {deed} {node} through {sent.executor}: {text}"
        note = Note("fence-failed", node, told, case.wish.reason, case.wish.incident)
        return [note, *self._send(case, now_ms)]

    def _succeeded(self, case: _Case, sent: _Sent, text: str, now_ms: Millis) -> list[Output]:
        case.tried = set()
        case.position += 1
        node, device = case.wish.node, sent.order.device
        if case.stage is Stage.RESTORING:
            told = f"{device} has switched {node} on again"
            note = Note("fence-restored", node, told, "", case.wish.incident)
            return [note, *self._send(case, now_ms)]
        told = f"{device} has cut off {node} through {sent.executor}: {text}"
        note = Note("fence-proved", node, told, case.wish.reason, case.wish.incident)
        level = case.plan[case.level]
        if case.position < len(level):
            return [note, *self._send(case, now_ms)]
        case.stage, case.method = Stage.PROVED, rules.method_of(level)
        case.to_restore = tuple(d.id for d in level if self._is_restored(d, case.wish))
        return [note, Proved(case.wish, case.method, case.to_restore)]

    def _is_restored(self, device: FenceDevice, wish: Wish) -> bool:
        """Return whether the device must switch the node on; a reset has done that already."""
        if device.unfence or rules.contract_of(device) is rules.Contract.STONITH:
            return False
        return (wish.action or device.action) is FenceAction.REBOOT

    def _over(self, case: _Case, now_ms: Millis) -> list[Output]:
        """Nothing is left to try: rest before the next round, or be done with it."""
        wish = case.wish
        if case.stage is Stage.RESTORING:
            del self._cases[wish.node]
            self._restored.add((wish.node, wish.generation))
            if not case.left_off:
                return []
            text = f"{wish.node} is left off ({case.left_off}): switch it on by hand"
            return [Note("fence-left-off", wish.node, text, "", wish.incident)]
        if wish.is_asked and case.plan and not case.was_tried and now_ms < case.patient_until_ms:
            case.stage, case.due_ms = Stage.WAITING, now_ms + self._resend_ms
            return []
        rest_ms = min(REST_MS * 2**case.rests, REST_MS_MAX)
        case.stage, case.due_ms = Stage.RESTING, now_ms + rest_ms
        case.rests = min(case.rests + 1, 16)
        why = f" ({case.fault})" if case.fault else ""
        text = f"{wish.node} could not be cut off by any device{why}"
        if wish.is_asked:
            del self._cases[wish.node]
            note = Note("fence-gave-up", wish.node, text, wish.reason, wish.incident)
            return [note, GaveUp(wish)]
        cure = f"if it is down for sure: ha node confirm-down {wish.node} --reason TEXT"
        text += f"; the next try is in {rest_ms // 1000} s; {cure}"
        note = Note("fence-gave-up", wish.node, text, wish.reason, wish.incident)
        return [note, GaveUp(wish)]


def _covers(known: Wish, wish: Wish) -> bool:
    """Return whether what is done for a wish that is known serves this one as well."""
    return wish.generation == known.generation and (known.power or not wish.power)
