"""`ha init`, `join`, `leave`, `start`, `stop`, `token` with real daemons; no file is edited."""

import json
import shutil
import socket
import stat

import pytest

from cim_provider.server.layout import ServerLayout
from cim_provider.server.shared_users import SharedUsers, take
from cim_provider.server.users import Proof, User, UserFile
from tests.daemon.fleet import (
    PORT,
    Fleet,
    Nobody,
    NodeUnderTest,
    eventually,
    sees_voters,
    traces,
)

pytestmark = pytest.mark.slow


def test_init_and_join_make_a_cluster_in_which_every_node_votes(fleet: Fleet) -> None:
    nodes = fleet.cluster(3)
    for node in nodes:
        status = node.status()
        assert status["quorate"] is True
        assert status["coordinator"] == "n1"
        assert sorted(status["nodes"]) == ["n1", "n2", "n3"]
        assert status["votes"] == {"present": 3, "expected": 3, "needed": 2}
        assert status["faults"] == []


def test_secrets_are_readable_by_their_owner_alone(fleet: Fleet) -> None:
    for node in fleet.cluster(2):
        for path in (node.layout.keyring_file, node.layout.node_file, node.layout.store):
            assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
    invitations = fleet.nodes["n1"].layout.invitations
    assert stat.S_IMODE(invitations.stat().st_mode) == 0o700


def test_node_that_leaves_is_forgotten_and_may_join_again(fleet: Fleet) -> None:
    first, second, third = fleet.cluster(3)
    file = UserFile(ServerLayout(third.root).users_file)
    users = {name: User(name, Proof.NONE) for name in ("ann", "eve")}
    file.put(users["eve"])
    take(file, SharedUsers().changed("ann", users["ann"], SharedUsers()))
    left = "n3 has left the cluster\nno users of its WBEM server any more: ann\n"
    assert third.done("leave") == left
    assert set(file.read()) == {"eve"}
    assert not third.pid
    assert not third.layout.keyring_file.exists()
    eventually("two nodes are left", lambda: sorted(first.status()["nodes"]) == ["n1", "n2"])
    assert second.status()["votes"]["expected"] == 2
    fleet.join("n3", second)
    eventually("n3 votes again", lambda: sees_voters(first, 3))


def test_node_that_is_gone_is_removed_from_another_one(fleet: Fleet) -> None:
    first, second, third = fleet.cluster(3)
    refused = first.ha("node", "remove", "n3")
    assert refused.returncode == 1
    assert "n3 is online: run 'ha leave' on it" in refused.stderr
    told = third.done("leave", "--force")
    assert told == "n3 knows no cluster any more; on another node: ha node remove n3\n"
    eventually("n3 is missed", lambda: first.status()["nodes"]["n3"]["state"] in ("lost", "left"))
    first.done("node", "remove", "n3")
    assert sorted(second.status()["nodes"]) == ["n1", "n2"]
    fleet.join("n3", second)
    eventually("n3 votes again", lambda: sees_voters(first, 3))


def test_node_that_lost_its_disk_joins_again_under_its_name(fleet: Fleet) -> None:
    first, second, third = fleet.cluster(3)
    revision = first.status()["revision"]
    third.end()
    shutil.rmtree(third.layout.lib)
    shutil.rmtree(third.layout.etc)
    fleet.join("n3", second)
    eventually("n3 votes again", lambda: sees_voters(third, 3))
    assert third.status()["revision"] >= revision
    assert sees_voters(first, 3)


def test_nodes_find_each_other_by_host_name(fleet: Fleet) -> None:
    first, second = fleet.node("n1"), fleet.node("n2")
    first.done("init", "--node", "n1", "--address", f"localhost:{free_port()}")
    token = json.loads(first.done("token", "--json"))["token"]
    second.done("join", token, "--node", "n2", "--address", f"localhost:{free_port()}")
    eventually("both vote", lambda: sees_voters(first, 2))
    eventually("both vote", lambda: sees_voters(second, 2))


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind(("localhost", 0))
        port: int = probe.getsockname()[1]
        return port


def test_services_of_a_leaving_node_run_on_elsewhere(fleet: Fleet) -> None:
    first, second = fleet.cluster(2)
    first.applied("resources:\n  web:\n    agent: process\n    parameters: {command: sleep 999}\n")
    where = first.reaches("web", "started")["nodes"]
    leaver, stayer = (first, second) if where == ["n1"] else (second, first)
    leaver.done("leave")
    assert stayer.reaches("web", "started")["nodes"] == [stayer.name]


def test_stop_ends_daemon_and_guardian_and_start_brings_them_back(fleet: Fleet) -> None:
    node = fleet.init()
    before = node.status()
    assert node.done("stop") == "stopped\n"
    assert (node.layout.run / "had.stderr").read_text() == ""
    assert traces(fleet.directory) == []
    assert not node.layout.control_socket.exists()
    assert node.done("stop") == "it does not run\n"
    assert node.done("start") == "n1 runs\n"
    assert node.done("start") == "n1 runs already\n"
    after = node.status()
    assert after["revision"] == before["revision"]
    assert after["nodes"]["n1"]["generation"] > before["nodes"]["n1"]["generation"]


def test_stopped_node_counts_as_left_and_not_as_lost(fleet: Fleet) -> None:
    first, second, _ = fleet.cluster(3)
    second.done("stop")
    eventually("n2 has left", lambda: first.status()["nodes"]["n2"]["state"] == "left")


