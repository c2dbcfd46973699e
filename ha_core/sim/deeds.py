"""What people do beside the everyday: failures by hand, fencing, timed standbys, tickets, and edits
of what may exist twice.

Owns: these commands and edits, drawn for the configuration as it is. Storms of `RICH_FROM` on have
them.
"""

from collections.abc import Callable
from dataclasses import replace
from random import Random

from ha_core import commands
from ha_core.commands import Command
from ha_core.config.check import check
from ha_core.config.model import Configuration, Exclusivity
from ha_core.config.units import hosts
from ha_core.ids import Millis
from ha_core.sim.plan_clones import cloned, uncloned

RICH = ("fail", "switch", "timed-standby", "ticket", "exclusivity", "recloned")
"""Kinds of faults that are deeds of people of this module."""
STANDBY_D_MAX = 6

Edit = Callable[[Random, Configuration], Configuration | None]


def fail(random: Random, configuration: Configuration) -> Command | None:
    """Take something as failed, on one node or everywhere."""
    names = [item.id for item in configuration.primitives]
    names += [clone.id for clone in configuration.clones]
    nodes = [None, *(node.name for node in configuration.nodes)]
    return commands.Fail(random.choice(names), random.choice(nodes), "a drill") if names else None


def switch(random: Random, configuration: Configuration) -> Command | None:
    """Cut a node off by its devices, or switch it on again."""
    if not configuration.fence_devices:
        return None
    node = random.choice(configuration.nodes).name
    if random.random() < 0.4:
        return commands.FenceNode(node, "it does strange things")
    return commands.SwitchOn(node, "it is needed")


def timed_standby(
    random: Random, configuration: Configuration, now_wall_ms: Millis
) -> Command | None:
    """Put a node in standby for a while."""
    most_ms = STANDBY_D_MAX * configuration.options.dead_after_ms
    node = random.choice(configuration.nodes).name
    return commands.SetStandby(node, True, now_wall_ms + random.randrange(100, most_ms))


def ticket(random: Random, configuration: Configuration) -> Command | None:
    """Grant or revoke a ticket, or let it stand by."""
    names = sorted({item.ticket for item in configuration.tickets})
    if not names:
        return None
    granted = random.choice((True, False, False, None))
    standby = random.choice((True, False)) if granted is None else None
    return commands.SetTicket(random.choice(names), granted, standby, "the other site has said so")


def grants(configuration: Configuration) -> list[Command]:
    """Return what gives the site all its tickets."""
    names = sorted({item.ticket for item in configuration.tickets})
    return [commands.SetTicket(name, True, False, "all is well again") for name in names]


def exclusivity(random: Random, before: Configuration) -> Configuration | None:
    """Let something exist twice from now on, or forbid it."""
    if not before.primitives:
        return None
    chosen = random.choice(before.primitives)
    is_shared = chosen.meta.exclusivity is Exclusivity.NONE
    wanted = random.choice((None, *Exclusivity)) if is_shared else Exclusivity.NONE
    meta = replace(chosen.meta, exclusivity=wanted)
    items = tuple(replace(i, meta=meta) if i is chosen else i for i in before.primitives)
    return _valid(replace(before, primitives=items), before)


def recloned(random: Random, before: Configuration) -> Configuration | None:
    """Clone something, undo that, or let a clone have more copies or fewer."""
    if not before.clones:
        return _valid(cloned(random, before), before) if hosts(before) >= 2 else None
    clone = before.clones[0]
    if random.random() < 0.5:
        return _valid(uncloned(before, clone), before)
    most = random.choice((None, 1, hosts(before)))
    changed = replace(clone, instances_max=most)
    return _valid(replace(before, clones=(changed, *before.clones[1:])), before)


EDITS: dict[str, Edit] = {"exclusivity": exclusivity, "recloned": recloned}


def _valid(changed: Configuration, before: Configuration) -> Configuration | None:
    judges = [node.name for node in changed.nodes if node.witness]
    is_bad = check(changed.with_votes(judges, voter=True))  # one that is held back is no fault
    return None if changed == before or is_bad else changed
