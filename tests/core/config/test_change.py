"""Edits by command: what each makes of a configuration, and which are refused."""

from dataclasses import replace

import pytest

from ha_core import commands
from ha_core.config.change import apply_command
from ha_core.config.check import check
from ha_core.config.model import (
    Address,
    AgentClass,
    AgentRef,
    Clone,
    Configuration,
    Location,
    Meta,
    Origin,
    Role,
    TargetRole,
    TicketConstraint,
)
from ha_core.config.parse import parse_text
from ha_core.config.render import render
from ha_core.errors import RefusedError
from ha_core.ids import INFINITY, ConstraintId, LinkName, NodeName, ResourceId
from tests.core.config.edited import BASE, DB, IP, N1, N2, SHOP, STARTS, WEB, W, after, commanded


def test_whole_configuration_is_replaced_by_apply() -> None:
    other = replace(BASE, name="other")
    assert apply_command(BASE, commands.Apply(other)) == other


def test_commands_that_edit_nothing_leave_it_as_it_is() -> None:
    assert after(commands.Cleanup(WEB)) is BASE


def test_target_role_of_a_primitive_is_its_own() -> None:
    found = after(commands.SetTargetRole(DB, TargetRole.STOPPED))
    assert found.primitive(DB) == replace(
        BASE.primitives[2], meta=Meta(target_role=TargetRole.STOPPED)
    )
    assert (
        after(commands.SetTargetRole(DB, TargetRole.STOPPED), commands.SetTargetRole(DB, None))
        == BASE
    )


def test_what_a_group_is_told_holds_for_all_its_members() -> None:
    found = after(commands.SetTargetRole(SHOP, TargetRole.STARTED))
    assert found.groups[0].meta.target_role is TargetRole.STARTED
    assert [item.meta.target_role for item in found.primitives] == [None, None, None]
    found = after(commands.SetManaged(SHOP, False))
    assert found.groups[0].meta.managed is False
    assert found.primitives[1].meta.target_role is TargetRole.STOPPED


def test_move_to_a_node_moves_the_whole_group_and_replaces_the_last_move() -> None:
    found = after(commands.Move(WEB, N2), commands.Move(IP, N1, 5_000))
    assert commanded(found) == {"move-shop": ("shop", "n1", INFINITY, Origin.MOVE)}
    assert found.locations[-1].expires_wall_ms == 5_000


@pytest.mark.parametrize(
    ("command", "ends"),
    [
        (commands.Move(DB, N2), (None, 7)),
        (commands.Move(DB, N2, 5_000), (5_000, 7)),
        (commands.Ban(DB, N1), (None, 4)),
        (commands.Ban(DB, N1, 5_000), (5_000, 0)),
    ],
)
def test_move_and_ban_have_an_end(command: commands.Command, ends: tuple[int | None, int]) -> None:
    """A ban with a time outlives its node, which may be restarted meanwhile."""
    (found,) = [
        item for item in after(command).locations if item.origin is not Origin.ADMINISTRATOR
    ]
    assert (found.expires_wall_ms, found.until_generation) == ends


@pytest.mark.parametrize(
    ("command", "code", "words"),
    [
        (commands.Move(ResourceId("x"), N1), "not-found", "no resource 'x'; configured: ip, web,"),
        (commands.Move(DB, NodeName("n9")), "not-found", "no node 'n9'; configured: n1, n2, w"),
        (commands.Move(DB, W), "invalid", "w is a witness and runs no resources"),
        (commands.Move(DB), "invalid", "nobody said where db is to move: name the node"),
        (commands.Ban(DB, NodeName("n9")), "not-found", "no node 'n9'"),
        (commands.Clear(ResourceId("x")), "not-found", "no resource 'x'"),
        (commands.SetStandby(NodeName("n9"), True), "not-found", "no node 'n9'"),
        (commands.SetMaintenance(NodeName("n9"), True), "not-found", "no node 'n9'"),
        (commands.RemoveNode(NodeName("n9")), "not-found", "no node 'n9'"),
        (commands.AddNode(N1, ()), "invalid", "there is a node 'n1' already: choose another"),
        (commands.SetManaged(ResourceId("x"), True), "not-found", "no resource 'x'"),
        (commands.RemoveTicket("west"), "not-found", "no ticket 'west'; configured: none"),
    ],
)
def test_command_that_names_nothing_is_refused(
    command: commands.Command, code: str, words: str
) -> None:
    with pytest.raises(RefusedError) as caught:
        apply_command(BASE, command)
    assert caught.value.code == code
    assert words in str(caught.value)


def test_names_of_nothing_are_shown_as_none() -> None:
    with pytest.raises(RefusedError, match="configured: none"):
        apply_command(Configuration(), commands.Clear(DB))


