"""`ha policy`: a CIB in, a plan out, in sentences or as JSON; no cluster is asked."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from ha_core.cli.main import ha
from tests.core.policy.reading.cibs import cib, history, meta, operation, pairs, primitive


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "cib.xml"
    path.write_bytes(
        cib(
            primitive("vip") + primitive("web", meta(target_role="Stopped")),
            '<rsc_location id="l" rsc="vip" node="n2" score="INFINITY"/>'
            '<rsc_location id="m" rsc="nobody" node="n2" score="1"/>',
            histories={"n1": history("vip", operation("vip", "start"))},
            inside={"n1": pairs("instance_attributes", {"standby": "on"})},
        )
    )
    return path


def run(*arguments: str | Path, text: str = "") -> Result:
    return CliRunner().invoke(ha, ["policy", *map(str, arguments)], input=text)


def test_the_plan_is_told_in_sentences(file: Path) -> None:
    result = run("--cib", file)
    assert result.exit_code == 0
    lines = result.output.splitlines()
    assert lines[:3] == ["nodes", "  n1: standby (it is in standby)", "  n2: online"]
    assert "  vip: started on n2 (now started on n1)" in lines
    assert any(line.startswith("  web: stopped: ") for line in lines)
    start = next(line for line in lines if "start vip on n2" in line)
    stop = next(line for line in lines if "stop vip on n1" in line)
    assert stop.split(".")[0].strip() in start.partition("after")[2]
    assert lines[-2:] == [
        "left out",
        "  <rsc_location id=\"m\"> in line 1: there is no resource 'nobody'",
    ]


def test_the_plan_is_told_as_json(file: Path) -> None:
    value = json.loads(run("--cib", file, "--json").output)
    assert value["placement"] == {"vip": {"node": "n2", "role": "Started"}}
    done = [(item["op"], item["resource"], item["node"]) for item in value["actions"]]
    assert ("stop", "vip", "n1") in done
    assert ("start", "vip", "n2") in done
    first, then = done.index(("stop", "vip", "n1")), done.index(("start", "vip", "n2"))
    assert [first, then] in value["order"]
    assert value["fenced"] == value["blocked"] == []
    assert len(value["left_out"]) == 1


def test_a_server_answers_each_path_in_one_line(file: Path, tmp_path: Path) -> None:
    bad = tmp_path / "bad.xml"
    bad.write_text("<cib>")
    result = run("--server", text=f"{file}\n\n{bad}\n{tmp_path / 'none.xml'}\n{file}\n")
    answers = [json.loads(line) for line in result.output.splitlines()]
    assert len(answers) == 4
    assert answers[0] == answers[3]
    assert "no well-formed XML" in answers[1]["error"]
    assert "No such file" in answers[2]["error"]


def test_a_broken_cib_is_told_in_one_sentence(tmp_path: Path) -> None:
    bad = tmp_path / "bad.xml"
    bad.write_text("<!DOCTYPE x [<!ENTITY a 'b'>]><cib/>")
    result = run("--cib", bad)
    assert result.exit_code == 5
    assert result.output.startswith(f"ha: {bad}: the XML has a document type")


@pytest.mark.parametrize("arguments", [(), ("--server", "--cib", "x")])
def test_either_a_file_or_a_server_is_wanted(arguments: tuple[str, ...]) -> None:
    result = run(*arguments)
    assert result.exit_code == 2
    assert "give either --cib FILE or --server" in result.output


def test_no_event_loop_and_nothing_foreign_is_loaded_for_it(file: Path) -> None:
    code = (
        "import sys; from ha_core.cli.main import ha\n"
        f"ha.main(['policy', '--cib', {str(file)!r}, '--json'], standalone_mode=False)\n"
        "print(sorted({'asyncio', 'yaml', 'cryptography', 'msgspec'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_the_plan_does_not_hang_on_the_order_of_hashes(file: Path) -> None:
    command = [sys.executable, "-m", "ha_core.cli", "policy", "--cib", str(file), "--json"]
    outputs = {
        subprocess.run(
            command, capture_output=True, check=True, env={"PYTHONHASHSEED": seed}
        ).stdout
        for seed in ("0", "1", "2")
    }
    assert len(outputs) == 1


@pytest.fixture
def tight(tmp_path: Path) -> Path:
    """Room for both, if the small one does not take the large node that it prefers."""

    def room(owner: str, amount: int) -> str:
        return pairs("utilization", {"cpu": str(amount)}, f"u-{owner}")

    def needs(name: str, amount: int) -> str:
        return primitive(name, room(name, amount))

    path = tmp_path / "tight.xml"
    path.write_bytes(
        cib(
            needs("a", 3) + needs("b", 6),
            '<rsc_location id="l" rsc="a" node="n2" score="100"/>',
            options={"placement-strategy": "utilization"},
            inside={"n1": room("n1", 4), "n2": room("n2", 8)},
        )
    )
    return path


OFFER = "b stays stopped by the greedy order; `placement: exact` would run it on n2, with a on n1"


def test_a_better_placement_is_offered_and_not_taken(tight: Path) -> None:
    lines = run("--cib", tight).output.splitlines()
    assert OFFER in lines
    assert any(line.startswith("  b: stopped: ") for line in lines)
    value = json.loads(run("--cib", tight, "--json").output)
    assert value["placement"] == {"a": {"node": "n2", "role": "Started"}}
    assert value["offer"]["gained"] == ["b"]


def test_a_better_placement_is_taken_where_it_is_asked_for(tight: Path) -> None:
    output = run("--cib", tight, "--placement", "exact").output
    assert "  b: started on n2 (now stopped)" in output.splitlines()
    assert "placement: exact did better than the greedy order" in output
    assert "  b runs on n2, the greedy order leaves it stopped" in output.splitlines()
    assert "  a is on n1 for that" in output.splitlines()
    assert OFFER not in output
    value = json.loads(run("--cib", tight, "--placement", "exact", "--json").output)
    assert value["placement"]["b"] == {"node": "n2", "role": "Started"}
    assert value["exact"]["moved"] == ["a"]


def test_where_nothing_can_be_better_nothing_is_offered(file: Path) -> None:
    assert "placement: exact" not in run("--cib", file).output
    assert "offer" not in json.loads(run("--cib", file, "--json").output)
    assert "runs more than that of the greedy order" in run(
        "--cib", file, "--placement", "exact"
    ).output  # fmt: skip


def test_a_cib_without_status_says_why_all_nodes_are_offline(tmp_path: Path) -> None:
    path = tmp_path / "cib.xml"
    whole = cib(primitive("a")).decode()
    path.write_text(whole.partition("<status>")[0] + "</cib>")
    assert "the CIB has no status, as 'ha export --cib' writes none" in run("--cib", path).output


def test_what_is_held_up_names_its_cause_and_not_a_mark(tmp_path: Path) -> None:
    path = tmp_path / "cib.xml"
    path.write_bytes(
        cib(
            primitive("a", meta(target_role="Stopped")) + primitive("b"),
            '<rsc_order id="o" first="a" then="b"/>',
        )
    )
    lines = run("--cib", path).output.splitlines()
    cause = "the start of a cannot be: its target-role is Stopped"
    assert f"  b: stopped: {cause}" in lines
    assert f"  the start of b on n1 (it waits for the start of a): {cause}" in lines


def test_another_release_is_followed_only_where_it_is_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "cib.xml"
    path.write_bytes(
        cib(
            primitive("a") + primitive("b"),
            '<rsc_location id="l" rsc="a" node="n2" score="-INFINITY"/>'
            '<rsc_colocation id="c" rsc="a" with-rsc="b" score="-INFINITY"/>',
        )
    )
    newer = json.loads(run("--cib", path, "--json").output)["placement"]
    older = json.loads(run("--cib", path, "--json", "--like", "2.1.5").output)["placement"]
    assert {name: place["node"] for name, place in newer.items()} == {"a": "n1", "b": "n2"}
    assert {name: place["node"] for name, place in older.items()} == {"b": "n1"}
    assert run("--cib", path, "--like", "1.1").exit_code == 2
