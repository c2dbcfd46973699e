"""A sample cluster whose database is as a test wants it."""

# pywbem has no annotations: its calls would be untyped.
# mypy: allow-untyped-calls

from cim_provider.engine import ClusterView
from tests.cim.mapping.views import (
    cluster,
    primitive,
)


def with_db(state: str, target: str, pending: int = 0, nodes: tuple[str, ...] = ()) -> ClusterView:
    db = primitive("db", state=state, target_role=target, nodes=nodes)
    return cluster(primitives=(db,), groups=(), pending_actions=pending)
