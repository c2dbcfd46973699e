"""A case of the policy engine as the snapshot that a node would hand out."""

from ha_core.facts import Facts
from ha_core.ids import NodeName
from ha_core.snapshot import ClusterSnapshot
from ha_core.summary import summarize
from ha_core.timers import timers
from tests.core.policy.case import Case


def snapshot_of(case: Case) -> ClusterSnapshot:
    """Return the picture of the case, seen from its first node."""
    nodes = case.status.nodes
    return summarize(
        Facts(
            local=NodeName("n1"),
            generation=1,
            coordinator=NodeName("n1") if case.is_quorate else None,
            term=2,
            quorate=case.is_quorate,
            revisions=(),
            configuration=case.configuration,
            nodes=nodes,
            restarts=tuple(case.restarts),
            pending=(),
            links=(),
            timers=timers(1000),
            version="2.1",
            wall_ms=case.at_wall_ms,
        )
    )
