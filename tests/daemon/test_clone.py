"""A node cloned with its disk: the copy does not start, and the original never hears of it."""

import json
import shutil

import pytest

from tests.daemon.fleet import Fleet, NodeUnderTest, eventually

pytestmark = pytest.mark.slow
WEB = "resources:\n  web:\n    agent: process\n    parameters: {command: sleep 972}\n"


def copied(fleet: Fleet, node: NodeUnderTest, name: str) -> NodeUnderTest:
    """Copy a node's whole directory, sockets and lock left out, as an image would have it."""
    root = fleet.directory / name
    for part in ("etc", "lib"):
        shutil.copytree(node.root / part, root / part, ignore=shutil.ignore_patterns("*.lock"))
    clone = NodeUnderTest(name, node.host, root)
    fleet.nodes[name] = clone
    return clone


def elsewhere(clone: NodeUnderTest, host: str) -> None:
    """Give the clone another address in its own file, as a second machine would have."""
    text = clone.layout.node_file.read_text()
    clone.layout.node_file.write_text(text.replace(clone.host, host))


@pytest.mark.parametrize("host", ["", "127.1.77.1"], ids=["same address", "another address"])
def test_clone_of_a_running_node_does_not_start_and_disturbs_nobody(
    fleet: Fleet, host: str
) -> None:
    first, second, third = fleet.cluster(3)
    first.applied(WEB)
    first.reaches("web", "started")
    owner = next(n for n in (first, second, third) if n.name in first.resource("web")["nodes"])
    term, events = first.status()["term"], len(first.events())
    clone = copied(fleet, owner, "clone")
    if host:
        elsewhere(clone, host)
    refused = clone.ha("start")
    assert refused.returncode == 3
    assert "was made at another place of this machine" in refused.stderr
    assert "remove the copy and 'ha join' anew" in refused.stderr
    assert first.status()["term"] == term
    assert first.resource("web")["nodes"] == [owner.name]
    assert len(first.events()) == events


def test_disk_that_was_moved_starts_when_somebody_says_so(fleet: Fleet) -> None:
    first, second, _ = fleet.cluster(3)
    second.end()
    moved = copied(fleet, second, "moved")
    assert moved.ha("start").returncode == 3
    moved.done("start", "--moved")
    eventually("it is online", lambda: first.status()["nodes"]["n2"]["state"] == "online")
    moved.done("stop")
    moved.done("start")
    refused = second.ha("start")
    # The original's note still names its own place: only one of the two may run at a time.
    assert refused.returncode == 0 or "taken by another program" in refused.stderr


def test_note_of_a_node_that_lost_its_disk_is_no_hindrance(fleet: Fleet) -> None:
    first, second, _ = fleet.cluster(3)
    assert "file" in json.loads((second.layout.lib / "home").read_text())
    second.end()
    second.layout.store.unlink()
    second.start()
    eventually("it votes again", lambda: first.status()["votes"]["present"] == 3)
