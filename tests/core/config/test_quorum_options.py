"""Options of quorum: what needs words, what needs a device, and what acts as what."""

from dataclasses import replace

import pytest

from ha_core.config.check import check
from ha_core.config.model import (
    Address,
    Configuration,
    FenceDevice,
    Link,
    Node,
    NoQuorumPolicy,
    Options,
    TwoNode,
)
from ha_core.ids import LinkName, NodeName

LINK = LinkName("ring0")
PLAIN = Configuration(
    nodes=tuple(Node(NodeName(n), (Address(LINK, f"192.0.2.{n[1]}"),)) for n in ("n1", "n2")),
    links=(Link(LINK),),
)


def faults(options: Options, **more: object) -> list[str]:
    """Return what is wrong with a plain cluster under these options."""
    return [str(fault) for fault in check(replace(PLAIN, options=options, **more))]  # type: ignore[arg-type]  # by name


@pytest.mark.parametrize("words", ["", "  "])
def test_ignore_needs_words_that_accept_it(words: str) -> None:
    options = Options(no_quorum_policy=NoQuorumPolicy.IGNORE, no_quorum_acknowledgement=words)
    assert faults(options) == [
        "options.no_quorum_policy: is 'ignore', which keeps things running that the majority may"
        " start as well; allowed: with words that accept this, no_quorum_acknowledgement: TEXT"
    ]
    assert faults(replace(options, no_quorum_acknowledgement="I know")) == []


def test_two_nodes_with_fencing_need_a_device() -> None:
    options = Options(two_node=TwoNode.FENCING)
    (fault,) = faults(options)
    assert "no device could cut the other node off" in fault
    assert "options.two_node" not in str(faults(options, fence_devices=(FenceDevice("d", "a"),)))


def test_last_man_stands_no_sooner_than_a_node_is_lost() -> None:
    assert faults(Options(last_man_standing_ms=999))[0].startswith("options.last_man_standing: is")
    assert faults(Options(last_man_standing_ms=1000)) == []


@pytest.mark.parametrize(
    ("policy", "keeps"),
    [("stop", False), ("freeze", True), ("demote", False), ("ignore", True)],
)
def test_policy_says_whether_what_runs_goes_on(policy: str, keeps: bool) -> None:
    assert NoQuorumPolicy(policy).keeps is keeps
