"""A console that knows DMTF's classes alone, against a real cluster and the engine in memory."""

import importlib.util
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest
import pywbem

from cim_provider.engine import ClusterView, Pending, RestartResource
from cim_provider.engines.memory import MemoryEngine
from cim_provider.mapping.operations import Mapping
from cim_provider.mapping.pulls import Pulls
from tests.cim.mapping.views import IDENTITY, WALL_MS, cluster, copy, schema
from tests.cim.server.harness import serving
from tests.e2e.laboratory import Laboratory, laboratory, moved_from

CONSOLE = Path(__file__).resolve().parents[3] / "examples" / "console.py"


def _loaded() -> ModuleType:
    spec = importlib.util.spec_from_file_location("console", CONSOLE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # its dataclasses look for it there
    spec.loader.exec_module(module)
    return module


console = _loaded()


@contextmanager
def served(
    directory: Path, view: ClusterView | None = None
) -> Iterator[tuple[MemoryEngine, pywbem.WBEMConnection]]:
    """Serve the sample cluster over a real socket."""
    engine = MemoryEngine(view or cluster())
    performer = Mapping(schema(), engine, IDENTITY, pulls=Pulls(lambda: 0.0, lambda: "context"))
    with serving(directory, performer=performer) as server:
        yield engine, server.client()


def test_source_has_no_class_but_those_of_the_standard() -> None:
    source = CONSOLE.read_text(encoding="utf-8")
    assert not re.search(r"\bHA_|LinuxHA|beatkeeper|cim_provider|ha_core", source, re.IGNORECASE)
    named = set(re.findall(r"CIM_\w+", source))
    namespace = schema().namespace("root/cimv2")
    assert namespace is not None
    assert len(named) >= 10
    assert all(namespace.get(name) for name in named)


def test_console_draws_nodes_services_health_and_redundancy(tmp_path: Path) -> None:
    with served(tmp_path) as (engine, client):
        (found,) = console.look(client)
        drawn = console.draw(found)
        assert drawn.startswith("Cluster shop: ok, all is well")
        assert "  n1: ok, online\n    +-- web\n  n2: ok, online\n    +-- db\n" in drawn
        assert "  web: ok, running [n1]" in drawn
        assert "  cache: ok, stopped, as wanted [nowhere]" in drawn
        assert "  Nodes of the cluster: fully redundant: n1, n2, n3" in drawn
        assert "  Redundancy of web: fully redundant: n1; spare: n2 (hot)" in drawn
        engine.change_node("n2", state="standby")
        drawn = console.draw(console.look(client)[0])
        assert "  Redundancy of web: degraded redundancy: n1; spare: n2 (cold)" in drawn
        engine.change_primitive("db", state="failed")
        drawn = console.draw(console.look(client)[0])
        assert drawn.startswith("Cluster shop: major failure")
        assert "  db: major failure, failed" in drawn
        assert "  Redundancy of db: overall failure" in drawn


def test_service_is_shown_where_it_runs_and_not_where_it_has_failed(tmp_path: Path) -> None:
    with served(tmp_path) as (engine, client):
        dead = copy("n1", "db", state="stopped", fail_count=1)
        engine.change_primitive("db", instances=(dead, copy("n2", "db")))
        drawn = console.draw(console.look(client)[0])
        assert re.search(r"^  db: .* \[n2\]$", drawn, re.M), drawn
        found = client.EnumerateInstances("CIM_EnabledLogicalElement", namespace="root/cimv2")
        states = {each["ElementName"]: each["EnabledState"] for each in found}
        assert (states["db on n1"], states["db on n2"]) == (3, 2)


def test_console_watches_the_job_of_a_restart_to_its_end(tmp_path: Path) -> None:
    with served(tmp_path) as (engine, client):
        (found,) = console.look(client)
        services = {each.element.name: each for each in found.services}
        engine.answer = Pending("accepted, but ip is stopping")
        told: list[str] = []
        steps: list[dict[str, object]] = [
            {"name": "server", "state": "stopped", "nodes": (), "instances": ()},
            {"name": "ip", "instances": (copy("n1", "ip", started_wall_ms=WALL_MS + 1),)},
            {
                "name": "server",
                "state": "started",
                "nodes": ("n1",),
                "instances": (copy("n1", "server", started_wall_ms=WALL_MS + 2),),
            },
        ]

        def pause() -> None:
            engine.change_primitive(**steps.pop(0))  # type: ignore[arg-type]  # fields by name

        assert console.restart(client, services["web"], told.append, pause)
        assert engine.given == [(RestartResource("web"), "ann")]
        assert not steps
        assert told[-1].endswith("completed")
        assert any(" 50 %" in each for each in told), told


def test_console_says_what_was_refused(tmp_path: Path) -> None:
    with served(tmp_path) as (_, client):
        services = {each.element.name: each for each in console.look(client)[0].services}
        with pytest.raises(console.ConsoleError, match="cache: Invalid State Transition"):
            console.restart(client, services["cache"], print, lambda: None)


class FailingServer:
    """A server whose restart is a job that comes to nothing."""

    def __init__(self) -> None:
        self.states = iter((4, 4, 10))

    def Associators(self, path: object, **filters: object) -> list[dict[str, list[int]]]:
        return [{"RequestedStatesSupported": [2, 3, 10]}]

    def InvokeMethod(
        self, method: str, path: object, **given: object
    ) -> tuple[int, dict[str, str]]:
        assert (method, given) == ("RequestStateChange", {"RequestedState": 10})
        return 4096, {"Job": "the job"}

    def GetInstance(self, path: object) -> dict[str, object]:
        state = next(self.states)
        status = "db is failed" if state == 10 else "stop db"
        return {
            "ElementName": "restart db",
            "JobState": state,
            "PercentComplete": 0,
            "JobStatus": status,
        }


def test_console_says_how_a_job_failed() -> None:
    element = console.Element("the service", "db", 5, "running")
    told: list[str] = []
    waits: list[None] = []
    service = console.Service(element, ("n1",))
    assert not console.restart(FailingServer(), service, told.append, lambda: waits.append(None))
    assert told == [
        "restart db: 0 %, stop db",
        "restart db: 0 %, db is failed",
        "restart db: failed",
    ]
    assert len(waits) == 2


def test_server_without_a_cluster_is_told_from_one_with(tmp_path: Path) -> None:
    with served(tmp_path) as (_, client):
        assert [path.classname for path in console.clusters_of(client)] == ["HA_Cluster"]
        view = replace(cluster(), name="")
    with served(tmp_path, view) as (_, client):
        assert console.draw(console.look(client)[0]).startswith("Cluster LinuxHACluster")


def _run(lab: Laboratory, *words: str) -> "subprocess.CompletedProcess[str]":
    """Run the console as a program, on the last node of the lab."""
    where = lab.value["wbem"][-1]
    return subprocess.run(
        [sys.executable, str(CONSOLE), where["http"], "--user", where["user"], *words],
        env={**os.environ, "WBEM_PASSWORD": where["password"]},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_console_shows_a_real_cluster_and_restarts_a_service(tmp_path: Path) -> None:
    with laboratory(tmp_path / "lab", "--nodes", "3") as lab:
        drawn = _run(lab)
        assert drawn.returncode == 0, drawn.stderr
        assert "Nodes of the cluster: fully redundant: n1, n2, n3" in drawn.stdout
        names = re.findall(r"^  Redundancy of (\S+): fully redundant", drawn.stdout, re.M)
        assert names, drawn.stdout
        again = _run(lab, "--restart", names[0])
        assert again.returncode == 0, again.stdout + again.stderr
        assert "is restarted" in again.stdout or again.stdout.rstrip().endswith("completed")
        wrong = _run(lab, "--restart", "nothing")
        assert wrong.returncode == 1
        assert names[0] in wrong.stderr
        lab.told("kill", "n1")
        lab.becomes("n3", lambda snapshot: moved_from("n1", snapshot))
        drawn = _run(lab)
        assert "Nodes of the cluster: redundancy lost: n1, n2, n3" in drawn.stdout
        assert re.search(r"^  n1: critical|^  n1: major", drawn.stdout, re.M), drawn.stdout


SLOW = """#!/bin/sh
trap 'sleep 12; exit 0' TERM
while :; do sleep 0.2; done
"""
"""A service that takes its time to stop: longer than any call waits."""


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_console_watches_the_job_of_a_real_service_that_stops_slowly(tmp_path: Path) -> None:
    script, file = tmp_path / "slow", tmp_path / "slow.yaml"
    script.write_text(SLOW, encoding="utf-8")
    script.chmod(0o755)
    nodes = "\n".join(f"  n{i}: {{addresses: {{ring0: 192.0.2.{i}}}}}" for i in (1, 2, 3))
    text = f"resources:\n  slow: {{agent: process, parameters: {{command: {script}}}}}\n"
    file.write_text(f"links:\n  ring0: {{}}\nnodes:\n{nodes}\n{text}", encoding="utf-8")
    with laboratory(tmp_path / "lab", "--config", str(file)) as lab:
        done = _run(lab, "--restart", "slow")
        assert done.returncode == 0, done.stdout + done.stderr
        lines = done.stdout.splitlines()
        assert any(re.match(r"restart slow: \d+ %, (?!completed)", each) for each in lines), lines
        assert lines[-1] == "restart slow: completed"
