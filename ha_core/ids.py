"""Names and units that every other module speaks.

Owns: identifier types and the score range. Knows nothing else of the project.
Times are whole milliseconds: monotonic ones are named `*_ms`, wall-clock ones
(milliseconds since the Unix epoch) are named `*_wall_ms`.
"""

from typing import Final, NewType, TypeAlias

NodeName = NewType("NodeName", str)
"""Name of a cluster node, lower case, as in the configuration."""
ResourceId = NewType("ResourceId", str)
"""Id of a primitive or group."""
ConstraintId = NewType("ConstraintId", str)
"""Id of a location, colocation or ordering constraint."""
LinkName = NewType("LinkName", str)
"""Name of one network path between nodes, such as `ring0`."""

Millis: TypeAlias = int
Term: TypeAlias = int
Index: TypeAlias = int
Revision: TypeAlias = int
Generation: TypeAlias = int
"""Count of starts of the cluster service on a node, kept on disk."""

INFINITY: Final = 1_000_000
"""Score that means must (or, negated, must not). Source: Pacemaker Explained, "Scores"."""
