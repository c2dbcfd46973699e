"""The operator: gives commands while everything may go wrong, and mends things afterwards.

Owns: which commands are given, and what a person does beside them (pulls the
plug before confirming that a node is down, gives a removed machine a new disk).
Always speaks the truth: rule S4 rests on it.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from random import Random

from ha_core import commands
from ha_core.commands import Command, Outcome
from ha_core.config.model import Configuration, Group, Primitive, TargetRole, TwoNode
from ha_core.events import CommandGiven
from ha_core.ids import NodeName, ResourceId
from ha_core.sim import deeds
from ha_core.sim.checkers import SHELVED
from ha_core.sim.host import Host
from ha_core.sim.plan import Draw, addresses_of, draw_primitive
from ha_core.sim.world import US_PER_MS, World

LOOK_AGAIN_US = 50 * US_PER_MS
PATIENCE = 240
"""Times that the operator looks for an answer: for 12 s, longer than the node waits."""
RESOURCES_MAX = 8
DEAD_AFTERS_MS = (300, 500, 1000, 2000)


class Operator:
    """Gives commands at whatever member has a running daemon."""

    def __init__(
        self, world: World, hosts: list[Host], plan: Draw, retimer: Random | None = None
    ) -> None:
        self._world = world
        self._hosts = hosts
        self._plan = plan
        self._retimer = retimer
        """If this run may change `dead_after`: to what."""
        self._given = 0
        self._made = 0
        self.removals = 0
        self.may_remove = True
        self.deeds: dict[str, Callable[[Host], None]] = {
            "fail": lambda _: self._drawn(deeds.fail),
            "switch": lambda _: self._drawn(deeds.switch),
            "ticket": lambda _: self._drawn(deeds.ticket),
            "timed-standby": self._timed_standby,
            **{kind: partial(self._edited, edit) for kind, edit in deeds.EDITS.items()},
        }
        """What people do in rich storms, by the kind of fault."""

    def configuration(self) -> Configuration:
        """Return the newest configuration that any running node knows."""
        known = [host.node for host in self._hosts if host.node is not None]
        newest = max(known, key=lambda node: node.revision, default=None)
        return newest.configuration if newest is not None else self._plan.configuration

    def members(self) -> list[Host]:
        """Return the hosts that the configuration names, in order."""
        names = {node.name for node in self.configuration().nodes}
        return [host for host in self._hosts if host.name in names]

    def witnesses(self) -> list[Host]:
        """Return the hosts that are witnesses, in order."""
        names = {node.name for node in self.configuration().nodes if node.witness}
        return [host for host in self._hosts if host.name in names]

    def give(self, command: Command, then: Callable[[Outcome], None] | None = None) -> None:
        """Give a command at some running member; `then` is called with its answer, if any."""
        hosts = [h for h in self.members() if h.node is not None and not h.is_frozen]
        if not hosts:
            return
        host = self._world.random.choice(hosts)
        self._given += 1
        is_shelved = isinstance(command, commands.SetTicket)
        request_id = f"{SHELVED if is_shelved else 'sim'}-{self._given}"
        self._world.note(f"{request_id}: {type(command).__name__} at {host.name}")
        self._world.faults[f"command {type(command).__name__}"] += 1
        host.tell(CommandGiven(request_id, "operator", command))
        if then is not None:
            self._await(host, request_id, then, PATIENCE)

    def _await(
        self, host: Host, request_id: str, then: Callable[[Outcome], None], patience: int
    ) -> None:
        answer = host.answers.get(request_id)
        if answer is not None:
            then(answer.outcome)
        elif patience:
            self._world.after(
                LOOK_AGAIN_US, lambda: self._await(host, request_id, then, patience - 1)
            )

    # --- in the storm --------------------------------------------------------------------

    def command(self, _: Host) -> None:
        """Give one of the everyday commands."""
        random, configuration = self._world.random, self.configuration()
        tops = tops_of(configuration)
        nodes = [node.name for node in configuration.nodes]
        if not tops or not nodes:
            return
        resource, node = random.choice(tops), random.choice(nodes)
        clone = configuration.clone_of(resource)
        has_roles = clone is not None and clone.promotable
        self.give(
            random.choice(_everyday(resource, node) + (_roles(resource) if has_roles else []))
        )

    def add_node(self, _: Host) -> None:
        """Let a machine in that is no member: a new one, or one that was removed."""
        members = {host.name for host in self.members()}
        strangers = [host for host in self._hosts if host.name not in members]
        if not strangers:
            return
        host = self._world.random.choice(strangers)
        host.boot()
        is_voter = self._world.random.random() < 0.8
        self.give(commands.AddNode(host.name, addresses_of(host.name, self._plan.links), is_voter))

    def remove_node(self, _: Host) -> None:
        """Put a node in standby, and remove it once it is empty; its disk may be kept."""
        members = self.members()
        if len(members) < 2 or not self.may_remove:
            return
        self.removals += 1
        host = self._world.random.choice(members)
        tries = 4

        def removed(outcome: Outcome) -> None:
            nonlocal tries
            tries -= 1
            if outcome.ok:
                self._world.faults["nodes removed"] += 1
                # The answer may come late: by then it may be a member again, whose vote counts.
                if self._world.random.random() < 0.5 and host not in self.members():
                    host.crash(power=True)
                    host.replace_disk()
            elif tries and outcome.code == "unsafe":
                delay_us = self._plan.dead_after_us
                again = commands.RemoveNode(host.name)
                self._world.after(delay_us, lambda: self.give(again, removed))

        def emptied(outcome: Outcome) -> None:
            if outcome.ok:
                self.give(commands.RemoveNode(host.name), removed)

        self.give(commands.SetStandby(host.name, True), emptied)

    def apply(self, _: Host) -> None:
        """Apply a configuration in which something was added, taken away or written anew."""
        random, before = self._world.random, self.configuration()
        edits = [self._with_new, _without, _redefined]
        if self._retimer is not None and len(before.nodes) == 1:
            edits.append(self._retimed)
        self._apply(random.choice(edits)(before))

    def _apply(self, changed: Configuration | None) -> None:
        """Apply what was made of the newest configuration, unless that is not the newest then."""
        revision = max((h.node.revision for h in self._hosts if h.node is not None), default=0)
        if changed is not None:
            self.give(commands.Apply(changed, "edited", revision))

    def _drawn(self, draw: Callable[[Random, Configuration], Command | None]) -> None:
        known = self.configuration()
        command = draw(self._world.random, known) if known.nodes else None
        if command is not None:
            self.give(command)

    def _timed_standby(self, host: Host) -> None:
        now_wall_ms = host.wall_ms + host.now_ms()
        self._drawn(lambda random, known: deeds.timed_standby(random, known, now_wall_ms))

    def _edited(self, edit: deeds.Edit, _: Host) -> None:
        self._apply(edit(self._world.random, self.configuration()))

    def _with_new(self, before: Configuration) -> Configuration | None:
        if len(before.primitives) >= RESOURCES_MAX:
            return None
        self._made += 1
        made = draw_primitive(self._world.random, f"x{self._made % 3}")
        if before.primitive(made.id) is not None:
            return None
        return replace(before, primitives=(*before.primitives, made))

    def _retimed(self, before: Configuration) -> Configuration | None:
        """Give the cluster, which is of one node, another dead time."""
        assert self._retimer is not None
        dead_after_ms = self._retimer.choice(DEAD_AFTERS_MS)
        if dead_after_ms == before.options.dead_after_ms:
            return None
        self._world.faults["dead times changed"] += 1
        return replace(before, options=replace(before.options, dead_after_ms=dead_after_ms))

    def confirm_down(self, host: Host) -> None:
        """Pull the plug, wait until the cluster calls the node lost, and say that it is down."""
        if host not in self.members() or len(self.members()) < 2 or host.is_unplugged:
            return
        host.crash(power=True)
        host.is_unplugged = True
        is_out = True

        def confirm() -> None:
            if is_out and host.is_unplugged:
                self.give(commands.ConfirmDown(host.name, "the plug was pulled"), confirmed)

        def confirmed(outcome: Outcome) -> None:
            self._world.faults["nodes confirmed down"] += outcome.ok
            plug_in()

        def plug_in() -> None:
            nonlocal is_out
            if is_out:
                is_out = host.is_unplugged = False
                host.boot()

        self._world.after(2 * self._plan.dead_after_us, confirm)
        self._world.after(8 * self._plan.dead_after_us, plug_in)

    # --- after the storm -----------------------------------------------------------------

    def settle(self) -> None:
        """Undo what the storm's commands left, and look again at what has failed."""
        configuration = self.configuration()
        for node in configuration.nodes:
            if node.standby:
                self.give(commands.SetStandby(node.name, False))
        self._let_vote(configuration)
        for resource in tops_of(configuration):
            self.give(commands.Clear(resource))
            self.give(commands.SetTargetRole(resource, None))
        for resource in sorted({item.id for item in configuration.primitives} | self._left_over()):
            self.give(commands.Cleanup(resource))
        self.grant()
        if self._retimer is not None:
            self._world.after(2 * self._plan.dead_after_us, self._retime)

    def grant(self) -> None:
        """Give the site every ticket that something needs."""
        for command in deeds.grants(self.configuration()):
            self.give(command)

    def _let_vote(self, before: Configuration) -> None:
        """Two that fence each other let no third vote: whoever adds one says so first."""
        known = [host.node for host in self._hosts if host.node is not None and host.node.revision]
        newest = max(known, key=lambda node: node.revision, default=None)
        waiting = newest.replication.revisions[-1].will_vote if newest is not None else ()
        if not waiting or before.options.two_node is not TwoNode.FENCING:
            return
        nodes = tuple(
            replace(node, voter=node.voter or node.name in waiting, standby=False)
            for node in before.nodes
        )
        changed = replace(
            before, nodes=nodes, options=replace(before.options, two_node=TwoNode.WAIT)
        )
        self.give(commands.Apply(changed, "others are to vote"))

    def _retime(self) -> None:
        """A healed cluster of one gets another dead time; it must run on, or run again."""
        before = self.configuration()
        changed = self._retimed(before) if len(before.nodes) == 1 else None
        if changed is not None:
            self.give(commands.Apply(changed, "other timers"))

    def _left_over(self) -> set[ResourceId]:
        """Return what some node still has, though it is not configured any more."""
        return {
            instance.resource
            for host in self.members()
            if host.node is not None
            for status in host.node.snapshot(host.now_ms()).instances
            for instance in status.instances
        }