def test_refusal_of_a_name_is_short_whatever_is_asked_and_configured() -> None:
    many = replace(
        BASE,
        primitives=tuple(replace(BASE.primitives[0], id=ResourceId(f"r{n}")) for n in range(99)),
    )
    with pytest.raises(RefusedError) as refused:
        apply_command(many, commands.Clear(ResourceId("r1" * 500_000)), STARTS)
    assert refused.value.code == "not-found"
    assert len(str(refused.value)) < 300


def test_clear_takes_back_moves_and_bans_and_nothing_else() -> None:
    found = after(commands.Ban(SHOP, N1), commands.Ban(DB, N2), commands.Clear(WEB))
    assert commanded(found) == {"ban-db-n2": ("db", "n2", -INFINITY, Origin.BAN)}
    assert found.locations[0] == BASE.locations[0]


def test_ban_is_renewed_not_doubled() -> None:
    found = after(commands.Ban(DB, N1), commands.Ban(DB, N2), commands.Ban(DB, N1, 5_000))
    assert list(commanded(found)) == ["ban-db-n2", "ban-db-n1"]
    assert found.locations[-1].expires_wall_ms == 5_000


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ("db: {agent: lsb:db, only_on: [n1]}", "'resources.db.only_on' names only n1; 'ha export'"),
        ("db: {agent: lsb:db, never_on: [n2]}", "'resources.db.never_on' forbids it; 'ha export'"),
        ("db: {agent: lsb:db}\nconstraints:\n  far: {location: db, node: n2, score: -INFINITY}",
         "'constraints.far' forbids it"),
    ],
)  # fmt: skip
def test_a_move_to_where_the_file_forbids_it_is_refused_with_the_word(
    words: str, text: str
) -> None:
    found = parse_text(
        "links: {ring0: }\n"
        "nodes: {n1: {addresses: {ring0: n1}}, n2: {addresses: {ring0: n2}}}\n"
        f"resources:\n  {words}\n",
        "c",
    )
    with pytest.raises(RefusedError) as refused:
        apply_command(found, commands.Move(DB, N2))
    assert refused.value.code == "invalid"
    assert f"db may not run on n2: {text}" in str(refused.value)
    assert apply_command(found, commands.Move(DB, N1)).locations[-1].origin is Origin.MOVE


def test_a_move_of_a_group_heeds_what_a_part_of_it_says_and_an_earlier_ban_is_no_hindrance() -> (
    None
):
    found = parse_text(
        "links: {ring0: }\n"
        "nodes: {n1: {addresses: {ring0: n1}}, n2: {addresses: {ring0: n2}}}\n"
        "resources:\n  db: {agent: lsb:db}\n  ip: {agent: lsb:ip, never_on: [n2]}\n"
        "  both: {group: [db, ip]}\n",
        "c",
    )
    found = apply_command(found, commands.Ban(DB, N1))
    with pytest.raises(RefusedError, match=r"'resources\.ip\.never_on' of its part ip forbids it"):
        apply_command(found, commands.Move(DB, N2))
    assert apply_command(found, commands.Move(DB, N1)).locations[-1].origin is Origin.MOVE


def test_bans_with_names_that_run_together_keep_apart() -> None:
    """Resource `a` on node `b-c`, and resource `a-b` on node `c`."""
    text = (
        "links: {ring0: }\n"
        "nodes: {c: {addresses: {ring0: c}}, b-c: {addresses: {ring0: b-c}}}\n"
        "resources: {a: {agent: lsb:x}, a-b: {agent: lsb:x}}\n"
        "constraints: {move-a: {order: a, then: a-b}}\n"
    )
    found = parse_text(text, "c")
    a, c = ResourceId("a"), NodeName("c")
    found = apply_command(found, commands.Ban(a, NodeName("b-c")))
    found = apply_command(found, commands.Ban(ResourceId("a-b"), c))
    assert [(item.id, item.resource) for item in found.locations] == [
        ("ban-a-b-c", "a"),
        ("ban-a-b-c-2", "a-b"),
    ]
    moved = apply_command(found, commands.Move(a, c))
    assert moved.locations[-1].id == "move-a-2"
    assert check(moved) == ()


def test_location_of_an_administrator_is_never_replaced() -> None:
    mine = Location(ConstraintId("ban-db-n1"), DB, N1, 7)
    found = apply_command(replace(BASE, locations=(mine,)), commands.Ban(DB, N1))
    assert found.locations[0] == mine
    assert found.locations[1].id == "ban-db-n1-2"


