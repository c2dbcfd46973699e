"""What nobody looks for on a node: by the names that locations may use."""

from dataclasses import replace

import pytest

from ha_core.config.model import Clone, Configuration, Discovery, Group, Location
from ha_core.effects import LocalState, RunOperation
from ha_core.events import OperationDone
from ha_core.ids import INFINITY, NodeName, ResourceId
from ha_core.status import InstanceState
from ha_core.transition.discovery import unlooked
from ha_core.transition.local import LocalResources
from tests.core.transition.local_bench import DB, WEB, primitive

N1, N2 = NodeName("n1"), NodeName("n2")
BOTH, MANY = ResourceId("both"), ResourceId("many")
LEASE_MS = 1_000_000
PLAIN = Configuration(primitives=(primitive(WEB), primitive(DB)))


def kept_from_n1(
    resource: ResourceId = WEB,
    discovery: Discovery = Discovery.NEVER,
    score: int = -INFINITY,
    configuration: Configuration = PLAIN,
) -> Configuration:
    node = N2 if discovery is Discovery.EXCLUSIVE else N1
    place = Location("l", resource, node, score, discovery=discovery)
    return replace(configuration, locations=(place,))


def test_a_location_is_about_what_it_names_and_what_is_in_that() -> None:
    assert unlooked(PLAIN, N1) == frozenset()
    assert unlooked(kept_from_n1(), N1) == {WEB}
    assert unlooked(kept_from_n1(), N2) == frozenset()
    assert unlooked(kept_from_n1(discovery=Discovery.EXCLUSIVE), N1) == {WEB}
    assert unlooked(kept_from_n1(discovery=Discovery.EXCLUSIVE), N2) == frozenset()
    grouped = replace(PLAIN, groups=(Group(BOTH, (WEB, DB)),))
    assert unlooked(kept_from_n1(BOTH, configuration=grouped), N1) == {WEB, DB}
    cloned = replace(PLAIN, clones=(Clone(MANY, WEB, 2, unique=True),))
    assert unlooked(kept_from_n1(MANY, configuration=cloned), N1) == {"web:0", "web:1"}


def test_what_may_run_where_it_is_not_looked_for_is_not_barred() -> None:
    assert unlooked(kept_from_n1(score=5), N1) == {WEB}
    assert unlooked(kept_from_n1(score=5), N1, is_barred=True) == frozenset()
    assert unlooked(kept_from_n1(), N1, is_barred=True) == {WEB}
    only = kept_from_n1(discovery=Discovery.EXCLUSIVE, score=5)
    assert unlooked(only, N1, is_barred=True) == {WEB}


@pytest.mark.parametrize("is_first", [True, False])
def test_first_start_of_a_node_looks_for_nothing_and_a_later_one_once(is_first: bool) -> None:
    local = LocalResources(LocalState())
    quiet = frozenset({WEB})
    effects = local.configure(PLAIN, 0, 1, unlooked=quiet)
    assert not any(isinstance(item, RunOperation) for item in effects), "it is not admitted yet"
    begun = [i for i in local.admitted(is_first=is_first) if isinstance(i, RunOperation)]
    assert [(run.action, run.primitive.id) for run in begun] == (
        [] if is_first else [("monitor", WEB)]
    )
    for run in begun:
        local.done(OperationDone(run.operation_id, 7), 0, LEASE_MS, 0)
    states = {item.resource: item.state for item in local.instances()}
    assert states == {WEB: InstanceState.STOPPED, DB: InstanceState.UNKNOWN}
    assert local.admitted(is_first=is_first) == []


def test_failure_of_such_a_look_counts_as_any_other() -> None:
    local = LocalResources(LocalState())
    local.configure(PLAIN, 0, 1, unlooked=frozenset({WEB}))
    (look,) = [i for i in local.admitted(is_first=False) if isinstance(i, RunOperation)]
    local.done(OperationDone(look.operation_id, 1), 0, LEASE_MS, 0)
    found = next(item for item in local.instances() if item.resource == WEB)
    assert found.state is InstanceState.FAILED
    assert found.failure is not None
