"""What consoles may command and ask beside the port's own verbs, in the cluster's words."""

import json
from dataclasses import replace
from typing import get_args

import pytest

from cim_provider.commands import (
    ApplyConfiguration,
    BanResource,
    CleanupResource,
    ClearEventLog,
    ClearResource,
    ConfirmNodeDown,
    Control,
    Export,
    FailResource,
    IfApplied,
    Invite,
    MoveResource,
    PlanAnew,
    PromoteResource,
    RehearseFencing,
    ReleaseQuorum,
    RemoveNode,
    RunService,
    SetClusterMaintenance,
    SetTicket,
    SwitchNodeOn,
    UnbanResource,
    UndoRevision,
    Verify,
    WhatIf,
    WhyResource,
)
from cim_provider.engines.ha_core_answers import told
from cim_provider.engines.ha_core_control import goal_of, translated
from cim_provider.engines.ha_core_view import view_of
from ha_core import commands
from ha_core.cli import reasons
from ha_core.config.alerts import Alert, Recipient
from ha_core.config.model import Configuration, FenceDevice, Location, Origin, TargetRole, TwoNode
from ha_core.config.render import render
from ha_core.errors import ConfigError, RefusedError
from ha_core.ids import INFINITY, ConstraintId, NodeName, ResourceId
from ha_core.replication.entries import ConfigurationChange
from tests.fake_cluster import FakeCluster, snapshot

