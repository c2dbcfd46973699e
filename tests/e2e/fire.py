"""A lab under fire: one service that tells which node answers, faults, and an outside prober.

Owns: making it, each fault, waiting until all is well again, and the judgement: never two
nodes at once. Faults that take the cables away use `cuts`, which the nodes cannot see.
"""

import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final

from ha_core.lab import machines, network, processes, state
from ha_core.lab.processes import HAD
from ha_core.lab.state import Lab, LabNode
from ha_core.snapshot import ClusterSnapshot
from tests.e2e import timeline
from tests.e2e.cuts import Cuts
from tests.e2e.laboratory import Laboratory, all_run, laboratory, run
from tests.e2e.timeline import MS, Answer

NODES: Final = ("n1", "n2", "n3")
PORT: Final = 7777
PATIENCE_S: Final = 60.0
"""A bound on correctness, not on speed."""
ADDRESS: Final = "service-ip"
SERVICE: Final = "service"
WHOLE: Final = "whole"
STRANGER: Final = "x1"
PROBER: Final = Path(__file__).with_name("prober.py")

CONFIGURATION: Final = """
cluster: fire
options: {{dead_after: {dead_after}}}
links: {{front: {{port: 6940}}, back: {{port: 6940}}}}
nodes:
  n1: {{addresses: {{front: 127.0.1.1, back: 127.0.2.1}}}}
  n2: {{addresses: {{front: 127.0.1.2, back: 127.0.2.2}}}}
  n3: {{addresses: {{front: 127.0.1.3, back: 127.0.2.3}}}}
resources:
  whole: {{group: [service-ip, service]}}
  service-ip: {{agent: address, parameters: {{address: 127.0.0.80}}}}
  service:
    agent: process
    parameters: {{command: python3 -I -S /srv/fire/answers.py 127.0.0.80 7777}}
    operations: {{monitor: {{interval: 5s, timeout: 5s}}}}
defaults:
  resource: {{stickiness: 200, migration_threshold: 5, failure_timeout: 1s}}
"""
RESPONDER: Final = """
import os, socket, sys
own = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
own.bind((sys.argv[1], int(sys.argv[2])))
name = os.environ["BEATKEEPER_NODE"].encode()
while True:
    question, client = own.recvfrom(64)
    try:
        own.sendto(question[:8] + name, client)
    except OSError:
        pass  # what a gate refuses is lost like any datagram
"""


def stranger(known: Lab, name: str = STRANGER) -> LabNode:
    """Return a machine on the same network that the cluster does not know."""
    places = tuple(
        replace(place, host=f"{place.host.rpartition('.')[0]}.100")
        for place in known.nodes[0].places
    )
    return LabNode(name, places)