def test_everything_survives_kill_of_all_daemons(fleet: Fleet) -> None:
    nodes = fleet.cluster(3)
    nodes[0].applied("options:\n  no_quorum_policy: freeze\n")
    revision = nodes[0].status()["revision"]
    for node in nodes:
        node.end()
    for node in nodes:
        node.start()
    for node in nodes:
        eventually(
            f"{node.name} is back",
            lambda n=node: (s := n.status()) and s["quorate"] and s["revision"] == revision,
        )


def test_token_is_good_for_one_node(fleet: Fleet) -> None:
    first = fleet.init()
    token = json.loads(first.done("token", "--json"))["token"]
    second, third = fleet.node("n2"), fleet.node("n3")
    second.done("join", token, "--node", "n2", "--address", second.host)
    again = third.ha("join", token, "--node", "n3", "--address", third.host)
    assert again.returncode == 1
    assert "used or expired: run 'ha token' for a new one" in again.stderr
    assert not third.layout.keyring_file.exists()
    first.logs("was not let in: its invitation is unknown here, used or expired")


def test_node_that_was_not_let_in_leaves_no_files(fleet: Fleet) -> None:
    first, second = fleet.init(), fleet.node("n2")
    token = json.loads(first.done("token", "--json"))["token"]
    clash = second.ha("join", token, "--node", "n1", "--address", second.host)
    assert clash.returncode == 1
    assert "there is a node 'n1' already: choose another" in clash.stderr
    assert not list(second.root.rglob("*.*"))
    second.done("join", token, "--node", "n2", "--address", second.host)  # it is still good


def test_join_without_start_waits_for_ha_start(fleet: Fleet) -> None:
    first, second = fleet.init(), fleet.node("n2")
    token = json.loads(first.done("token", "--json"))["token"]
    said = second.done("join", token, "--node", "n2", "--address", second.host, "--no-start")
    assert said == "n2 is a node of the cluster now; start it with 'ha start'\n"
    assert not second.pid
    second.start()
    eventually("n2 votes", lambda: sees_voters(first, 2))


def test_second_init_on_a_root_is_refused(fleet: Fleet) -> None:
    node = fleet.init()
    again = node.ha("init", "--node", "n1")
    assert again.returncode == 1
    assert "is a node of a cluster already" in again.stderr
    assert node.status()["quorate"]


def test_init_on_ports_that_are_taken_is_refused_and_leaves_nothing(fleet: Fleet) -> None:
    first, other = fleet.init(), fleet.node("other")
    taken = other.ha("init", "--node", "other", "--address", first.host)
    assert taken.returncode == 1
    assert f"{first.host} port 6940 is taken" in taken.stderr
    assert not other.layout.keyring_file.exists()


def test_verbs_on_a_machine_that_is_no_node_say_how_to_make_it_one(fleet: Fleet) -> None:
    stranger = fleet.node("stranger")
    for verb in ("status", "leave", "token", "events"):
        result = stranger.ha(verb)
        assert result.returncode == 3
        assert "is no node of a cluster yet: 'ha init' makes one, 'ha join'" in result.stderr
    started = stranger.ha("start")
    assert started.returncode == 5
    assert "'ha init'" in started.stderr


def test_stopped_node_says_how_to_start_it(fleet: Fleet) -> None:
    node = fleet.init()
    node.done("stop")
    result = node.ha("status")
    assert result.returncode == 3
    assert f"start it with 'ha start --root {node.root}'" in result.stderr


def test_ordinary_user_makes_a_cluster_of_their_own(fleet: Fleet, nobody: Nobody) -> None:
    node, other = fleet.node("n1"), fleet.node("n2")
    nobody.may_write(fleet.directory)
    made = nobody.ha("--root", node.root, "init", "--node", "n1", "--address", node.host)
    assert made.returncode == 0, made.stderr
    assert node.status()["quorate"]
    assert node.layout.store.stat().st_uid == nobody.uid
    token = json.loads(node.done("token", "--json"))["token"]  # root's, on the user's node
    joined = nobody.ha("--root", other.root, "join", token, "--node", "n2", "--address", other.host)
    assert joined.returncode == 0, joined.stderr
    eventually("n2 votes", lambda: sees_voters(node, 2))
    assert node.layout.keyring_file.read_text() == other.layout.keyring_file.read_text()


def change_address(node: NodeUnderTest, old: str, new: str) -> str:
    """Apply the configuration with another address, without waiting; return the answer's text."""
    path = node.root.parent / "moved.yaml"
    path.write_text(node.done("export").replace(old, new))
    result = node.ha("apply", path, "--no-wait")
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_address_of_a_node_is_changed_without_an_outage(fleet: Fleet) -> None:
    first, second = fleet.cluster(2)
    elsewhere = f"{fleet.network}.77"
    change_address(first, second.host, elsewhere)
    revision = first.status()["revision"]
    for node in (first, second):
        eventually(
            f"{node.name} has the change and a quorum",
            lambda n=node: (s := n.status())["quorate"] and s["revision"] == revision,
        )
    eventually("it listens at the new place", lambda: listens(elsewhere))
    eventually("and no longer at the old one", lambda: not listens(second.host))
    assert sees_voters(first, 2)


def listens(host: str) -> bool:
    """Return whether something accepts streams there."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        return probe.connect_ex((host, PORT)) == 0


def test_mistyped_address_does_not_cut_the_cluster_and_can_be_mended(fleet: Fleet) -> None:
    first, second = fleet.cluster(2)
    change_address(first, second.host, "192.0.2.55")
    second.logs("cannot listen on 192.0.2.55 port 6940")
    assert eventually("a quorum", lambda: second.status()["quorate"])
    assert first.status()["quorate"]
    change_address(first, "192.0.2.55", second.host)
    second.logs("every link of this node listens now")
    assert sees_voters(first, 2)
