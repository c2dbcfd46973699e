"""What the policy engine answers: actions with their order, decisions with their reasons.

Owns: the values of a transition. The graph is executed by `ha_core.transition`.
"""

from dataclasses import dataclass
from enum import StrEnum

from ha_core.ids import NodeName, ResourceId


class ActionKind(StrEnum):
    """What can be asked of a node."""

    PROBE = "probe"
    START = "start"
    STOP = "stop"


@dataclass(frozen=True, slots=True, order=True)
class ActionKey:
    """Names one action of a transition."""

    resource: ResourceId
    kind: ActionKind
    node: NodeName


@dataclass(frozen=True, slots=True)
class Action:
    """One action that can run in this transition, and those that must be over before it begins."""

    key: ActionKey
    after: tuple[ActionKey, ...]
    reason: str
    """One sentence without a full stop: why this is done."""


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
class Decision:
    """Where a primitive should be and why; `scores` are sorted by node name."""

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


@dataclass(frozen=True, slots=True)
class Transition:
    """The plan: `actions` with predecessors first, `decisions` sorted by resource id."""

    actions: tuple[Action, ...] = ()
    decisions: tuple[Decision, ...] = ()

    def decision(self, resource: ResourceId) -> Decision | None:
        """Return the decision for that primitive, or None."""
        return next((item for item in self.decisions if item.resource == resource), None)
