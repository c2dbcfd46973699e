"""Which nodes are cut off for tickets that are lost, and when at the latest.

Owns: the moments of loss policy `fence`. The rule is `ha_core.fencing.tickets`'.
"""

from dataclasses import replace

from ha_core.fencing.tickets import granted, is_open, lapse_of, without_device
from ha_core.policy.forecast import Moment
from ha_core.preview.lapse import Moments, off_moments
from ha_core.snapshot import ClusterSnapshot
from ha_core.status import ClusterStatus, NodeState


def lapsed_moments(snapshot: ClusterSnapshot, status: ClusterStatus) -> Moments:
    """Return what follows where something runs whose ticket is not granted in `status`, and what is
    assumed; the snapshot has the configuration that is looked at.
    """
    configuration, here = snapshot.configuration, granted(status.tickets)
    moments: list[Moment] = []
    assumed: list[str] = []
    for node in status.nodes:
        settings = configuration.node(node.name)
        is_spared = settings is None or settings.maintenance or configuration.options.maintenance
        if is_spared or node.state is not NodeState.ONLINE:
            continue
        lapse = lapse_of(configuration, here, node.name, node.instances)
        if lapse is None:
            continue
        more, words = off_moments(snapshot, node.name, 0)
        text = f"{node.name} is to be cut off: {lapse.text}"
        moments += [Moment(0, text, lambda same: same, since_ms=0), *more]
        assumed += words
        left = (item for item in snapshot.instances if item.name != node.name)
        snapshot = replace(snapshot, instances=tuple(left))  # the next one's quorum is without it
    open_ = (c for c in configuration.tickets if is_open(configuration, here, c))
    texts = (without_device(configuration, name) for name in dict.fromkeys(c.ticket for c in open_))
    return tuple(moments), (*assumed, *(text for text in texts if text))