NOW = snapshot()
WANTED = NOW.configuration
CASES: list[tuple[Control, commands.Command]] = [
    (MoveResource("db", "n3", reason="r"), commands.Move("db", "n3", None, "r")),
    (MoveResource("db"), commands.Move("db")),
    (MoveResource("db", "n3", is_live=False), commands.Move("db", "n3", live=False)),
    (BanResource("db", "n2"), commands.Ban("db", "n2")),
    (ClearResource("db"), commands.Clear("db")),
    (CleanupResource("db"), commands.Cleanup("db")),
    (CleanupResource("db", "n2"), commands.Cleanup("db", "n2")),
    (CleanupResource("db", operation="stop"), commands.Cleanup("db", operation="stop")),
    (PromoteResource("db", True), commands.SetTargetRole("db", TargetRole.PROMOTED)),
    (PromoteResource("db", False), commands.SetTargetRole("db", TargetRole.UNPROMOTED)),
    (
        PromoteResource("db", True, "r", "n2"),
        commands.Move("db", "n2", None, "r", promoted=True),
    ),
    (PromoteResource("db", False, "", "n2"), commands.Ban("db", "n2", promoted=True)),
    (FailResource("db", "n2", "r"), commands.Fail("db", "n2", "r")),
    (FailResource("db"), commands.Fail("db")),
    (SwitchNodeOn("n2", "mended"), commands.SwitchOn("n2", "mended")),
    (SetClusterMaintenance(True), commands.SetMaintenance(None, True)),
    (ConfirmNodeDown("n2", "seen"), commands.ConfirmDown("n2", "seen")),
    (RehearseFencing("n2"), commands.TestFence("n2")),
    (PlanAnew(), commands.Replan()),
    (ReleaseQuorum("all off"), commands.ReleaseQuorum("all off")),
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
    tried = {type(command) for command, _ in CASES} | {RemoveNode, UndoRevision, UnbanResource}
    of_the_node, of_the_log = {RunService, Invite}, {ClearEventLog}
    assert tried | of_the_node | of_the_log == set(get_args(Control))


def test_one_ban_goes_and_what_else_is_configured_stays() -> None:
    def location(name: str, node: str, origin: Origin) -> Location:
        return Location(ConstraintId(name), ResourceId("db"), NodeName(node), -INFINITY, origin)

    kept = (
        location("a", "n2", Origin.ADMINISTRATOR),
        location("b", "n3", Origin.BAN),
    )
    known = replace(WANTED, locations=(*kept, location("c", "n2", Origin.BAN)))
    found = translated(UnbanResource("db", "n2"), replace(NOW, configuration=known))
    assert isinstance(found, commands.Apply)
    assert (found.configuration, found.base) == (replace(known, locations=kept), NOW.revision)
    with pytest.raises(RefusedError, match="no move or ban by hand of 'db' names n1"):
        translated(UnbanResource("db", "n1"), NOW)


def test_ban_of_a_member_which_its_group_has_goes_by_the_members_name() -> None:
    group = next(iter(WANTED.groups))
    ban = Location(ConstraintId("c"), group.id, NodeName("n2"), -INFINITY, Origin.BAN)
    now = replace(NOW, configuration=replace(WANTED, locations=(ban,)))
    found = translated(UnbanResource(group.members[0], "n2"), now)
    assert isinstance(found, commands.Apply)
    assert found.configuration.locations == ()
    with pytest.raises(RefusedError, match="unheard"):
        translated(UnbanResource("unheard", "n2"), now)


def test_secret_that_is_exported_is_masked_and_comes_back_as_it_was() -> None:
    command = WANTED.primitives[0].parameters
    secret = replace(WANTED.primitives[0], parameters=(*command, ("env.DB_PASSWORD", "geheim")))
    hidden = (("password", "geheim"),)
    mail = Alert("mail", "/bin/mail", parameters=hidden, recipients=(Recipient("x", "", hidden),))
    known = replace(WANTED, primitives=(secret, *WANTED.primitives[1:]), alerts=(mail,))
    now = replace(NOW, configuration=known)
    for form in ("yaml", "json", "cib"):
        text = told(Export(form), now).text
        assert ("geheim" in text, "DB_PASSWORD" in text) == (False, True)
    back = translated(ApplyConfiguration(told(Export(), now).text), now)
    assert back == commands.Apply(known, "", now.revision)
    with pytest.raises(ConfigError, match=r"DB_PASSWORD is .hidden., and no secret is known"):
        translated(ApplyConfiguration(told(Export(), now).text), NOW)


def test_secret_among_the_attributes_of_a_node_is_masked_in_an_export_too() -> None:
    first = replace(WANTED.nodes[0], attributes=(("bmc_password", "geheim"), ("rack", "r1")))
    known = replace(WANTED, nodes=(first, *WANTED.nodes[1:]))
    now = replace(NOW, configuration=known)
    text = told(Export(), now).text
    assert ("geheim" in text, "bmc_password" in text, "r1" in text) == (False, True, True)
    back = translated(ApplyConfiguration(text), now)
    assert back == commands.Apply(known, "", now.revision)


@pytest.mark.parametrize("guess", ["geheim", "wrong"])
def test_preview_tells_nobody_whether_a_secret_was_guessed(guess: str) -> None:
    def with_secret(value: str) -> Configuration:
        pairs = (*WANTED.primitives[0].parameters, ("env.DB_PASSWORD", value))
        return replace(
            WANTED,
            primitives=(replace(WANTED.primitives[0], parameters=pairs), *WANTED.primitives[1:]),
        )

    now = replace(NOW, configuration=with_secret("geheim"))
    changes = json.loads(told(IfApplied(render(with_secret(guess))), now).json)["changes"]
    assert len(changes) == 1
    assert "parameters.env.DB_PASSWORD (hidden) -> (hidden)" in changes[0]
    masked = told(IfApplied(told(Export(), now).text), now)
    assert json.loads(masked.json)["changes"] == []


def test_text_is_verified_and_each_fault_named() -> None:
    assert told(Verify(), NOW).text.startswith(f"revision {NOW.revision} is valid: 3 nodes")
    assert told(Verify(render(WANTED)), NOW).text.startswith("the text is valid: 3 nodes")
    with pytest.raises(ConfigError, match="the text"):
        told(Verify("nodes: 7"), NOW)


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


@pytest.mark.parametrize(
    ("word", "devices", "expected"),
    [
        (TwoNode.FENCING, ("n1", "n2"), True),
        (TwoNode.FENCING, ("n1",), False),
        (TwoNode.WAIT, ("n1", "n2"), False),
    ],
)
def test_fencing_decides_between_two_where_it_is_said_and_can_end_both(
    word: TwoNode, devices: tuple[str, ...], expected: bool
) -> None:
    targets = tuple(NodeName(each) for each in devices)
    two = replace(
        WANTED,
        nodes=WANTED.nodes[:2],
        options=replace(WANTED.options, two_node=word, fencing=True),
        fence_devices=(FenceDevice("pdu", "fence:fence_x", targets=targets),),
    )
    now = replace(NOW, configuration=two, nodes=NOW.nodes[:2])
    assert view_of(now, "1", "0").fencing_decides is expected
    three = replace(two, nodes=WANTED.nodes)
    assert view_of(replace(NOW, configuration=three), "1", "0").fencing_decides is False
