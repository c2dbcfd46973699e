"""What a configuration may say about votes: who goes on without whom, and with what words.

Owns: the rules of the options of quorum. Source: votequorum(5), "wait_for_all",
"last_man_standing"; Pacemaker Explained, "no-quorum-policy".
"""

from collections.abc import Iterable

from ha_core.config.faults import Fault, bad_text, bad_time
from ha_core.config.model import Configuration, NoQuorumPolicy, TwoNode


def quorum_faults(configuration: Configuration) -> Iterable[Fault]:
    """Return the faults of what the options say about votes."""
    options = configuration.options
    words = options.no_quorum_acknowledgement
    yield from bad_text("options.no_quorum_acknowledgement", words)
    if options.no_quorum_policy is NoQuorumPolicy.IGNORE and not words.strip():
        yield Fault(
            "options.no_quorum_policy",
            "is 'ignore', which keeps things running that the majority may start as well;"
            " allowed: with words that accept this, no_quorum_acknowledgement: TEXT",
        )
    if options.last_man_standing_ms:
        yield from bad_time("options.last_man_standing", options.last_man_standing_ms, 0)
        if options.last_man_standing_ms < options.dead_after_ms:
            text = f"is {options.last_man_standing_ms} ms, less than dead_after"
            cure = f"0, or at least {options.dead_after_ms} ms"
            yield Fault("options.last_man_standing", f"{text}; allowed: {cure}")
    if options.two_node is TwoNode.FENCING and not configuration.fence_devices:
        yield Fault(
            "options.two_node",
            "is 'fencing', but no device could cut the other node off; allowed: wait, or name"
            " one in fence_devices",
        )
