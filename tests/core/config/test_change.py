"""Edits by command, and the differences between two configurations."""

from collections.abc import Iterator
from dataclasses import fields, is_dataclass, replace
from enum import Enum

import pytest
from hypothesis import given, settings

from ha_core import commands
from ha_core.config.change import apply_command
from ha_core.config.check import check
from ha_core.config.difference import diff
from ha_core.config.model import (
    Address,
    AgentClass,
    AgentRef,
    Clone,
    Configuration,
    Defaults,
    Group,
    Link,
    Location,
    Meta,
    Node,
    OnFail,
    Operation,
    Origin,
    Primitive,
    Role,
    TargetRole,
    TicketConstraint,
)
from ha_core.config.parse import parse_text
from ha_core.config.render import render
from ha_core.errors import RefusedError
from ha_core.ids import INFINITY, ConstraintId, LinkName, NodeName, ResourceId
from tests.core.config.draw import configurations
from tests.core.config.test_parse import EVERYTHING

N1, N2, W = NodeName("n1"), NodeName("n2"), NodeName("w")
WEB, IP, DB, SHOP = (ResourceId(name) for name in ("web", "ip", "db", "shop"))
BASE = parse_text(
    """
links: {ring0: }
nodes:
  n1: {addresses: {ring0: 192.0.2.1}}
  n2: {addresses: {ring0: 192.0.2.2}}
  w: {addresses: {ring0: 192.0.2.3}, witness: true}
resources:
  ip: {agent: lsb:ip}
  web: {agent: lsb:web, target_role: stopped}
  db: {agent: lsb:db}
  shop: {group: [ip, web]}
constraints:
  here: {location: shop, node: n1, score: 10}
  near: {colocation: db, with: shop, score: 5}
fence_devices:
  pdu: {agent: "fence:fence_apc", targets: [n1, n2]}
""",
    "base.yaml",
)


STARTS = {N1: 4, N2: 7}


def after(*given_commands: commands.Command) -> Configuration:
    """Return BASE after the commands, which must leave it without faults."""
    found = BASE
    for command in given_commands:
        found = apply_command(found, command, STARTS)
        assert check(found) == ()
    return found


def commanded(found: Configuration) -> dict[str, tuple[str, str, int, Origin]]:
    """Return the locations that commands made."""
    return {
        item.id: (item.resource, item.node, item.score, item.origin)
        for item in found.locations
        if item.origin is not Origin.ADMINISTRATOR
    }


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


# --- differences -----------------------------------------------------------------------------


@settings(max_examples=50)
@given(configurations())
def test_configuration_does_not_differ_from_itself(found: Configuration) -> None:
    assert diff(found, found) == ()


@pytest.mark.parametrize(
    ("changed", "lines"),
    [
        (replace(BASE, name="shop"), ["cluster: name beatkeeper -> shop"]),
        (
            after(commands.SetStandby(N1, True), commands.SetMaintenance(None, True)),
            ["node n1: standby false -> true", "options: maintenance false -> true"],
        ),
        (
            after(commands.Ban(DB, N1)),
            [
                "+ constraint ban-db-n1: location db, node n1, score -INFINITY, origin ban, "
                "until n1 is lost or stops"
            ],
        ),
        (
            after(commands.SetTargetRole(DB, TargetRole.STOPPED)),
            ["resource db: target_role none -> stopped"],
        ),
        (
            replace(BASE, groups=(Group(SHOP, (IP,)),)),
            ["group shop: members ip, web -> ip"],
        ),
        (replace(BASE, fence_devices=()), ["- fence device pdu"]),
        (replace(BASE, colocations=()), ["- constraint near"]),
        (after(commands.AddTicket("west")), ["+ ticket west"]),
        (
            after(commands.Move(DB, N1, 1_700_000_000_000)),
            [
                "+ constraint move-db: location db, node n1, score INFINITY, origin move, "
                "expires 2023-11-14T22:13:20.000Z, until n1 is lost or stops"
            ],
        ),
        (
            replace(BASE, defaults=Defaults(Meta(stickiness=1, failure_timeout_ms=3_600_000))),
            ["defaults: resource.failure_timeout none -> 1h"],
        ),
        (
            replace(
                BASE,
                primitives=(
                    *BASE.primitives,
                    Primitive(
                        ResourceId("new"),
                        AgentRef(AgentClass.PROCESS),
                        (("command", "sleep 5"),),
                        (
                            Operation("start", 0, 3_000),
                            Operation("monitor", 10_000, 90_000, OnFail.BLOCK, 10),
                        ),
                    ),
                ),
            ),
            [
                "+ resource new: agent process, parameters.command sleep 5, start timeout 3s, "
                "monitor every 10s timeout 90s on_fail block depth 10"
            ],
        ),
    ],
    ids=range(11),
)
def test_difference_names_the_part_and_both_values(
    changed: Configuration, lines: list[str]
) -> None:
    assert list(diff(BASE, changed)) == lines


