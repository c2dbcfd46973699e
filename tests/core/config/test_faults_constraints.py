"""Faults of what relates resources: names that are not there, circles."""

import pytest

from tests.core.config.allowed import SCORE
from tests.core.config.samples import faults

RESOURCES = "resources: {a: {agent: lsb:x}, b: {agent: lsb:x}, g: {group: [c, d]}, "
RESOURCES += "c: {agent: lsb:x}, d: {agent: lsb:x}}\n"
NAMES = "a, b, c, d, g"


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (
            "{location: x, node: n1}",
            f"c.location: names the resource 'x', which does not exist; allowed: {NAMES}",
        ),
        (
            "{location: a, node: n9}",
            "c.node: names the node 'n9', which does not exist; allowed: n1, n2",
        ),
        (
            "{location: a, node: w}",
            "c.node: names the node 'w', which is a witness and runs nothing; allowed: n1, n2",
        ),
        ("{location: a}", "c: has no 'node', which it needs"),
        (
            "{location: a, node: n1, expires: 2026-01-01}",
            "c.expires: is '2026-01-01'; "
            "allowed: a moment with its zone, such as 2026-12-31T18:00:00Z",
        ),
        (
            "{location: a, node: n1, with: b}",
            "c.with: is an unknown key; allowed: location, node, score, expires, origin, "
            "until_generation, role, discovery, live",
        ),
        (
            "{colocation: a, with: x}",
            f"c.with: names the resource 'x', which does not exist; allowed: {NAMES}",
        ),
        ("{colocation: a, with: a}", "c.with: relates 'a' to itself; allowed: two resources"),
        ("{colocation: a, with: b, score: x}", f"c.score: is 'x'; allowed: {SCORE}"),
        (
            "{order: x, then: b}",
            f"c.order: names the resource 'x', which does not exist; allowed: {NAMES}",
        ),
        ("{order: a, then: a}", "c.then: relates 'a' to itself; allowed: two resources"),
        (
            "{order: a, then: b, kind: always}",
            "c.kind: is 'always'; allowed: one of mandatory, optional, serialize",
        ),
    ],
    ids=lambda value: value[:60],
)
def test_constraint_may_relate_only_what_exists(text: str, fault: str) -> None:
    assert faults(f"{RESOURCES}constraints:\n  c: {text}\n") == [f"3: constraints.{fault}"]


def test_circle_of_orderings_is_told_step_by_step() -> None:
    text = (
        f"{RESOURCES}constraints:\n  one: {{order: a, then: b}}\n  two: {{order: b, then: g}}\n"
        "  three: {order: g, then: a}\n  innocent: {order: a, then: c}\n"
    )
    (found,) = faults(text)
    line, path, rest = found.split(": ", 2)
    assert (line, path) == ("3", "constraints.one.then")
    assert rest.startswith("orders in a circle: ")
    assert rest.endswith(" (by one, three, two); allowed: orderings that have a beginning")
    circle = rest.removeprefix("orders in a circle: ").partition(" (")[0].split(" then ")
    start = circle.index("a")
    assert circle[start:-1] + circle[:start] == ["a", "b", "c", "d"]


def test_group_may_not_be_ordered_against_its_own_members() -> None:
    (found,) = faults(f"{RESOURCES}constraints:\n  back: {{order: d, then: c}}\n")
    assert "orders in a circle: " in found
    assert " (by back);" in found


def test_every_circle_is_told() -> None:
    text = f"{RESOURCES}constraints:\n  one: {{order: a, then: b}}\n  two: {{order: b, then: a}}\n"
    found = faults(text + "  back: {order: d, then: c}\n")
    assert [fault.split(" ")[1] for fault in found] == [
        "constraints.one.then:",
        "constraints.back.then:",
    ]
