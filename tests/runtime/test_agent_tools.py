"""The programs by which agents speak to their cluster: called as agents call them."""

import shutil
import subprocess
from pathlib import Path

import pytest

from ha_core.ids import INFINITY
from ha_core.runtime.agent_tools import AgentTools


@pytest.fixture
def tools(tmp_path: Path) -> AgentTools:
    made = AgentTools(tmp_path)
    made.install()
    return made


def call(tools: AgentTools, *words: str, resource: str = "db") -> subprocess.CompletedProcess[str]:
    environment = {
        "PATH": f"{tools.programs}:/usr/bin:/bin",
        "BEATKEEPER_VALUES": str(tools.values),
        "OCF_RESOURCE_INSTANCE": resource,
        "HA_CURHOST": "n1",
    }
    found = shutil.which(words[0], path=environment["PATH"])
    assert found is not None
    return subprocess.run(
        (found, *words[1:]), env=environment, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize(
    "words",
    [
        ("crm_master", "-l", "reboot", "-v", "10"),
        ("crm_master", "-Q", "-l", "reboot", "-v", "10"),
        ("crm_attribute", "-p", "-v", "10"),
        ("crm_attribute", "-p", "db", "-v10"),
        ("crm_attribute", "--promotion", "db", "--update=10"),
        ("crm_attribute", "-l", "reboot", "-N", "n1", "-n", "master-db", "-v", "10"),
    ],
)
def test_promotion_score_is_told_in_every_form_that_agents_use(
    tools: AgentTools, words: tuple[str, ...]
) -> None:
    assert tools.promotion_score("db") is None
    assert call(tools, *words).returncode == 0
    assert tools.promotion_score("db") == 10


@pytest.mark.parametrize(
    ("text", "score"),
    [
        ("INFINITY", INFINITY),
        ("-INFINITY", -INFINITY),
        ("-7", -7),
        ("9999999", INFINITY),
        ("x", None),
    ],
)
def test_promotion_score_is_a_score(tools: AgentTools, text: str, score: int | None) -> None:
    assert call(tools, "crm_master", "-v", text).returncode == 0
    assert tools.promotion_score("db") == score


def test_promotion_score_can_be_asked_for_and_taken_back(tools: AgentTools) -> None:
    call(tools, "crm_master", "-v", "5")
    assert call(tools, "crm_master", "-G", "-q").stdout == "5\n"
    assert call(tools, "crm_master", "-D").returncode == 0
    assert tools.promotion_score("db") is None
    assert call(tools, "crm_master", "-G", "-q").returncode == 105
    assert call(tools, "crm_attribute", "-n", "x", "-G", "-q", "-d", "none").stdout == "none\n"


def test_instances_have_scores_of_their_own(tools: AgentTools) -> None:
    call(tools, "crm_master", "-v", "1", resource="db:0")
    call(tools, "crm_master", "-v", "2", resource="db:1")
    assert [tools.promotion_score(name) for name in ("db:0", "db:1")] == [1, 2]


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("crm_attribute", "-n", "../x", "-v", "1"), 64, "bad attribute name"),
        (("crm_attribute", "-v", "1"), 64, "bad attribute name"),
        (("crm_attribute", "--bogus"), 64, "option --bogus is not known here"),
        (("crm_attribute", "-N", "n2", "-n", "x", "-v", "1"), 69, "only this node's"),
        (("crm_attribute", "-N", "n2", "-n", "x", "-G"), 105, "no attribute x here"),
        (("crm_node", "-l"), 64, "only -n is known here"),
    ],
)
def test_what_cannot_be_done_is_refused_in_words(
    tools: AgentTools, words: tuple[str, ...], code: int, said: str
) -> None:
    done = call(tools, *words)
    assert done.returncode == code
    assert said in done.stderr
    assert not list(tools.values.iterdir())


def test_node_is_told_its_name(tools: AgentTools) -> None:
    assert call(tools, "crm_node", "-n").stdout == "n1\n"


def test_programs_of_another_version_are_replaced(tools: AgentTools) -> None:
    path = tools.programs / "crm_master"
    path.write_text("#!/bin/sh\nexit 1\n")
    tools.install()
    assert call(tools, "crm_master", "-v", "3").returncode == 0
