"""What a rich run draws of tickets: some have something that needs one.

Owns: that part of the draw.
"""

from dataclasses import replace
from random import Random

from ha_core.config.check import check
from ha_core.config.model import Configuration, LossPolicy, TicketConstraint
from ha_core.ids import ConstraintId

SHARE = 0.3
"""Of all rich runs, those with a ticket; those in which people grant and revoke all have one."""


def with_tickets(random: Random, before: Configuration, *, is_certain: bool) -> Configuration:
    """Return the configuration with something that needs a ticket, now and then or for certain."""
    if random.random() >= SHARE and not is_certain:
        return before
    members = {clone.member for clone in before.clones}
    members |= {member for group in before.groups for member in group.members}
    names = [*(c.id for c in before.clones), *(g.id for g in before.groups)]
    names += [item.id for item in before.primitives]
    chosen = random.choice([name for name in names if name not in members])
    policy = random.choice((LossPolicy.STOP, LossPolicy.STOP, LossPolicy.FREEZE, LossPolicy.FENCE))
    needed = TicketConstraint(ConstraintId("site"), "site", chosen, loss_policy=policy)
    after = replace(before, tickets=(needed,))
    return before if check(after) else after
