"""Agent classes: what must be exclusive, and which guard ends it with the run lease.

Owns: the mapping from a primitive to its guard. Pure.
"""

from dataclasses import dataclass

from ha_core.config.model import AgentClass, Exclusivity, Primitive

_DEFAULT_EXCLUSIVITY = {
    AgentClass.PROCESS: Exclusivity.PROCESS,
    AgentClass.ADDRESS: Exclusivity.NETWORK,
}
_GUARDED = (AgentClass.PROCESS, AgentClass.ADDRESS)


@dataclass(frozen=True, slots=True)
class Guard:
    """What keeps a resource from having two owners; `bounded`: gone when the run lease ends."""

    name: str
    sentence: str
    bounded: bool


def exclusivity_of(primitive: Primitive) -> Exclusivity:
    """Return what must never exist twice: the configuration's word, else the agent class's."""
    if primitive.meta.exclusivity is not None:
        return primitive.meta.exclusivity
    return _DEFAULT_EXCLUSIVITY.get(primitive.agent.agent_class, Exclusivity.DEVICE)


def guard_of(primitive: Primitive) -> Guard:
    """Return the guard of a primitive."""
    if exclusivity_of(primitive) is Exclusivity.NONE:
        return Guard("not needed", "the configuration says that it may run twice", True)
    if primitive.agent.agent_class in _GUARDED:
        sentence = "the guardian ends it when the node's run lease ends"
        return Guard("guardian", sentence, True)
    sentence = "nothing ends it when its node is lost: a takeover waits for an operator"
    return Guard("none", sentence, False)
