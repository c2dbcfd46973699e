"""Kinds of ties between two actions, as bits; one tie may be of several kinds.

Owns: what each kind says. A tie goes from a *first* to a *then* action. *Needed* means that the
action has a reason to happen, *can run* that nothing forbids it; both must hold for it to happen.
Plain integers, because they are tested some hundred thousand times in one plan.
"""

from typing import Final

NONE: Final = 0
"""Switched off: it says nothing any more."""
ORDER: Final = 1 << 0
"""Only the sequence, if both happen anyway."""
IMPLIES_THEN: Final = 1 << 1
"""If first is needed, then is."""
IMPLIES_FIRST: Final = 1 << 2
"""If then is needed and no migration, first is no migration either."""
PROMOTED_IMPLIES_FIRST: Final = 1 << 3
"""If then is needed and its resource is promoted now, first is needed."""
NEEDS_FIRST: Final = 1 << 4
"""Then cannot run if first cannot."""
RESTART: Final = 1 << 5
"""First is the stop, then the start: one needs the other."""
SAME_NODE: Final = 1 << 6
"""It holds only if both are on one node."""
ASYMMETRIC: Final = 1 << 7
"""Then cannot run if first cannot, unless its resource is already as wanted."""
ANY_OF: Final = 1 << 8
"""Then can run if enough of its firsts can."""
CANCELS_FIRST: Final = 1 << 9
"""If then is needed, first is not."""
MIGRATION_FIRST: Final = 1 << 10
"""Then needs first, and first can run only while then belongs to a migration."""
PSEUDO_FIRST: Final = 1 << 11
"""Then is done by a migration only while first can run."""
ON_NODE: Final = 1 << 12
"""As IMPLIES_THEN, for what is on first's node."""
PRINTS_FIRST: Final = 1 << 13
"""If then is needed, first marks a place in the sequence."""
PRINTS_THEN: Final = 1 << 14
"""If first happens, then marks a place in the sequence."""
LOAD: Final = 1 << 15
"""First frees what then takes: a sequence on one node."""
APART: Final = 1 << 16
"""First and then must not overlap on one node."""
SERIALIZE: Final = 1 << 17
"""Never at the same time."""
UNLESS_MIGRATED: Final = 1 << 18
"""It does not hold if first is done by a migration."""
PRESERVE: Final = 1 << 19
"""A fencing stands for then."""

SEQUENCE_ONLY: Final = ORDER | LOAD | APART | SERIALIZE | UNLESS_MIGRATED | PRESERVE
"""Kinds that never change an action."""
STRICT: Final = (
    IMPLIES_THEN
    | IMPLIES_FIRST
    | NEEDS_FIRST
    | RESTART
    | ASYMMETRIC
    | MIGRATION_FIRST
    | ANY_OF
    | PROMOTED_IMPLIES_FIRST
    | PSEUDO_FIRST
    | ON_NODE
    | CANCELS_FIRST
)
"""Kinds that may change an action."""
