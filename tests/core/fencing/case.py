"""The language of fencing cases: what happens, line by line, and what follows, with its time.

`machine/*.txt` drive the coordinator's machine; `errands/*.txt` one node's errands, with a
device whose answers are scripted.
"""

from itertools import count
from random import Random

from ha_core.config.model import Configuration, FenceDevice
from ha_core.config.parse import parse_text
from ha_core.effects import CancelFence, Fence, Send
from ha_core.events import FenceDone
from ha_core.fencing.errand import Errands
from ha_core.fencing.machine import Fencing, GaveUp, Output, Proved, Wish
from ha_core.fencing.steps import Note
from ha_core.ids import NodeName
from ha_core.messages import FenceOrder, FenceReport, FenceState, FenceVerb

HEAD = """
cluster: c
links: {ring0: }
nodes:
  n1: {addresses: {ring0: 192.0.2.1}}
  n2: {addresses: {ring0: 192.0.2.2}%s}
  n3: {addresses: {ring0: 192.0.2.3}}
fence_devices:
"""
N1 = NodeName("n1")


def configuration(lines: list[str]) -> Configuration:
    """Return the configuration that the lines of a case make."""
    levels = next((rest for word, _, rest in map(_split, lines) if word == "levels"), "")
    head = HEAD % (f", fence_levels: {levels}" if levels else "")
    devices = [f"  {rest}\n" for word, _, rest in map(_split, lines) if word == "device"]
    return parse_text(head + ("".join(devices) or "  {}\n"), "case")


def _split(line: str) -> tuple[str, str, str]:
    return line.partition(" ")


class MachineCase:
    """A machine, the orders it has sent, and the time."""

    def __init__(self, lines: list[str]) -> None:
        self.configuration = configuration(lines)
        numbers = count(1)
        self.machine = Fencing(N1, 7, Random(1), 500, lambda: next(numbers))
        self.online = [NodeName("n1"), NodeName("n3")]
        self.wishes: dict[NodeName, Wish] = {}
        self.now_ms = 0
        self.orders: dict[int, tuple[NodeName, FenceOrder]] = {}
        self.told: list[str] = []

    def run(self, lines: list[str]) -> str:
        """Return what follows from the lines."""
        for line in lines:
            word, *rest = line.split()
            if word in ("device", "levels", ""):
                continue
            getattr(self, f"_{word}")(*rest)
        return "".join(f"{line}\n" for line in self.told)

    def _online(self, *names: str) -> None:
        self.online = [NodeName(name) for name in names]

    def _wish(self, node: str, generation: str, *options: str) -> None:
        name = NodeName(node)
        self.wishes[name] = Wish(
            name,
            int(generation),
            f"{node} is lost",
            wait_ms=3000 if "new" in options else 0,
            power="power" in options,
            author="ann" if "asked" in options else "cluster",
            is_asked="asked" in options,
        )
        self._tick()

    def _owed(self, node: str, generation: str, *devices: str) -> None:
        """An earlier coordinator has left this to do; told anew with every look at the log."""
        wish = Wish(NodeName(node), int(generation), "it is lost")
        if self.machine.take_over(wish, devices, self.now_ms + 1000):
            self.told.append(f"{self.now_ms:>7} start {generation} of {node} is settled")
        self._tick()

    def _unwish(self, node: str) -> None:
        del self.wishes[NodeName(node)]
        self._tick()

    def _wait(self, span_ms: str) -> None:
        """Let time pass, ticking when the machine says so."""
        end_ms = self.now_ms + int(span_ms)
        while (due_ms := self.machine.deadline_ms()) is not None and due_ms <= end_ms:
            self.now_ms = max(due_ms, self.now_ms + 1)
            self._tick()
        self.now_ms = end_ms
        self._tick()

    def _tick(self) -> None:
        found = self.machine.tick(self.wishes, self.online, self.configuration, self.now_ms)
        self._take(found)

    def _report(self, errand: str, state: str, *words: str) -> None:
        executor, order = self.orders[int(errand)]
        report = FenceReport(order.term, int(errand), FenceState(state), " ".join(words))
        self._take(self.machine.report(executor, report, self.now_ms))

    def _judged(self, node: str, generation: str) -> None:
        self.wishes.pop(NodeName(node), None)
        self._take(self.machine.judged(NodeName(node), int(generation), self.now_ms))

    def _holds(self, node: str, generation: str) -> None:
        held = self.machine.holds(NodeName(node), int(generation))
        self.told.append(f"{self.now_ms:>7} start {generation} of {node} is held: {held}")

    def _take(self, found: list[Output]) -> None:
        for item in found:
            text = self._words(item)
            if text:
                self.told.append(f"{self.now_ms:>7} {text}")

    def _words(self, item: Output) -> str:
        match item:
            case Send(to=to, message=FenceOrder() as order):
                if order.errand_id in self.orders and order.verb is not FenceVerb.CANCEL:
                    return ""
                self.orders.setdefault(order.errand_id, (to, order))
                return f"to {to}: {order.errand_id} {order.verb} {order.target} by {order.device}"
            case Note():
                return f"{item.kind}: {item.text}"
            case Proved(wish=wish, method=method):
                return f"proof of start {wish.generation} of {wish.node}: {method}"
            case GaveUp():
                return "gave up"
            case _:
                raise AssertionError(item)