_TARGETS = (TargetRole.UNPROMOTED, TargetRole.PROMOTED)


def tops_of(configuration: Configuration) -> list[ResourceId]:
    """Return the groups, and the primitives in none."""
    grouped = {member for item in configuration.groups for member in item.members}
    tops = [item.id for item in configuration.groups]
    return tops + [item.id for item in configuration.primitives if item.id not in grouped]


def _roles(resource: ResourceId) -> list[Command]:
    return [commands.SetTargetRole(resource, role) for role in _TARGETS]


def _everyday(resource: ResourceId, node: NodeName) -> list[Command]:
    return [
        commands.SetStandby(node, True),
        commands.SetStandby(node, False),
        commands.Move(resource, node),
        commands.Clear(resource),
        commands.Restart(resource),
        commands.Cleanup(resource),
        commands.SetTargetRole(resource, TargetRole.STOPPED),
        commands.SetTargetRole(resource, TargetRole.STARTED),
    ]


def _without(before: Configuration) -> Configuration | None:
    """Take the last primitive away, and whatever speaks of it."""
    if len(before.primitives) < 2:
        return None
    gone = before.primitives[-1].id
    groups = tuple(
        Group(group.id, kept)
        for group in before.groups
        if (kept := tuple(member for member in group.members if member != gone))
    )
    names = {gone} | ({group.id for group in before.groups} - {group.id for group in groups})
    names |= {clone.id for clone in before.clones if clone.member in names}
    return replace(
        before,
        primitives=before.primitives[:-1],
        groups=groups,
        clones=tuple(clone for clone in before.clones if clone.member not in names),
        locations=tuple(item for item in before.locations if item.resource not in names),
        colocations=tuple(
            item for item in before.colocations if not {item.resource, item.with_resource} & names
        ),
        tickets=tuple(item for item in before.tickets if item.resource not in names),
        orderings=tuple(item for item in before.orderings if not {item.first, item.then} & names),
    )


def _redefined(before: Configuration) -> Configuration | None:
    """Give the first primitive another parameter: it must restart."""
    if not before.primitives:
        return None
    first: Primitive = before.primitives[0]
    number = len(first.parameters)
    changed = replace(first, parameters=(*first.parameters, (f"env.P{number}", "1")))
    return replace(before, primitives=(changed, *before.primitives[1:]))
