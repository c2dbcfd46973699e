"""What a node does by itself with what it runs once it has lost the cluster for good.

Owns: that choice for one instance. A copy that is not promoted has nothing that must not exist
twice, so that it may go on where `no_quorum_policy: demote` says so. Source: Pacemaker Explained,
"Cluster Options", no-quorum-policy.
"""

from ha_core.config.choices import NoQuorumPolicy, Role
from ha_core.config.model import Primitive
from ha_core.config.units import may_be_promoted, may_share
from ha_core.policy.transition import ActionKind
from ha_core.status import Instance, InstanceState

_RUNS = (InstanceState.STARTED, InstanceState.FAILED)


def is_demoted(policy: NoQuorumPolicy, primitive: Primitive) -> bool:
    """Return whether copies of the primitive go on without a quorum, none of them promoted."""
    return policy is NoQuorumPolicy.DEMOTE and may_be_promoted(primitive) and may_share(primitive)


def end_of(policy: NoQuorumPolicy, primitive: Primitive, item: Instance) -> ActionKind | None:
    """Return the action that is due; None: it is left as it is, or is on its way already."""
    if policy.keeps or item.pending == "stop":
        return None
    if item.state not in _RUNS and item.pending != "start":
        return None
    if item.state is InstanceState.FAILED or not is_demoted(policy, primitive):
        return ActionKind.STOP
    if item.pending in ("start", "demote"):
        return None
    is_low = item.role is Role.UNPROMOTED and item.pending != "promote"
    return None if is_low else ActionKind.DEMOTE
