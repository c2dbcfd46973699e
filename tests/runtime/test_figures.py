"""Figures: what is counted, what processes use, and who asks whom."""

import asyncio
import os
import subprocess

import pytest

from ha_core.config.model import AgentClass, AgentRef, Primitive
from ha_core.effects import RunOperation, Send
from ha_core.events import OperationDone, Received
from ha_core.figures import NodeFigures, ResourceFigures
from ha_core.messages import FiguresTold, FiguresWanted, Message
from ha_core.runtime.figures import FiguresDesk
from ha_core.runtime.meter import Meter, with_processes
from ha_core.runtime.tally import RESOURCES_MAX, Tally

PROCESS = Primitive("web", AgentRef(AgentClass.PROCESS))
OCF = Primitive("ip", AgentRef(AgentClass.OCF, "heartbeat", "IPaddr2"))


def result(
    tally: Tally, primitive: Primitive, action: str, exit_code: int = 0, interval_ms: int = 0
) -> None:
    operation = RunOperation(1, primitive, action, 1000, interval_ms=interval_ms)
    tally.count(operation, OperationDone(1, exit_code, duration_ms=40))


def test_operations_are_counted_by_what_they_came_to() -> None:
    tally = Tally()
    result(tally, OCF, "monitor", 7)
    assert tally.figures()["ip"] == ResourceFigures("ip", monitors=1)
    result(tally, OCF, "start", 1)
    result(tally, OCF, "start")
    result(tally, OCF, "monitor", interval_ms=1000)
    result(tally, OCF, "monitor", 7, interval_ms=1000)
    result(tally, OCF, "stop")
    assert tally.figures()["ip"] == ResourceFigures(
        "ip", starts=1, stops=1, failures=2, monitors=3, monitor_failures=1, last_start_ms=40
    )


def test_monitor_of_what_is_promoted_is_no_failure() -> None:
    tally = Tally()
    result(tally, OCF, "monitor", 8, interval_ms=1000)
    assert tally.figures()["ip"].failures == 0


def test_only_processes_that_run_are_looked_for() -> None:
    tally = Tally()
    result(tally, PROCESS, "monitor", 7)
    result(tally, OCF, "start")
    assert tally.processes == ()
    result(tally, PROCESS, "start")
    assert tally.processes == ("web",)
    tally.died("web")
    assert (tally.processes, tally.figures()["web"].failures) == ((), 1)


def test_names_that_are_kept_are_bounded() -> None:
    tally = Tally()
    for number in range(RESOURCES_MAX + 3):
        tally.died(f"r{number}")
    assert len(tally.figures()) == RESOURCES_MAX
    assert "r0" not in tally.figures()


def test_use_of_a_process_includes_its_children() -> None:
    with subprocess.Popen(
        ["sh", "-c", "sleep 60 & echo up; wait"], stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == "up\n"
        pids = {"web": parent.pid, "gone": 2**22 + 1}
        found = {each.resource: each for each in with_processes({}, pids)}
        subprocess.run(["pkill", "-P", str(parent.pid)], check=True)
        parent.wait()
    assert found.keys() == {"web"}
    assert (found["web"].process_id, found["web"].processes) == (parent.pid, 2)
    assert found["web"].memory_bytes > 0


def test_machine_is_measured() -> None:
    meter = Meter()
    first, second = meter.node(NodeFigures("n1")), meter.node(NodeFigures("n1"))
    assert first.cpu_permille == -1, "busy since when?"
    assert -1 <= second.cpu_permille <= 1000
    assert 0 < first.memory_available_bytes < first.memory_bytes
    assert (first.cpus, first.daemon_memory_bytes > 0) == (os.cpu_count(), True)
    assert 0 < first.boot_wall_ms < first.at_wall_ms


class Network:
    """Desks that hear each other at once, but for those that are deaf."""

    def __init__(self, *names: str) -> None:
        self.sent: list[tuple[str, str, Message]] = []
        self.deaf: set[str] = set()
        self.measured: list[str] = []
        self.desks = {name: self._desk(name, names) for name in names}

    def _desk(self, name: str, names: tuple[str, ...]) -> FiguresDesk:
        async def measure() -> NodeFigures:
            self.measured.append(name)
            return NodeFigures(name, load_milli=(len(self.measured), 0, 0))

        def send(effects: list[Send]) -> None:
            for effect in effects:
                self.sent.append((name, effect.to, effect.message))
                if effect.to not in self.deaf:
                    heard = Received(name, 1, "ring0", effect.message)
                    asyncio.get_running_loop().call_soon(self.desks[effect.to].take, heard)

        return FiguresDesk(name, measure, send, lambda: names)


def test_every_node_answers_who_asks_and_nobody_speaks_unasked() -> None:
    async def scenario() -> None:
        network = Network("n1", "n2", "n3")
        assert network.sent == []
        found = await network.desks["n1"].figures(2000)
        assert [each.node for each in found] == ["n1", "n2", "n3"]
        assert sorted(network.measured) == ["n1", "n2", "n3"]
        count = len(network.sent)
        assert await network.desks["n1"].figures(60_000) == found, "they are fresh enough"
        assert len(network.sent) == count

    asyncio.run(scenario())


def test_node_that_does_not_answer_is_left_out_and_the_others_are_told() -> None:
    async def scenario() -> None:
        network = Network("n1", "n2", "n3")
        network.deaf.add("n3")
        found = await network.desks["n1"].figures(2000)
        assert [each.node for each in found] == ["n1", "n2"]

    asyncio.run(scenario())


def test_many_that_ask_at_once_cause_one_measurement() -> None:
    async def scenario() -> None:
        network = Network("n1", "n2")
        desk = network.desks["n1"]
        found = await asyncio.gather(*(desk.figures(2000) for _ in range(20)))
        assert len(set(found)) == 1
        assert network.measured.count("n1") == network.measured.count("n2") == 1

    asyncio.run(scenario())


@pytest.mark.parametrize("name", ["n3", "stranger"])
def test_figures_in_the_name_of_another_node_are_not_taken(name: str) -> None:
    async def scenario() -> None:
        network = Network("n1", "n2", "n3")
        network.deaf.update(("n2", "n3"))
        forged = FiguresTold(1, NodeFigures(name))
        network.desks["n1"].take(Received("n2", 1, "ring0", forged))
        found = await network.desks["n1"].figures(2000)
        assert [each.node for each in found] == ["n1"]
        assert [m for _, _, m in network.sent] == [FiguresWanted(1), FiguresWanted(1)]

    asyncio.run(scenario())