class ErrandCase:
    """One node's errands with a device whose answers are scripted, in order, by action."""

    def __init__(self, lines: list[str]) -> None:
        self.configuration = configuration(lines)
        self.device: FenceDevice = self.configuration.fence_devices[0]
        self.errands = Errands()
        self.answers: dict[str, list[tuple[int, str]]] = {}
        self.spans: dict[str, int] = {}
        self.pending: dict[int, Fence] = {}
        self.lease_ms = 1_000_000
        self.leads = 7
        self.now_ms = 0
        self.told: list[str] = []

    def run(self, lines: list[str]) -> str:
        """Return what follows from the lines."""
        for line in lines:
            word, *rest = line.split()
            if word in ("device", "levels"):
                continue
            getattr(self, f"_{word}")(*rest)
        return "".join(f"{line}\n" for line in self.told)

    def _leads(self, term: str) -> None:
        """Somebody coordinates in that term."""
        self.leads = int(term)

    def _answer(self, action: str, *answers: str) -> None:
        """Answers such as `0`, `1:words`, `hang`; the last one is repeated."""
        parsed = [item.partition(":") for item in answers]
        self.answers[action] = [
            (-1 if code == "hang" else int(code), words.replace("_", " "))
            for code, _, words in parsed
        ]

    def _takes(self, action: str, span_ms: str) -> None:
        """How long each call of that action lasts, instead of 100 ms."""
        self.spans[action] = int(span_ms)

    def _lease(self, until_ms: str) -> None:
        self.lease_ms = int(until_ms)

    def _order(self, number: str, verb: str, target: str = "") -> None:
        order = FenceOrder(7, int(number), FenceVerb(verb), self.device.id, NodeName(target))
        found = self.errands.order(N1, order, self.configuration, self.lease_ms, self.now_ms)
        self._take(found)

    def _term(self, term: str, number: str, verb: str, target: str) -> None:
        order = FenceOrder(
            int(term), int(number), FenceVerb(verb), self.device.id, NodeName(target)
        )
        self._take(self.errands.order(N1, order, self.configuration, self.lease_ms, self.now_ms))

    def _go(self) -> None:
        """Answer all calls and let pauses pass, until nothing is under way."""
        while self.pending or self.errands.deadline_ms() is not None:
            if self.pending:
                self._end(next(iter(self.pending)))
                continue
            due_ms = self.errands.deadline_ms()
            assert due_ms is not None
            self.now_ms = max(due_ms, self.now_ms)
            found = self.errands.tick(self.configuration, self.lease_ms, self.leads, self.now_ms)
            self._take(found)

    def _end(self, call_id: int) -> None:
        call = self.pending.pop(call_id)
        script = self.answers.get(call.action, [(0, "")])
        code, words = script.pop(0) if len(script) > 1 else script[0]
        is_hung = code < 0
        spent_ms = call.timeout_ms if is_hung else self.spans.get(call.action, 100)
        self.now_ms += spent_ms
        done = FenceDone(call.call_id, 1 if is_hung else code, is_hung, words, spent_ms)
        self._take(self.errands.done(done, self.configuration, self.lease_ms, self.now_ms))

    def _take(self, found: list[object]) -> None:
        for item in found:
            match item:
                case Fence():
                    self.pending[item.call_id] = item
                    text = f"call {item.call_id}: {item.action} {item.target}".rstrip()
                case CancelFence(call_id=call_id):
                    self.pending.pop(call_id)
                    text = f"end call {call_id}"
                case Send(message=FenceReport() as report):
                    text = f"report {report.errand_id} {report.state} {report.text}".rstrip()
                    text += "".join(f"\n        {t}: {ok}: {why}" for t, ok, why in report.tested)
                case _:
                    raise AssertionError(item)
            self.told.append(f"{self.now_ms:>7} {text}")


def lines_of(question: str) -> list[str]:
    """Return the lines of a case that say something."""
    lines = [line.strip() for line in question.splitlines()]
    return [line for line in lines if line and not line.startswith("#")]
