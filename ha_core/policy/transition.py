"""What the policy engine answers: actions with their order, decisions with their reasons.

Owns: the values of a transition. The graph is executed by `ha_core.transition`.
"""

from dataclasses import dataclass
from enum import StrEnum

from ha_core.config.choices import Role
from ha_core.ids import NodeName, ResourceId


class ActionKind(StrEnum):
    """What can be asked of a node."""

    PROBE = "probe"
    START = "start"
    STOP = "stop"
    PROMOTE = "promote"
    DEMOTE = "demote"
    NOTIFY = "notify"
    RELOAD = "reload"
    MIGRATE_TO = "migrate_to"
    """On the source of a live migration."""
    MIGRATE_FROM = "migrate_from"
    """On its target."""


@dataclass(frozen=True, slots=True, order=True)
class ActionKey:
    """Names one action of a transition; an instance of a unique clone as the resource `ID:N`."""

    resource: ResourceId
    kind: ActionKind
    node: NodeName
    note: str = ""
    """Of a notification: `pre-start` and the like."""


@dataclass(frozen=True, slots=True)
class Action:
    """One action that can run in this transition, and those that must be over before it begins."""

    key: ActionKey
    after: tuple[ActionKey, ...]
    reason: str
    """One sentence without a full stop: why this is done."""
    peer: NodeName | None = None
    """Of a live migration: the other node."""
    notice: tuple[tuple[str, str], ...] = ()
    """Of a notification: what the agent is told, as `OCF_RESKEY_CRM_meta_notify_…` without that
    prefix.
    """


@dataclass(frozen=True, slots=True)
class Reason:
    """One recorded reason of a decision; `code` is stable, `text` is one sentence."""

    code: str
    text: str
    node: NodeName | None = None
    score: int | None = None
    cure: str = ""
    """What a person can do about it; empty if there is nothing special."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where one instance of a primitive should be, and as what."""

    instance: ResourceId
    """`ID:N` of an instance of a unique clone, else the primitive's id."""
    node: NodeName
    role: Role = Role.STARTED


@dataclass(frozen=True, slots=True)
class Decision:
    """Where a primitive should be and why; `scores` are sorted by node name.

    Of a primitive in a clone `node` is the first of its `places`, and None if there is none.
    """

    resource: ResourceId
    node: NodeName | None
    reasons: tuple[Reason, ...]
    scores: tuple[tuple[NodeName, int], ...] = ()
    blocked: str = ""
    """If an action is wanted but cannot run: one sentence, what it waits for; then `; ` and the
    cure.
    """
    waits_for: ResourceId | None = None
    """The other resource that keeps it from running, if there is one."""
    places: tuple[Place, ...] = ()
    """Of what is in a clone or can be promoted, by node name; empty for the others."""


@dataclass(frozen=True, slots=True)
class Transition:
    """The plan: `actions` with predecessors first, `decisions` sorted by resource id."""

    actions: tuple[Action, ...] = ()
    decisions: tuple[Decision, ...] = ()

    def decision(self, resource: ResourceId) -> Decision | None:
        """Return the decision for that primitive, or None."""
        return next((item for item in self.decisions if item.resource == resource), None)