class Watch:
    """The prober's process, and what it has told so far."""

    def __init__(self, lab: Laboratory, output: Path) -> None:
        known = state.known(lab.directory)
        base = known.nodes[0].places[0].host.rpartition(".")[0]
        value = {
            "address": lab.service(ADDRESS),
            "port": PORT,
            "client": f"{base}.253",
            "nodes": {
                node.name: [f"n{number}-0", node.places[0].host]
                for number, node in enumerate((*known.nodes, stranger(known)), 1)
            },
        }
        switch = f"/run/netns/{known.namespaces}_switch"
        command = [sys.executable, "-I", "-S", str(PROBER), switch, str(output), json.dumps(value)]
        self._output = output
        self._process = subprocess.Popen(
            ["nice", "-n", "-10", *command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._told = threading.Condition()
        self._changes: list[tuple[str, int]] = []
        self._answers: list[Answer] = []
        self._read_bytes = 0
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            node, _, at = line.partition(" ")
            with self._told:
                self._changes.append((node, int(at)))
                self._told.notify_all()

    def answering(self) -> str:
        """Return who answered last."""
        with self._told:
            return self._changes[-1][0] if self._changes else ""

    def wait_for(self, is_so: Callable[[str], bool], within_s: float = PATIENCE_S) -> bool:
        """Wait until the node that answered last is so; return whether that came in time."""
        with self._told:
            return self._told.wait_for(
                lambda: bool(self._changes) and is_so(self._changes[-1][0]), within_s
            )

    def answers(self) -> list[Answer]:
        """Return every answer up to now, the newest perhaps not yet."""
        with self._output.open("rb") as file:
            file.seek(self._read_bytes)
            whole, end, _ = file.read().rpartition(b"\n")
        self._read_bytes += len(whole + end)
        self._answers += timeline.read((whole + end).decode("ascii").splitlines(keepends=True))
        return self._answers

    def end(self) -> None:
        """End the prober; all its answers are in the file then."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        assert self._process.wait(20) == 0
        self._thread.join()
        assert self._process.stdout is not None
        self._process.stdout.close()


class Fire:
    """The lab, its faults and its prober."""

    def __init__(self, lab: Laboratory, watch: Watch) -> None:
        self.lab = lab
        self.watch = watch
        self.known = state.known(lab.directory)
        self.cuts = Cuts(self.known)
        self.marks: list[tuple[int, str]] = []
        self.names_taken: set[str] = set()
        """Names of nodes under which the stranger may answer."""

    # --- faults --------------------------------------------------------------------------

    def mark(self, text: str) -> int:
        """Note what happens now; return when, in nanoseconds."""
        now_ns = time.monotonic_ns()
        self.marks.append((now_ns, text))
        return now_ns

    def crash(self, node: str) -> None:
        """Cut the power: everything dies at once, cables and kernel state as well."""
        self.mark(f"{node} loses its power")
        machines.cut_power(self.known, [self.known.node(node)])

    def boot(self, node: str) -> None:
        """Bring a node that has lost its power back."""
        self.mark(f"{node} boots")
        machines.power_up(self.known, self.known.node(node), (HAD,))

    def freeze(self, node: str, role: str = "") -> None:
        """Stop all processes, or those of one role; the node's kernel and cables go on."""
        self.mark(f"{node} freezes {role}")
        self._signal(node, role, signal.SIGSTOP)

    def thaw(self, node: str) -> None:
        """Let what stands still go on."""
        self.mark(f"{node} thaws")
        self._signal(node, "", signal.SIGCONT)

    def resume(self, node: str, role: str) -> None:
        """Let one role of a frozen node go on, and the rest stand."""
        self.mark(f"{role} of {node} goes on")
        self._signal(node, role, signal.SIGCONT)

    def kill(self, node: str, role: str) -> None:
        """Kill one daemon of the node, or one resource's processes, if it runs."""
        self.mark(f"{role} of {node} is killed")
        self._signal(node, role, signal.SIGKILL)

    def start_daemon(self, node: str) -> None:
        """Start the node's daemon if it does not run."""
        here = processes.of(self.known.root(node))
        if machines.missing(here, (HAD,)):
            self.mark(f"had of {node} starts")
            machines.start(self.known, [(self.known.node(node), HAD)])

    def _signal(self, node: str, role: str, number: signal.Signals) -> None:
        done: set[int] = set()
        while fresh := [
            item
            for item in processes.of(self.known.root(node))
            if item.pid not in done and (not role or item.role in (role, f"resource:{role}"))
        ]:
            processes.send(fresh, number)
            done |= {item.pid for item in fresh}
            if number == signal.SIGKILL:
                return

    def heal(self) -> None:
        """End all faults; a node without power boots, a daemon that was killed starts."""
        self.cuts.heal()
        for node in self.known.nodes:
            here = processes.of(self.known.root(node.name))
            if not here:
                self.boot(node.name)
                continue
            for link in range(len(node.places)):
                self.cuts.carrier(node.name, link, is_up=True)
            processes.send([item for item in here if item.is_stopped], signal.SIGCONT)
            self.start_daemon(node.name)
        self.mark("everything is healed")

    def is_powered(self, node: str) -> bool:
        """Return whether the node has power: what has none can have no other fault."""
        return bool(processes.of(self.known.root(node)))

    def pause(self, seconds: float) -> None:
        """Let the time pass that lies between two faults."""
        self.watch.wait_for(lambda _: False, seconds)

    def move(self, node: str) -> None:
        """Move the service to that node, as an operator would, without a lasting wish."""
        self.mark(f"an operator moves the service to {node}")
        for words in (("move", WHOLE, "--to", node), ("clear", WHOLE)):
            done = run("--root", str(self.lab.root(node)), "resource", *words)
            assert done.returncode == 0, done.stdout + done.stderr
        assert self.watch.wait_for(lambda now: now == node), self.account()

    def plug_in(self, node: LabNode) -> None:
        """Connect a machine that is none of the lab's to its network, and start its daemon.

        Raises: ConnectError: it does not start; the text has its own words.
        """
        self.mark(f"{node.name} is plugged in")
        wider = replace(self.known, nodes=(*self.known.nodes, node))
        network.add(wider, node, is_plugged=True)
        machines.start(wider, [(node, HAD)])

    def signal_stranger(self, node: LabNode, number: signal.Signals) -> None:
        """Send the stranger's daemon a signal."""
        here = processes.of(self.known.root(node.name))
        processes.send([item for item in here if item.role == HAD], number)

    def unplug(self, node: LabNode) -> None:
        """Cut the stranger's power and take its cables away."""
        self.mark(f"{node.name} is unplugged")
        machines.cut_power(replace(self.known, nodes=(*self.known.nodes, node)), [node])

    # --- what must be so -----------------------------------------------------------------

    def is_well(self) -> None:
        """Wait until every node sees all nodes online and everything started."""
        for node in NODES:
            self.becomes(node, all_run)
        self.mark("all is well")

    def becomes(self, node: str, is_so: Callable[[ClusterSnapshot], bool]) -> ClusterSnapshot:
        """Wait until the node sees the cluster so."""
        try:
            return self.lab.becomes(node, is_so, PATIENCE_S)
        except TimeoutError:
            raise AssertionError(f"{node} does not see it in time:\n{self.account()}") from None

    def answers_after(self, at_ns: int) -> bool:
        """Wait until the service has answered a question that was sent after that."""
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            answers = self.watch.answers()
            if any(item.kind == "udp" and item.sent_ns > at_ns for item in answers):
                return True
            self.pause(0.05)
        return False

    def until(self, is_so: Callable[[], bool]) -> None:
        """Wait until it is so. Fails if it is not in time."""
        deadline = time.monotonic() + PATIENCE_S
        while not is_so():
            assert time.monotonic() < deadline, self.account()
            self.pause(0.2)

    def is_served(self) -> None:
        """Wait until the service answers now. Fails if it does not."""
        assert self.answers_after(self.mark("does it answer?")), self.account()

    def owner(self) -> str:
        """Return who answers."""
        assert self.watch.wait_for(bool), "nobody answers"
        return self.watch.answering()

    def moves_from(self, node: str) -> str:
        """Wait until another node than this one answers; return which."""
        assert self.watch.wait_for(lambda now: now != node), self.account()
        return self.watch.answering()

    def judge(self, since_ns: int = 0) -> list[Answer]:
        """Fail if two nodes were ever active at once; return the answers since then.

        What a test did may take less time than a question and its answer: it waits for one.
        """
        assert self.answers_after(since_ns), f"the prober hears nobody\n{self.account()}"
        answers = [item for item in self.watch.answers() if item.sent_ns >= since_ns]
        known = {"udp", "arp", *(f"udp-of-{name}" for name in self.names_taken)}
        strangers = {item.kind for item in answers} - known
        assert not strangers, f"a node answers in another's name: {strangers}"
        found = timeline.overlaps(timeline.stretches(answers))
        told = "; ".join(f"{item.nodes} for {item.length_ns / MS:.1f} ms" for item in found)
        assert not found, f"two owners: {told}\n{self.story()}"
        return answers

    def account(self) -> str:
        """Return the story, and what every node says of the cluster and of what it did."""
        said = [self.story()]
        for node in NODES:
            root = ("--root", str(self.lab.root(node)))
            said += [run(*root, "status").stdout, run(*root, "events", "--last", "15").stdout]
        return "\n".join(said)

    def story(self) -> str:
        """Return the newest part of what happened, in the order of time."""
        cut_ns = self.marks[-min(len(self.marks), 30)][0] if self.marks else 0
        answers = [item for item in self.watch.answers() if item.sent_ns >= cut_ns]
        return timeline.told(answers, [item for item in self.marks if item[0] >= cut_ns])


@contextmanager
def fire(place: Path, dead_after: str = "500ms") -> Iterator[Fire]:
    """Make the lab in namespaces, with its prober; remove it in the end."""
    source = place / "fire"
    source.mkdir(parents=True)
    (source / "answers.py").write_text(RESPONDER, encoding="ascii")
    configuration = place / "fire.yaml"
    configuration.write_text(CONFIGURATION.format(dead_after=dead_after), encoding="ascii")
    words = ("--netns", "--no-wbem", "--config", str(configuration))
    with laboratory(place / "lab", *words) as lab:
        watch = Watch(lab, place / "answers")
        try:
            yield Fire(lab, watch)
        finally:
            watch.end()
