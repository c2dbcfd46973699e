"""`Diagnose` and `Report`: the command line's answers, told by the engine; and how they end."""

import asyncio
import base64
import io
import json
import tarfile
from pathlib import Path

import pytest

from cim_provider.commands import Diagnose, MakeReport, Told
from cim_provider.engine import Refused
from cim_provider.engines import ha_core_examiner
from cim_provider.engines.ha_core import HaCoreEngine
from ha_core.cli.options import EXIT_CODES
from tests.fake_cluster import FakeCluster

BOUND_S = 60.0
DIAGNOSE = Diagnose()


def asked(root: Path, question: Diagnose | MakeReport = DIAGNOSE) -> Told | Refused:
    """Return what the engine answers."""

    async def ask() -> Told | Refused:
        async with asyncio.timeout(BOUND_S), HaCoreEngine(root) as engine:
            return await engine.ask(question)

    return asyncio.run(ask())


def test_findings_are_those_of_the_command_line_a_line_each(
    root: Path, cluster: FakeCluster
) -> None:
    cluster.change_node("n3", state="standby")
    told = asked(root)
    assert isinstance(told, Told)
    lines = told.text.splitlines()
    assert (
        "warning: n3 is in standby; it takes nothing over, and nothing ends that by itself;"
        " ha node online n3"
    ) in lines
    assert len(json.loads(told.json)["findings"]) == len(lines)


def test_machine_that_is_no_node_is_refused_in_the_words_of_the_command_line(root: Path) -> None:
    refused = asked(root)
    assert isinstance(refused, Refused)
    assert (refused.code, "is no node of a cluster yet" in refused.text) == ("failed", True)


def test_one_that_takes_too_long_is_ended(
    root: Path, cluster: FakeCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ha_core_examiner, "LIMIT_S", 0.01)
    refused = asked(root)
    assert isinstance(refused, Refused)
    assert refused.code == "timeout"


def test_exit_codes_that_are_an_answer_are_those_of_the_verb() -> None:
    assert {code for code in EXIT_CODES if "doctor" in EXIT_CODES[code]} | {0} == set(
        ha_core_examiner.FOUND
    )


def test_report_comes_as_an_archive_with_its_index_beside(root: Path, cluster: FakeCluster) -> None:
    told = asked(root, MakeReport(incident="n3-lost"))
    assert isinstance(told, Refused)
    assert "no kept event belongs to the incident 'n3-lost'" in told.text
    told = asked(root, MakeReport(since="--output=/x"))
    assert isinstance(told, Refused)
    assert (told.code, "is no time" in told.text) == ("invalid", True)
    told = asked(root, MakeReport())
    assert isinstance(told, Told)
    assert told.text.startswith("REPORT of cluster demo, made on n1, ")
    with tarfile.open(fileobj=io.BytesIO(base64.b64decode(told.json))) as archive:
        assert any(name.endswith("/timeline.txt") for name in archive.getnames())
