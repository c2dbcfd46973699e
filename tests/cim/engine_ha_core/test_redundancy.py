"""Which nodes may run what, by what the policy engine has decided and why."""

import pytest

from cim_provider.engines.ha_core_redundancy import redundancy_of
from cim_provider.engines.ha_core_view import view_of
from tests.core.test_summary import picture

NODES = """
node n1
node n2
node n3
primitive db
on n1 db started
"""


def may_run(text: str, resource: str = "db") -> str:
    found = redundancy_of(picture(NODES + text)).nodes_of
    return " ".join(sorted(found[resource]))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "n1 n2 n3"),
        ("location db n3 -INFINITY", "n1 n2"),
        ("location db n3 -1000", "n1 n2"),
        ("location db n3 -1000\nlocation db n3 1000", "n1 n2 n3"),
        ("location db n1 -2", "n2 n3"),
        ("primitive web\non n3 web started\ncolocation db with web -500", "n1 n2 n3"),
        ("options opt-in\nlocation db n1 10\nlocation db n2 0", "n1 n2"),
        ("on n2 db stopped count=INFINITY failure=start:1:restart", "n1 n3"),
        ("node n2 standby", "n1 n2 n3"),
        ("node n2 lost", "n1 n2 n3"),
        ("location db n2 -INFINITY\nnode n2 lost", "n1 n3"),
        ("primitive db target=stopped", "n1 n2 n3"),
        ("primitive db target=stopped\nlocation db n2 -INFINITY", "n1 n3"),
        ("primitive web\ncolocation web with db INFINITY", "n1 n2 n3"),
        ("primitive web\ncolocation web with db INFINITY\nlocation web n2 -INFINITY", "n1 n3"),
        ("primitive web\non n2 web started\ncolocation web with db -INFINITY", "n1 n3"),
        ("quorum lost", "n1 n2 n3"),
    ],
)
def test_node_may_run_what_nothing_forbids_it(text: str, expected: str) -> None:
    assert may_run(text) == expected


def test_what_must_be_with_something_else_may_run_where_that_may() -> None:
    text = """
primitive ip
primitive web
group shop ip web
on n1 ip started
on n1 web started
location ip n3 -INFINITY
colocation db with shop INFINITY
"""
    assert may_run(text, "web") == may_run(text, "ip") == "n1 n2"
    assert may_run(text, "db") == "n1 n2"
    banned = f"{text}location web n2 -INFINITY\n"
    assert {may_run(banned, name) for name in ("ip", "web", "db")} == {"n1"}


def test_only_mandatory_orders_of_starts_make_a_dependency() -> None:
    text = """
primitive web
primitive log
order db then web
order db then log optional
"""
    view = view_of(picture(NODES + text), "1", "1.0")
    assert [(each.first, each.then) for each in view.redundancy.orders] == [("db", "web")]


def test_engine_agrees_once_the_others_are_lost() -> None:
    """What may run a resource does, and what may not does not, when no other node is left."""
    for text in (
        "",
        "location db n3 -1000",
        "location db n3 -INFINITY",
        "primitive web\ncolocation db with web INFINITY\nlocation web n3 -INFINITY",
        "primitive web\non n3 web started\ncolocation db with web -500",
        "on n3 db stopped count=INFINITY failure=start:1:restart",
    ):
        says = "n3" in may_run(text)
        alone = NODES.replace("node n1", "node n1 lost").replace("node n2", "node n2 lost")
        alone = alone.replace("on n1 db started", "")
        decision = next(each for each in picture(alone + text).decisions if each.resource == "db")
        assert (decision.node == "n3") is says, text


@pytest.mark.parametrize(
    ("at", "counts"),
    [(3000, {"n1": 1, "n2": 1}), (5000, {"n1": 0, "n2": 1}), (9000, {"n1": 0})],
)
def test_failure_whose_time_out_has_passed_is_told_no_more(at: int, counts: dict[str, int]) -> None:
    text = f"""
node n1
node n2
primitive db timeout=2000
on n1 db started count=1 failure=monitor:7:restart@1000
on n2 db stopped count=1 failure=monitor:7:restart@4000
at {at}
"""
    shown = view_of(picture(text), "1", "1.0").primitives[0].instances
    assert {each.node: each.fail_count for each in shown} == counts
    assert {each.node: int(bool(each.failure)) for each in shown} == counts
    assert {each.node: int(each.failed_wall_ms > 0) for each in shown} == counts
