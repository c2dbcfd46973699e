"""`ha fence` and `ha node fence`: what they ask first, what they wait for, and how they end."""

from dataclasses import replace

import pytest

from ha_core import commands
from ha_core.commands import Outcome
from ha_core.config.model import FenceAction, FenceDevice
from ha_core.ids import NodeName
from ha_core.journal import JournalEvent
from ha_core.status import FencingStatus
from tests.cli.conftest import Ha, value
from tests.fake_cluster import WALL_MS, FakeCluster

N2 = NodeName("n2")
INCIDENT = "fence-rehearsal-7-1"


def told(seq: int, kind: str, subject: str, why: str = "", incident: str = "") -> JournalEvent:
    """Return an event of the coordinator."""
    return JournalEvent(
        NodeName("n1"), 1, seq, WALL_MS, kind, subject, f"text of {seq}", why, incident, seq
    )


def obedient(cluster: FakeCluster, **changes: object) -> None:
    """Let the fake cluster accept every command, with these changes of n2."""

    def obey(_: commands.Command) -> Outcome:
        cluster.change_node("n2", **changes)
        return Outcome(text="accepted", revision=cluster.now.revision)

    cluster.obey = obey


@pytest.mark.parametrize(
    ("words", "action"),
    [((), None), (("--off",), FenceAction.OFF), (("--reboot",), FenceAction.REBOOT)],
)
def test_node_is_cut_off_with_the_reason_and_the_action_that_were_given(
    ha: Ha, cluster: FakeCluster, words: tuple[str, ...], action: FenceAction | None
) -> None:
    obedient(cluster, state="lost", fenced_by="pdu")
    done = ha("node", "fence", "n2", "--reason", "it smokes", "--yes", *words)
    assert done.exit_code == 0, done.stderr
    assert done.stdout.startswith("n2 was cut off by pdu (")
    assert [given for given, _ in cluster.given] == [commands.FenceNode(N2, "it smokes", action)]


def test_node_that_is_back_with_a_later_start_was_cut_off(ha: Ha, cluster: FakeCluster) -> None:
    obedient(cluster, generation=99)
    done = ha("node", "fence", "n2", "--reason", "it smokes", "--yes")
    assert (done.exit_code, done.stdout[:30]) == (0, "n2 was cut off and is back (0."[:30])


@pytest.mark.parametrize(("typed", "code"), [("n2\n", 0), ("y\n", 1), ("\n", 1), ("n1\n", 1)])
def test_nobody_cuts_off_a_node_without_typing_its_name(
    ha: Ha, cluster: FakeCluster, typed: str, code: int
) -> None:
    obedient(cluster, state="lost", fenced_by="pdu")
    pdu = FenceDevice("pdu", "fence:x", targets=(N2,))
    cluster.become(configuration=replace(cluster.now.configuration, fence_devices=(pdu,)))
    done = ha("node", "fence", "n2", "--reason", "it smokes", stdin=typed)
    assert done.exit_code == code
    assert ("ha: nothing was done, as the answer was not n2" in done.stderr) is (code == 1)
    assert bool(cluster.given) is (code == 0)


def test_reason_is_needed(ha: Ha, cluster: FakeCluster) -> None:
    done = ha("node", "fence", "n2", "--yes")
    assert done.exit_code == 2
    assert "--reason" in done.stderr
    assert cluster.given == []


def test_node_that_could_not_be_cut_off_is_told_with_where_to_look(
    ha: Ha, cluster: FakeCluster
) -> None:
    shown: list[FencingStatus] = []

    def obey(_: commands.Command) -> Outcome:
        under_way = FencingStatus(N2, 1, "cutting", "pdu", NodeName("n1"), "it smokes")
        shown.append(under_way)
        cluster.become(fencing=(under_way,))
        return Outcome(text="accepted", revision=cluster.now.revision)

    cluster.obey = obey
    done = ha("node", "fence", "n2", "--reason", "it smokes", "--yes", "--timeout", "0.3")
    assert done.exit_code == 4
    assert "n2 is being cut off by pdu through n1" in done.stderr
    assert shown


