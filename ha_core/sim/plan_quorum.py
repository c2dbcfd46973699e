"""What a run is drawn of in matters of votes: options of quorum for any size of cluster.

Owns: these chances. `plan` draws everything else.
"""

from dataclasses import replace
from random import Random

from ha_core.config.model import Configuration, NoQuorumPolicy, Options, TwoNode


def with_quorum_options(random: Random, configuration: Configuration) -> Configuration:
    """Return the configuration with options of quorum that could be applied to it."""
    options = configuration.options
    devices = configuration.fence_devices
    options = replace(
        options,
        wait_for_all=random.random() < 0.25,
        last_man_standing_ms=random.choice((0, 0, 4 * options.dead_after_ms)),
        two_node=random.choice((TwoNode.FENCING, TwoNode.WAIT)) if devices else TwoNode.WAIT,
    )
    return replace(configuration, options=_policy(random, options))


def _policy(random: Random, options: Options) -> Options:
    chance = random.random()
    if chance < 0.1:
        return replace(options, no_quorum_policy=NoQuorumPolicy.DEMOTE)
    if chance < 0.2:
        return replace(
            options,
            no_quorum_policy=NoQuorumPolicy.IGNORE,
            no_quorum_acknowledgement="the simulation looks after it",
        )
    return options
