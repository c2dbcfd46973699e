"""Strangers on the cluster's network: a cluster of the same name, cloned keys, a cloned node.

Each is told apart, said in one sentence, and never makes a second owner. The stranger is a
machine with a cable to the same switch and had of its own; the prober asks it, too.
"""

import os
import shutil
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from ha_core.cli.admission import found_node
from ha_core.config.model import Address, Node
from ha_core.errors import ConnectError
from ha_core.ids import LinkName, NodeName
from ha_core.keyring import first_ring, render_ring
from ha_core.lab.state import LabNode
from ha_core.layout import Layout
from ha_core.runtime.home import settle
from tests.e2e.fire import NODES, STRANGER, Fire, fire, stranger
from tests.e2e.laboratory import run

pytestmark = [pytest.mark.root, pytest.mark.slow, pytest.mark.timeout(400)]


@pytest.fixture(scope="module")
def burning(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fire]:
    """Return the lab whose network strangers come to."""
    with fire(tmp_path_factory.mktemp("strangers")) as made:
        yield made


@pytest.fixture
def lab(burning: Fire) -> Iterator[Fire]:
    """Return the lab with everything in order; judge it afterwards, the stranger gone."""
    burning.is_well()
    begin_ns = burning.mark("a case begins")
    yield burning
    burning.unplug(stranger(burning.known))
    shutil.rmtree(burning.lab.root(NODES[0]).with_name(STRANGER), ignore_errors=True)
    burning.heal()
    burning.is_well()
    burning.judge(begin_ns)


def root(lab: Fire) -> Path:
    """Return the stranger's directory."""
    return lab.lab.root(NODES[0]).with_name(STRANGER)


def foreign(lab: Fire) -> LabNode:
    """Make a stranger that leads a cluster of its own, of the same name, with the same services.

    Its configuration counts the lab's nodes in, so that it speaks to them.
    """
    node = stranger(lab.known)
    ours = lab.becomes(NODES[0], lambda seen: True).configuration
    own = tuple(Address(LinkName(place.link), place.host) for place in node.places)
    theirs = tuple(replace(item, voter=False) for item in ours.nodes)
    configuration = replace(ours, nodes=(Node(NodeName(STRANGER), own), *theirs))
    ring = first_ring(os.urandom(16), os.urandom(32))
    found_node(Layout(root(lab)), STRANGER, configuration, render_ring(ring))
    return node


def events(lab: Fire) -> str:
    """Return what happened at the stranger, by its own word."""
    return run("--root", str(root(lab)), "events").stdout


def log_of(place: Path) -> str:
    return (Layout(place).lib / "had.log").read_text()


def test_cluster_of_the_same_name_with_other_keys_owns_nothing_here(lab: Fire) -> None:
    owner = lab.owner()
    lab.plug_in(foreign(lab))
    lab.until(lambda: "is in use on interface eth0 by the host with" in events(lab))
    lab.until(lambda: "a frame from 'x1' is for another cluster" in log_of(lab.lab.root(owner)))
    assert lab.owner() == owner


def test_other_members_with_cloned_keys_do_not_start(lab: Fire) -> None:
    """They would be taken for members here: their log, their coordinator, their orders."""
    owner = lab.owner()
    node = foreign(lab)
    lab.plug_in(node)
    lab.until(lambda: "is in use on interface eth0 by the host with" in events(lab))
    keys = Layout(lab.lab.root(owner)).keyring_file.read_text()
    Layout(root(lab)).keyring_file.write_text(keys)
    lab.signal_stranger(node, signal.SIGHUP)
    lab.until(lambda: "the old key ring stays in use" in log_of(root(lab)))
    lab.unplug(node)
    with pytest.raises(ConnectError, match="is of another cluster than"):
        lab.plug_in(node)
    assert lab.owner() == owner
    assert lab.becomes(owner, lambda seen: seen.quorate).coordinator in NODES


def cloned(lab: Fire, original: str) -> LabNode:
    """Copy a node's whole disk to another machine, which keeps its addresses as well."""
    for part in ("etc", "lib"):
        source = lab.lab.root(original) / part
        shutil.copytree(source, root(lab) / part, ignore=shutil.ignore_patterns("*.lock"))
    number = NODES.index(original)
    return LabNode(STRANGER, lab.known.nodes[number].places)


def test_clone_of_a_node_does_not_start(lab: Fire) -> None:
    owner = lab.owner()
    with pytest.raises(ConnectError, match="a node that exists twice would own things twice"):
        lab.plug_in(cloned(lab, owner))
    assert lab.owner() == owner


def test_clone_that_was_told_it_is_the_only_one_makes_no_second_owner(tmp_path: Path) -> None:
    """Somebody lied to 'ha start --moved': the same node runs twice, with the same addresses."""
    with fire(tmp_path) as lab:
        lab.is_well()
        owner = lab.owner()
        node = cloned(lab, owner)
        settle(Layout(root(lab)))
        lab.names_taken = {owner}
        lab.plug_in(node)
        lab.until(lambda: "is an older copy: this is its start" in status(lab, owner))
        lab.unplug(node)
        shutil.rmtree(root(lab))
        lab.is_served()
        lab.judge()


def status(lab: Fire, node: str) -> str:
    """Return what the node says of the cluster."""
    return run("--root", str(lab.lab.root(node)), "status").stdout
