"""Moves and bans by hand: each has an end, and what is over is over for good."""

from dataclasses import replace

import pytest

from ha_core.commands import Ban, Clear, Move
from ha_core.config.model import Configuration, Location, Origin
from ha_core.coordinator.ends import over, starts, told, without
from ha_core.coordinator.record import Record
from ha_core.errors import RefusedError
from ha_core.ids import INFINITY, ConstraintId, NodeName, ResourceId
from ha_core.status import NodeState

WEB = ResourceId("web")
N2 = NodeName("n2")
NOW_MS = 1_000_000
MOVE = Location(ConstraintId("move-web"), WEB, N2, INFINITY, Origin.MOVE)
BAN = replace(MOVE, id=ConstraintId("ban-web-n2"), score=-INFINITY, origin=Origin.BAN)


def why(item: Location, state: NodeState, generation: int) -> str:
    """Return why the location is over while its node is so; nothing if it is not."""
    configuration = Configuration(locations=(item,))
    records = {N2: Record(N2, state, generation)}
    return "".join(text for _, text in over(configuration, records, NOW_MS))


@pytest.mark.parametrize("item", [MOVE, BAN])
@pytest.mark.parametrize(
    ("state", "generation", "text"),
    [
        (NodeState.ONLINE, 4, ""),
        (NodeState.SUSPECT, 4, ""),
        (NodeState.PENDING, 4, ""),
        (NodeState.LOST, 4, "n2 is lost"),
        (NodeState.LEFT, 4, "n2 has stopped"),
        (NodeState.PENDING, 5, "n2 has started again"),
        (NodeState.LOST, 3, ""),
        (NodeState.LEFT, 0, ""),
    ],
)
def test_command_ends_with_the_start_of_its_node(
    item: Location, state: NodeState, generation: int, text: str
) -> None:
    assert why(replace(item, until_generation=4), state, generation) == text


@pytest.mark.parametrize("state", NodeState)
def test_command_without_such_an_end_outlives_its_node(state: NodeState) -> None:
    assert why(BAN, state, 4) == ""


@pytest.mark.parametrize(("at_ms", "text"), [(NOW_MS, "its time is up"), (NOW_MS + 1, "")])
def test_command_with_a_time_ends_then(at_ms: int, text: str) -> None:
    assert why(replace(MOVE, expires_wall_ms=at_ms), NodeState.ONLINE, 4) == text


def test_what_stands_in_a_file_never_ends_so() -> None:
    item = replace(
        MOVE, origin=Origin.ADMINISTRATOR, until_generation=4, expires_wall_ms=NOW_MS - 1
    )
    assert why(item, NodeState.LOST, 4) == ""


def test_node_that_nobody_has_heard_of_ends_nothing() -> None:
    configuration = Configuration(locations=(replace(MOVE, until_generation=4),))
    assert over(configuration, {}, NOW_MS) == ()


NODES = (
    Record(NodeName("n1"), NodeState.ONLINE, 7),
    Record(N2, NodeState.LOST, 4),
    Record(NodeName("n3"), NodeState.LEFT, 0),
)


@pytest.mark.parametrize(
    ("command", "text"),
    [
        (Move(WEB, N2), "n2 is lost, so that this move would not end with it"),
        (Ban(WEB, N2), "n2 is lost, so that this ban would not end with it"),
        (Ban(WEB, NodeName("n3")), "n3 is not there, so that this ban would not end with it"),
    ],
)
def test_command_on_a_node_that_is_down_needs_a_time(command: Move | Ban, text: str) -> None:
    with pytest.raises(RefusedError) as caught:
        starts(command, NODES)
    assert caught.value.code == "invalid"
    assert str(caught.value) == f"{text}: say how long it holds (--for TIME)"
    assert starts(replace(command, expires_wall_ms=5), NODES) == {"n1": 7}


def test_command_ends_with_the_present_start_of_its_node() -> None:
    assert starts(Move(WEB, NodeName("n1")), NODES) == {"n1": 7}
    assert starts(Clear(WEB), NODES) == {"n1": 7}


def test_end_is_told_and_takes_nothing_else_along() -> None:
    configuration = Configuration(locations=(MOVE, BAN))
    assert without(configuration, [MOVE]).locations == (BAN,)
    assert without(configuration, []) is configuration
    assert told(MOVE, "n2 is lost") == "web: move to n2 is over, as n2 is lost"
    assert told(BAN, "its time is up") == "web: ban from n2 is over, as its time is up"