def test_port_of_the_link_and_the_same_port_named_are_no_difference() -> None:
    def listening(port: int) -> Configuration:
        address = Address(LinkName("ring0"), "192.0.2.1", port)
        return Configuration(nodes=(Node(N1, (address,)),), links=(Link(LinkName("ring0"), 6940),))

    assert diff(listening(6940), listening(0)) == ()
    assert diff(listening(6941), listening(0)) == (
        "node n1: addresses.ring0 192.0.2.1:6941 -> 192.0.2.1:6940",
    )


def _variants(value: object, is_pair: bool = False) -> Iterator[object]:
    """Yield copies of a frozen value, each with one leaf changed or one element less."""
    if isinstance(value, Enum):
        yield from (other for other in type(value) if other is not value)
    elif isinstance(value, bool):
        yield not value
    elif isinstance(value, int):
        yield value + 1 if value < INFINITY else value - 1
    elif isinstance(value, str):
        yield f"{value}x"
    elif isinstance(value, tuple):
        for number, item in enumerate(value):
            before, behind = value[:number], value[number + 1 :]
            if not is_pair:
                yield before + behind
            others = _variants(item, is_pair=isinstance(item, tuple))
            yield from ((*before, other, *behind) for other in others)
    elif is_dataclass(value) and not isinstance(value, type):
        for field in fields(value):
            for other in _variants(getattr(value, field.name)):
                yield replace(value, **{field.name: other})


WORDS = """
links: {ring0: }
nodes: {n1: {addresses: {ring0: n1}}, n2: {addresses: {ring0: n2}}}
resources:
  a: {agent: lsb:a, prefers: [n1, n2], with: {b: 50}, after: {b: optional}}
  b: {agent: lsb:b, only_on: [n1, n2], avoids: n1}
  c: {agent: lsb:c, never_on: n1, apart_from: b}
constraints:
  all: {together: [a, b, c], score: 5}
  none: {apart: [a, b, c], score: 5}
  row: {order: [b, [a, c]], kind: optional}
"""


@pytest.mark.parametrize("text", [EVERYTHING, WORDS], ids=["everything", "words"])
def test_no_value_changes_in_silence(text: str) -> None:
    whole = parse_text(text, "everything.yaml")
    variants = list(_variants(whole))
    assert len(variants) > 100
    silent = [found for found in variants if diff(whole, found) == ()]  # type: ignore[arg-type]  # configurations
    assert silent == []


def test_new_password_of_a_fence_device_shows_in_no_difference() -> None:
    (device,) = BASE.fence_devices
    old = replace(device, parameters=(("password", "alpha"), ("password_file", "/a")))
    new = replace(device, parameters=(("password", "bravo"), ("password_file", "/b")))
    changed = diff(replace(BASE, fence_devices=(old,)), replace(BASE, fence_devices=(new,)))
    assert changed == (
        "fence device pdu: parameters.password (hidden) -> (hidden)",
        "fence device pdu: parameters.password_file /a -> /b",
    )


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


def test_end_of_a_standby_is_told_as_the_file_has_it() -> None:
    found = apply_command(BASE, commands.SetStandby(N1, True, 1_800_000_000_000), STARTS)
    assert check(found) == ()
    assert "node n1: standby_until none -> 2027-01-15T08:00:00.000Z" in diff(BASE, found)
    ended = apply_command(found, commands.SetStandby(N1, False), STARTS)
    assert ended == BASE


def test_serial_device_is_told_without_a_port() -> None:
    (n1, *others) = BASE.nodes
    cabled = replace(n1, addresses=(*n1.addresses, Address(LinkName("cable"), "/dev/ttyS0")))
    (line,) = diff(BASE, replace(BASE, nodes=(cabled, *others)))
    assert line == "node n1: addresses.cable none -> /dev/ttyS0"
