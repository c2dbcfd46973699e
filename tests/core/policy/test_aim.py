"""A move without a target leads to the node that would be chosen otherwise, and names it."""

import pytest

from ha_core.commands import Move
from ha_core.errors import RefusedError
from ha_core.ids import NodeName, ResourceId
from ha_core.policy.aim import aimed
from tests.core.policy import case

WEB = ResourceId("web")


def target(text: str, resource: str = "web", node: str | None = None) -> str | None:
    """Return where a move leads in a case."""
    made = case.read(text)
    command = Move(ResourceId(resource), None if node is None else NodeName(node), 5, "try")
    found = aimed(made.configuration, made.status, made.at_wall_ms, command)
    assert (found.expires_wall_ms, found.reason) == (5, "try")
    return found.node


def refused(text: str, resource: str = "web") -> str:
    with pytest.raises(RefusedError) as caught:
        target(text, resource)
    return f"{caught.value.code}: {caught.value}"


def test_move_that_names_its_node_stays_as_it_is() -> None:
    assert target("nodes n1 n2\nprimitive web\n", node="n9") == "n9"


def test_it_leads_to_the_best_of_the_others() -> None:
    text = "nodes n1 n2 n3\nprimitive web\nsays resources.web.prefers n1 n3\non n1 web started\n"
    assert target(text) == "n3"


def test_an_earlier_move_or_ban_has_no_say_in_it() -> None:
    text = "nodes n1 n2\nprimitive web\nlocation web n2 -INFINITY ban\non n1 web started\n"
    assert target(text) == "n2"


def test_member_takes_its_group_along() -> None:
    text = (
        "nodes n1 n2 n3\nprimitives ip web\ngroup shop ip web\nlocation shop n2 -INFINITY\n"
        "on n1 ip started\non n1 web started\n"
    )
    assert target(text) == "n3"
    assert target(text, "shop") == "n3"


@pytest.mark.parametrize(
    "text",
    [
        "nodes n1\nnode n2 standby\nprimitive web\non n1 web started\n",
        "nodes n1 n2\nprimitive web managed=false\non n1 web started\n",
    ],
    ids=["no other node", "only watched"],
)
def test_what_can_run_nowhere_else_stays_where_it_is(text: str) -> None:
    assert refused(text) == (
        "invalid: web can run nowhere but on n1 now: 'ha why web --on NODE' says why"
    )


def test_what_runs_nowhere_needs_a_name() -> None:
    text = "nodes n1 n2\nprimitive web target=stopped\n"
    assert refused(text) == "invalid: web runs nowhere: name the node to move it to"


def test_unknown_resource_is_refused() -> None:
    assert refused("nodes n1\nprimitive web\n", "wbe").startswith("not-found: there is no resource")


@pytest.mark.parametrize("resource", ["web", "C"])
def test_of_what_is_cloned_the_node_must_be_named(resource: str) -> None:
    text = "nodes n1 n2 n3\nprimitive web\nclone C web max=2\non n1 web started\n"
    assert refused(text, resource) == (
        "invalid: C has instances on several nodes: name the node that is to have one"
    )
    assert target(text, resource, node="n3") == "n3"
