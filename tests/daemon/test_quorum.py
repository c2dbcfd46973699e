"""`ha quorum` and the options of quorum with real daemons."""

import json
from typing import Any

import pytest

from tests.daemon.fleet import Fleet, eventually

pytestmark = pytest.mark.slow
WEB = "resources:\n  web:\n    agent: process\n    parameters: {command: sleep 974}\n"


def test_cluster_that_was_down_waits_for_every_voter_or_a_release_in_writing(fleet: Fleet) -> None:
    first, second, third = fleet.cluster(3)
    first.applied(f"options: {{wait_for_all: true}}\n{WEB}")
    first.reaches("web", "started")
    for node in (first, second, third):
        node.end()
    first.start()
    second.start()
    eventually("they wait for n3", lambda: first.status()["quorum"]["awaited"] == ["n3"])
    seen = first.status()
    assert first.resource("web")["state"] == "stopped"
    assert any("waits for n3: nothing is started before" in fault for fault in seen["faults"])
    told = first.done("quorum", "show")
    assert "nothing starts before this was seen: n3" in told
    assert "has not seen n3 yet" in first.done("why", "web")
    refused = first.ha("quorum", "release", "--yes", "--reason", " ")
    assert "a release needs a reason" in refused.stderr
    first.done("quorum", "release", "--yes", "--reason", "n3 is in the workshop")
    first.reaches("web", "started")
    kinds = {event["kind"] for event in first.events()}
    assert {"quorum-waits", "quorum-released"} <= kinds


def test_two_nodes_hear_what_the_next_loss_would_mean_and_what_helps(fleet: Fleet) -> None:
    first, second = fleet.cluster(2)
    shown = json.loads(first.done("quorum", "show", "--json"))
    assert shown["missing"] == []
    assert "the loss of either stops both; add a witness" in shown["outlook"]
    assert shown["outlook"] in first.status()["notices"]
    second.end()
    eventually("n1 alone has no quorum", lambda: not first.status()["quorate"])

    def show() -> Any:
        return json.loads(first.done("quorum", "show", "--json"))

    shown = eventually("n2 is missed", lambda: (seen := show())["missing"] == ["n2"] and seen)
    assert "n2 must come back before anything starts" in shown["outlook"]


def test_ignore_needs_words_and_stands_as_a_fault(fleet: Fleet) -> None:
    first = fleet.init()
    refused = first.apply("options: {no_quorum_policy: ignore}\n")
    assert "no_quorum_acknowledgement: TEXT" in refused.stderr
    words = "no_quorum_acknowledgement: readers alone"
    first.applied(f"options: {{no_quorum_policy: ignore, {words}}}\n")
    (fault,) = first.status()["faults"]
    assert "accepted with the words 'readers alone'" in fault