def rehearsed(cluster: FakeCluster, *events: JournalEvent) -> None:
    """Let a rehearsal have these events."""

    def obey(command: commands.Command) -> Outcome:
        assert isinstance(command, commands.TestFence)
        cluster.journal += [*events, told(99, "fence-rehearsed", "fencing", "", INCIDENT)]
        return Outcome(text=INCIDENT)

    cluster.obey = obey


def test_rehearsal_prints_a_line_for_each_pair_and_fails_if_one_does(
    ha: Ha, cluster: FakeCluster
) -> None:
    rehearsed(
        cluster,
        told(11, "fence-test-failed", "pdu:n2:n3", "no route", INCIDENT),
        told(12, "fence-tested", "pdu:n2:n1", "it knows n2, which is on", INCIDENT),
        told(13, "fence-tested", "pdu:n2:n1", "of another rehearsal", "fence-rehearsal-6-9"),
    )
    done = ha("fence", "test", "n2")
    assert done.exit_code == 1
    assert [line.split() for line in done.stdout.splitlines()] == [
        ["ok", "pdu", "n2", "from", "n1", "it", "knows", "n2,", "which", "is", "on"],
        ["FAIL", "pdu", "n2", "from", "n3", "no", "route"],
    ]
    assert "1 of 2 tries failed" in done.stderr
    assert [given for given, _ in cluster.given] == [commands.TestFence("n2")]


def test_rehearsal_that_goes_well_says_so_to_programs(ha: Ha, cluster: FakeCluster) -> None:
    rehearsed(cluster, told(11, "fence-tested", "pdu:n2:n1", "it is on", INCIDENT))
    done = ha("fence", "test", "--json")
    assert done.exit_code == 0
    assert value(done) == {
        "ok": True,
        "results": [
            {"device": "pdu", "target": "n2", "node": "n1", "ok": True, "text": "it is on"}
        ],
    }


def test_rehearsal_that_fails_is_one_document_for_programs(ha: Ha, cluster: FakeCluster) -> None:
    rehearsed(cluster, told(11, "fence-test-failed", "pdu:n2:n1", "no route", INCIDENT))
    done = ha("fence", "test", "--json")
    assert done.exit_code == 1
    found = value(done)
    assert isinstance(found, dict)
    assert (found["ok"], found["code"]) == (False, "failed")
    assert found["results"][0]["text"] == "no route"
    assert done.stderr == "ha: 1 of 1 try failed: mend them, try again\n"


def test_refusal_of_a_rehearsal_is_one_sentence(ha: Ha, cluster: FakeCluster) -> None:
    text = "there is no fence device: write one under fence_devices"
    cluster.obey = lambda _: Outcome("invalid", text)
    done = ha("fence", "test")
    assert (done.exit_code, done.stderr) == (1, f"ha: {text}\n")


def test_history_shows_what_was_cut_off_and_can_be_of_one_node(
    ha: Ha, cluster: FakeCluster
) -> None:
    cluster.journal = [
        told(1, "node-lost", "n2"),
        told(2, "node-fenced", "n2"),
        told(3, "fence-failed", "n3"),
        told(4, "fence-tested", "pdu:n2:n1"),
        told(5, "node-confirmed-down", "n2"),
    ]

    def shown(*words: str) -> list[str]:
        return [line.split()[0] for line in ha("fence", "history", *words).stdout.splitlines()]

    assert shown() == ["2", "3", "4", "5"]
    assert shown("n2") == ["2", "4", "5"]
    assert shown("n3") == ["3"]
    cluster.journal = [told(1, "node-lost", "n2")]
    assert ha("fence", "history").stdout.startswith("nothing was cut off, as far as")
    assert ha("fence", "history", "--json").stdout == ""
