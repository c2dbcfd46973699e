"""Every check in its order: from what was looked at to findings.

Owns: the list of checks. Pure: the same facts always give the same findings.
"""

from collections.abc import Callable, Iterator
from typing import Final

from ha_core.doctor import (
    fencing,
    history,
    machine,
    network,
    resources,
    server,
    spares,
    votes,
)
from ha_core.doctor.facts import Examined
from ha_core.doctor.findings import Finding, in_order

CHECKS: Final[tuple[Callable[[Examined], Iterator[Finding]], ...]] = (
    machine.daemon,
    votes.quorum,
    votes.nodes,
    resources.resources,
    spares.spares,
    resources.guards,
    fencing.fencing,
    fencing.rehearsal,
    network.links,
    network.reach,
    network.clocks,
    resources.by_hand,
    resources.monitors,
    spares.agents,
    network.versions,
    network.load,
    machine.rights,
    machine.disk,
    machine.store,
    history.events,
    history.faults,
    server.wbem,
    server.certificate,
    server.listeners,
    server.drafts,
)
"""What is looked at first stands first where two findings are as bad."""


def examine(examined: Examined) -> tuple[Finding, ...]:
    """Return the findings, the worst ones first; each check that found nothing says so."""
    return in_order(finding for check in CHECKS for finding in check(examined))