def test_a_ticket_is_there_without_anything_that_needs_it_until_it_is_removed() -> None:
    found = after(commands.AddTicket("west"))
    assert found.all_tickets() == ("west",)
    assert check(found) == ()
    assert parse_text(render(found), "file").ticket_names == ("west",)
    assert apply_command(found, commands.RemoveTicket("west")) == BASE
    with pytest.raises(RefusedError, match="there is a ticket 'west' already"):
        apply_command(found, commands.AddTicket("west"))


def test_a_ticket_that_is_needed_is_not_removed() -> None:
    needed = TicketConstraint(ConstraintId("c"), "west", DB)
    found = replace(after(commands.AddTicket("west")), tickets=(needed,))
    with pytest.raises(RefusedError, match=r"west is needed by db \(c\): end these constraints"):
        apply_command(found, commands.RemoveTicket("west"))


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (("a", "a"), "tickets: 'a' stands there 2 times; allowed: once"),
        (("a b",), "tickets[0]: is the name 'a b'"),
        (tuple(f"t{n}" for n in range(257)), "tickets: 257 tickets; allowed: 256 at most"),
    ],
)
def test_faults_of_listed_tickets_are_named(names: tuple[str, ...], words: str) -> None:
    (fault,) = check(replace(BASE, ticket_names=names))
    assert words in str(fault)


def test_node_is_set_to_standby_and_maintenance_alone() -> None:
    found = after(commands.SetStandby(N1, True), commands.SetMaintenance(N2, True))
    assert [(node.standby, node.maintenance) for node in found.nodes] == [
        (True, False),
        (False, True),
        (False, False),
    ]
    found = after(commands.SetMaintenance(None, True))
    assert found.options.maintenance
    assert not any(node.maintenance for node in found.nodes)


def test_removed_node_takes_its_locations_and_targets_with_it() -> None:
    found = after(commands.RemoveNode(N1))
    assert [node.name for node in found.nodes] == ["n2", "w"]
    assert found.locations == ()
    assert found.fence_devices[0].targets == (N2,)


def test_added_node_comes_last_with_its_addresses() -> None:
    places = (Address(LinkName("ring0"), "192.0.2.4"),)
    found = after(commands.AddNode(NodeName("n4"), places, voter=False))
    assert (found.nodes[-1].name, found.nodes[-1].addresses) == ("n4", places)
    assert not found.nodes[-1].voter


def test_node_that_joins_names_the_ports_of_links_and_is_kept_without_them() -> None:
    places = (Address(LinkName("ring0"), "192.0.2.4", 6940),)
    found = after(commands.AddNode(NodeName("n4"), places))
    assert found.nodes[-1].addresses == (Address(LinkName("ring0"), "192.0.2.4"),)
    own = (Address(LinkName("ring0"), "192.0.2.4", 7000),)
    assert after(commands.AddNode(NodeName("n4"), own)).nodes[-1].addresses == own


PAIR = replace(
    BASE,
    primitives=tuple(
        replace(each, agent=AgentRef(AgentClass.OCF, "heartbeat", "Stateful"))
        for each in BASE.primitives
    ),
    clones=(
        Clone(ResourceId("dbs"), DB, promotable=True, meta=Meta(target_role=TargetRole.STOPPED)),
    ),
)


def test_promotion_on_a_node_is_a_location_of_that_role_and_leaves_moves_alone() -> None:
    moved = apply_command(PAIR, commands.Move(DB, N1), STARTS)
    first = apply_command(moved, commands.Move(DB, N1, promoted=True), STARTS)
    found = apply_command(first, commands.Move(DB, N2, promoted=True), STARTS)
    assert check(found) == ()
    assert [(e.id, e.node, e.role) for e in found.locations if e.origin is Origin.MOVE] == [
        ("move-dbs", N1, None),
        ("promote-dbs", N2, Role.PROMOTED),
    ]
    assert found.clones[0].meta.target_role is TargetRole.PROMOTED
    cleared = apply_command(found, commands.Clear(DB), STARTS)
    assert [e for e in cleared.locations if e.origin is not Origin.ADMINISTRATOR] == []


def test_demotion_on_a_node_forbids_that_role_alone() -> None:
    found = apply_command(PAIR, commands.Ban(DB, N1, promoted=True), STARTS)
    found = apply_command(found, commands.Ban(DB, N1), STARTS)
    assert check(found) == ()
    assert [(e.id, e.role, e.until_generation) for e in found.locations if e.score < 0] == [
        ("demote-dbs-n1", Role.PROMOTED, 4),
        ("ban-dbs-n1", None, 4),
    ]


@pytest.mark.parametrize(
    "command", [commands.Move(SHOP, N1, promoted=True), commands.Ban(IP, N1, promoted=True)]
)
def test_what_has_no_roles_cannot_be_promoted(command: commands.Command) -> None:
    with pytest.raises(RefusedError, match="has no roles"):
        apply_command(PAIR, command, STARTS)
