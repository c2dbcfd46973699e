"""What consoles may command and ask beside the port's own verbs, in the cluster's words."""

import json
from dataclasses import replace
from typing import get_args

import pytest

from cim_provider.commands import (
    ApplyConfiguration,
    BanResource,
    CleanupResource,
    ClearResource,
    ConfirmNodeDown,
    Control,
    IfApplied,
    Export,
    MoveResource,
    Invite,
    PromoteResource,
    ReleaseQuorum,
    RehearseFencing,
    RemoveNode,
    SetClusterMaintenance,
    RunService,
    SetTicket,
    UndoRevision,
    UnbanResource,
    WhatIf,
    Verify,
    WhyResource,
)
from cim_provider.engines.ha_core_answers import told
from cim_provider.engines.ha_core_control import goal_of, translated
from ha_core import commands
from ha_core.cli import reasons
from ha_core.config.model import Location, Origin, TargetRole
from ha_core.config.render import render
from ha_core.errors import ConfigError, RefusedError
from ha_core.replication.entries import ConfigurationChange
from ha_core.ids import INFINITY, ConstraintId, NodeName, ResourceId
from tests.fake_cluster import FakeCluster, snapshot

NOW = snapshot()
WANTED = NOW.configuration
CASES: list[tuple[Control, commands.Command]] = [
    (MoveResource("db", "n3", reason="r"), commands.Move("db", "n3", None, "r")),
    (MoveResource("db"), commands.Move("db")),
    (BanResource("db", "n2"), commands.Ban("db", "n2")),
    (ClearResource("db"), commands.Clear("db")),
    (CleanupResource("db"), commands.Cleanup("db")),
    (CleanupResource("db", "n2"), commands.Cleanup("db", "n2")),
    (PromoteResource("db", True), commands.SetTargetRole("db", TargetRole.PROMOTED)),
    (PromoteResource("db", False), commands.SetTargetRole("db", TargetRole.UNPROMOTED)),
    (SetClusterMaintenance(True), commands.SetMaintenance(None, True)),
    (ConfirmNodeDown("n2", "seen"), commands.ConfirmDown("n2", "seen")),
    (ReleaseQuorum("all off"), commands.ReleaseQuorum("all off")),
    (RehearseFencing("n2"), commands.TestFence("n2")),
    (SetTicket("t", granted=True, reason="r"), commands.SetTicket("t", True, None, "r")),
    (
        ApplyConfiguration(render(WANTED), "why"),
        commands.Apply(WANTED, "why", NOW.revision),
    ),
]


@pytest.mark.parametrize(("command", "given"), CASES)
def test_command_of_a_console_is_the_one_of_the_command_line(
    command: Control, given: commands.Command
) -> None:
    assert translated(command, NOW) == given


def test_every_command_is_tried_here() -> None:
    tried = {type(command) for command, _ in CASES} | {RemoveNode, UndoRevision}
    assert tried == set(get_args(Control))


@pytest.mark.parametrize(
    "command",
    [
        MoveResource("db", "n3"),
        BanResource("db", "n2"),
        SetClusterMaintenance(True),
    ],
)
def test_effect_is_seen_after_the_command_and_not_before(command: Control) -> None:
    cluster = FakeCluster()
    given = translated(command, cluster.now)
    goal = goal_of(command, given, cluster.now)
    assert not goal(cluster.now).reached
    cluster.carry_out(given)
    assert goal(cluster.now).reached


def test_move_with_a_lifetime_has_an_end() -> None:
    found = translated(MoveResource("db", "n3", 60_000), NOW)
    assert isinstance(found, commands.Move)
    assert found.expires_wall_ms is not None
    assert found.expires_wall_ms > 60_000


def test_node_that_runs_is_not_forgotten() -> None:
    with pytest.raises(RefusedError, match="run 'ha leave' on it") as no:
        translated(RemoveNode("n2"), NOW)
    assert no.value.code == "unsafe"


def test_undo_returns_to_a_kept_revision_and_refuses_others_by_number() -> None:
    changes = [
        ConfigurationChange(
            revision=number, configuration=WANTED, author="ann", reason="", at_wall_ms=1
        )
        for number in (6, 7)
    ]
    back = commands.Apply(WANTED, "back to revision 6", 7)
    assert translated(UndoRevision(), NOW, changes) == back
    assert translated(UndoRevision(6), NOW, changes) == back
    with pytest.raises(RefusedError, match="revision 3 is not kept; earlier ones: 6"):
        translated(UndoRevision(3), NOW, changes)


def test_text_that_is_no_configuration_is_refused_before_anything_is_given() -> None:
    for make in (
        lambda: translated(ApplyConfiguration("nodes: 7"), NOW),
        lambda: told(IfApplied("nodes: 7"), NOW),
    ):
        with pytest.raises(ConfigError, match="the text"):
            make()


def test_why_says_what_the_command_line_says() -> None:
    answer = told(WhyResource("db"), NOW)
    (found,) = reasons.explain(NOW, "db", None, 0)
    assert answer.text.splitlines()[0] == found.sentence
    (value,) = json.loads(answer.json)
    assert (value["resource"], value["sentence"]) == ("db", found.sentence)
    with pytest.raises(RefusedError, match="unheard"):
        told(WhyResource("unheard"), NOW)


@pytest.mark.parametrize(
    "question",
    [
        WhatIf("node", "n2", "lost"),
        WhatIf("node", "n2", "standby"),
        WhatIf("resource", "db", "stopped"),
        WhatIf("resource", "db", "moved", "n3"),
        IfApplied(render(WANTED)),
    ],
)
def test_preview_is_told_as_text_and_as_json(question: WhatIf | IfApplied) -> None:
    answer = told(question, NOW)
    assert "placement:" in answer.text
    assert "interrupted:" in answer.text
    assert {"changes", "moves", "actions", "interruptions"} <= set(json.loads(answer.json))
