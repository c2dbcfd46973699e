"""A lab on loopback from outside: its JSON, its cluster, its faults, and its end without trace."""

import json
import signal
import socket
import stat
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
import pywbem

from ha_core.lab import processes
from tests.e2e.laboratory import (
    HA,
    Laboratory,
    alive,
    all_run,
    laboratory,
    lasting,
    run,
    traces,
    visited,
)

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Laboratory]:
    """Return one lab for all tests here that leave it as they found it."""
    with laboratory(tmp_path_factory.mktemp("e2e") / "lab") as made:
        yield made


# --- what is printed --------------------------------------------------------------------------


def test_up_prints_what_other_programs_rely_on(lab: Laboratory) -> None:
    assert lab.value["dir"] == str(lab.directory)
    assert list(lab.value["nodes"]) == ["n1", "n2", "n3"]
    for name, node in lab.value["nodes"].items():
        assert node["root"] == str(lab.directory / name)
        assert socket.inet_aton(node["address"])
        assert len(pids := lasting(node)) >= 3
        assert alive(pids) == pids
    assert [item["node"] for item in lab.value["wbem"]] == ["n1", "n2", "n3"]
    for item in lab.value["wbem"]:
        assert item["http"].startswith("http://127.0.0.1:")
        assert item["https"].startswith("https://127.0.0.1:")
        assert item["user"]
        assert len(item["password"]) >= 20
        assert "BEGIN CERTIFICATE" in Path(item["ca"]).read_text()


def test_status_has_the_keys_that_other_programs_rely_on(lab: Laboratory) -> None:
    status = lab.status("n2")
    assert isinstance(status["revision"], int)
    assert status["coordinator"] in ("n1", "n2", "n3")
    assert status["quorate"] is True
    assert {name: node["state"] for name, node in status["nodes"].items()} == {
        "n1": "online",
        "n2": "online",
        "n3": "online",
    }
    assert status["faults"] == []
    for resource in status["resources"].values():
        assert resource["state"] == "started"
        assert resource["role"]
        assert len(resource["nodes"]) == 1
        assert resource["guard"]
        assert resource["takeover_wait_ms"] > 0


def test_events_have_the_keys_that_other_programs_rely_on(lab: Laboratory) -> None:
    done = run("--root", str(lab.root("n1")), "events", "--json")
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert events
    for event in events:
        assert {"seq", "time", "node", "kind", "subject", "text", "incident", "why"} <= set(event)


def test_lab_status_has_every_process_of_every_node(lab: Laboratory) -> None:
    nodes = lab.told("status")["nodes"]
    assert {node["state"] for node in nodes.values()} == {"running"}
    assert all(not node["faults"] for node in nodes.values())
    for node in nodes.values():
        assert {"had", "guardian", "ha-cimd"} <= set(node["roles"].values())
    owner = lab.owner("n1", "web")
    assert "resource:web" in nodes[owner]["roles"].values()


def test_site_answers_from_the_node_that_runs_it(lab: Laboratory) -> None:
    with urllib.request.urlopen(f"http://{lab.service('site-ip')}:18080/", timeout=10) as answer:
        assert answer.headers["X-Node"] == lab.owner("n1", "web")
    with urllib.request.urlopen(f"http://{lab.service('files-ip')}:18080/", timeout=10) as answer:
        assert b"share" in answer.read()


def test_group_started_in_order_and_apart_from_the_other(lab: Laboratory) -> None:
    status = lab.status("n3")
    where = {name: item["nodes"] for name, item in status["resources"].items()}
    assert where["site-ip"] == where["database"] == where["web"] == ["n1"]
    assert where["files-ip"] == where["files"] != ["n1"]
    done = run("--root", str(lab.root("n1")), "events", "--json")
    started = [
        event["subject"]
        for event in map(json.loads, done.stdout.splitlines())
        if event["kind"] == "resource-started"
    ]
    in_order = [name for name in started if name in ("site-ip", "database", "web")]
    assert in_order == ["site-ip", "database", "web"]


# --- WBEM -------------------------------------------------------------------------------------


def connection(item: dict[str, str], scheme: str) -> pywbem.WBEMConnection:
    """Return a client of one of the servers that `ha lab up` listed."""
    client = pywbem.WBEMConnection(
        item[scheme],
        (item["user"], item["password"]),
        default_namespace="root/cimv2",
        ca_certs=item["ca"],
        timeout=20,
    )
    client.session.trust_env = False
    return client


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_every_nodes_wbem_server_answers_pywbem(lab: Laboratory, scheme: str) -> None:
    for item in lab.value["wbem"]:
        names = connection(item, scheme).EnumerateInstanceNames("HA_ClusterNode")
        assert sorted(path["Name"] for path in names) == ["n1", "n2", "n3"]


def test_every_nodes_wbem_server_answers_wbemcli(lab: Laboratory) -> None:
    for item in lab.value["wbem"]:
        access = f"{item['user']}:{item['password']}@"
        for scheme, options in (("http", []), ("https", ["-cacert", item["ca"]])):
            url = item[scheme].replace("://", f"://{access}") + "/root/cimv2:HA_PrimitiveResource"
            done = subprocess.run(
                ["wbemcli", "-nl", *options, "ein", url],
                capture_output=True,
                text=True,
                check=False,
            )
            assert done.returncode == 0, done.stderr
            assert 'Id="web"' in done.stdout


def test_wrong_password_opens_no_door(lab: Laboratory) -> None:
    item = {**lab.value["wbem"][0], "password": "wrong"}
    with pytest.raises(pywbem.AuthError):
        connection(item, "https").EnumerateInstanceNames("HA_ClusterNode")


# --- secrets ----------------------------------------------------------------------------------


def test_password_is_in_no_command_line_environment_or_log(lab: Laboratory) -> None:
    password = lab.value["wbem"][0]["password"]
    for process in psutil.process_iter(["cmdline", "environ"]):
        words = [*(process.info["cmdline"] or ()), *(process.info["environ"] or {}).values()]
        assert not any(password in word for word in words), process
    holders = [
        path
        for path in lab.directory.rglob("*")
        if path.is_file() and not path.is_symlink() and password in path.read_text(errors="replace")
    ]
    assert [path.name for path in holders] == ["lab_state.json"]
    assert stat.S_IMODE(holders[0].stat().st_mode) == 0o600


def test_secrets_of_the_cluster_are_their_owners_alone(lab: Laboratory) -> None:
    for name in ("etc/keyring", "etc/cimd/users", "etc/cimd/key.pem"):
        mode = (lab.root("n1") / name).stat().st_mode
        assert not mode & 0o077, name


# --- refusals ---------------------------------------------------------------------------------


def test_second_lab_in_the_same_place_is_refused_with_the_cure(lab: Laboratory) -> None:
    done = run("lab", "up", "--dir", str(lab.directory), "--json")
    assert done.returncode == 1
    assert json.loads(done.stdout)["code"] == "busy"
    assert f"ha lab down --dir {lab.directory}" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert lab.status("n1")["quorate"]


@pytest.mark.parametrize("verb", ["kill", "restart", "freeze", "isolate", "heal"])
def test_unknown_node_is_refused_with_the_known_ones(lab: Laboratory, verb: str) -> None:
    done = lab.lab(verb, "n9")
    assert done.returncode == 1
    assert done.stderr == "ha: the lab has no node 'n9', only n1, n2, n3\n"


def test_unknown_part_of_a_node_is_refused_with_the_known_ones(lab: Laboratory) -> None:
    done = lab.lab("kill", "n1", "--only", "sshd")
    assert done.returncode == 1
    assert "no 'sshd' runs on n1, where" in done.stderr
    assert "guardian, ha-cimd, had" in done.stderr


def test_directory_with_something_in_it_is_refused_and_untouched(tmp_path: Path) -> None:
    mine = tmp_path / "n1"
    mine.mkdir()
    done = run("lab", "up", "--dir", str(tmp_path))
    assert done.returncode == 1
    assert "is not empty" in done.stderr
    assert run("lab", "down", "--dir", str(tmp_path)).returncode == 0
    assert mine.is_dir()


def test_faulty_configuration_is_refused_with_every_fault_and_nothing_is_made(
    tmp_path: Path,
) -> None:
    config = tmp_path / "bad.yaml"
    config.write_text("cluster: demo\nnodes: {n1: {addresses: {x: 1.2.3.4}}}\nwhat: 1\n")
    done = run("lab", "up", "--dir", str(tmp_path / "lab"), "--config", str(config))
    assert done.returncode == 5
    assert f"{config}:3: what: is an unknown key" in done.stderr
    assert not traces(tmp_path / "lab")


def test_port_that_is_taken_is_refused_and_nothing_is_left(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        done = run("lab", "up", "--dir", str(tmp_path / "lab"), "--wbem-port", port)
    assert done.returncode == 1
    assert f"port {port} of 127.0.0.1 is not free" in done.stderr
    assert not traces(tmp_path / "lab")


@pytest.mark.parametrize("verb", [["status"], ["kill", "n1"], ["restart", "n1"], ["heal"]])
def test_no_lab_is_said_in_one_sentence(tmp_path: Path, verb: list[str]) -> None:
    done = run("lab", *verb, "--dir", str(tmp_path))
    assert done.returncode == 1
    assert done.stderr.startswith(f"ha: no lab in {tmp_path}: 'ha lab up' makes one")
    assert not list(tmp_path.iterdir())


def test_removing_what_is_not_there_is_done_already(tmp_path: Path) -> None:
    for _ in range(2):
        done = run("lab", "down", "--dir", str(tmp_path / "nowhere"), "--json")
        assert done.returncode == 0
        assert json.loads(done.stdout)["removed"] is False


# --- two labs ---------------------------------------------------------------------------------


def test_two_labs_run_side_by_side_and_end_each_alone(lab: Laboratory, tmp_path: Path) -> None:
    with laboratory(tmp_path / "second", "--nodes", "2") as second:
        assert list(second.value["nodes"]) == ["n1", "n2"]
        assert second.service("site-ip") != lab.service("site-ip")
        with visited(second.service("site-ip")), visited(lab.service("site-ip")):
            assert second.status("n1")["quorate"]
    assert lab.status("n1")["quorate"]
    assert all_run(lab.becomes("n1", all_run))


def test_wbem_port_is_the_one_that_was_asked_for(tmp_path: Path) -> None:
    with laboratory(tmp_path / "first", "--nodes", "1") as first:
        port = int(first.value["wbem"][0]["http"].rpartition(":")[2])
    with laboratory(tmp_path / "lab", "--nodes", "1", "--wbem-port", str(port)) as lab:
        assert lab.value["wbem"][0]["http"] == f"http://127.0.0.1:{port}"
        assert lab.value["wbem"][0]["https"] == f"https://127.0.0.1:{port + 1}"


# --- the end ----------------------------------------------------------------------------------


def test_directory_that_was_there_before_stays(tmp_path: Path) -> None:
    done = run("lab", "up", "--dir", str(tmp_path), "--nodes", "1", "--no-wbem", "--json")
    assert done.returncode == 0, done.stderr
    assert run("lab", "down", "--dir", str(tmp_path)).returncode == 0
    assert tmp_path.is_dir()
    assert not list(tmp_path.iterdir())


def test_directories_that_were_made_on_the_way_go_too(tmp_path: Path) -> None:
    with laboratory(tmp_path / "a" / "b" / "lab", "--nodes", "1", "--no-wbem"):
        assert (tmp_path / "a" / "b").is_dir()
    assert not list(tmp_path.iterdir())


def test_down_after_everything_was_killed_leaves_nothing(tmp_path: Path) -> None:
    with laboratory(tmp_path / "lab", "--no-wbem") as lab:
        for found in processes.scan(tmp_path / "lab").values():
            processes.send(found, signal.SIGKILL)
        # What was half-way through its birth may have outlived its parent.
        assert {node["state"] for node in lab.told("status")["nodes"].values()} <= {
            "down",
            "partly",
        }


def test_down_finds_what_runs_when_the_labs_file_is_lost(tmp_path: Path) -> None:
    directory = tmp_path / "lab"
    done = run("lab", "up", "--dir", str(directory), "--nodes", "1", "--no-wbem", "--json")
    pids = json.loads(done.stdout)["nodes"]["n1"]["pids"]
    (directory / "lab_state.json").unlink()
    assert run("lab", "down", "--dir", str(directory)).returncode == 0
    assert not alive(pids)


def test_up_replaces_a_lab_that_runs_no_more_and_says_so(tmp_path: Path) -> None:
    with laboratory(tmp_path / "lab", "--nodes", "1", "--no-wbem") as lab:
        lab.told("kill", "n1")
        done = run("lab", "up", "--dir", str(lab.directory), "--nodes", "2", "--no-wbem")
        assert done.returncode == 0, done.stderr
        assert "what an earlier lab had left" in done.stderr
        assert list(lab.told("status")["nodes"]) == ["n1", "n2"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_interrupted_up_leaves_nothing(tmp_path: Path, number: signal.Signals) -> None:
    directory = tmp_path / "lab"
    words = [*HA, "lab", "up", "--dir", str(directory)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        while not list(directory.glob("n*/run/had.stderr")) and process.poll() is None:
            with suppress(subprocess.TimeoutExpired):
                process.wait(0.01)
        process.send_signal(number)
        text, _ = process.communicate(timeout=60)
    assert process.returncode == 1
    assert b"interrupted: nothing of the lab is left" in text
    assert not traces(directory)


def test_daemon_started_by_hand_belongs_to_the_lab(tmp_path: Path) -> None:
    with laboratory(tmp_path / "lab", "--nodes", "1", "--no-wbem") as lab:
        root = str(lab.root("n1"))
        assert run("--root", root, "stop").returncode == 0
        assert lab.told("status")["nodes"]["n1"]["state"] == "down"
        assert run("--root", root, "start").returncode == 0
        assert lab.told("status")["nodes"]["n1"]["state"] == "running"
        done = lab.lab("isolate", "n1")
        assert done.returncode == 1
        assert "ha lab restart n1" in done.stderr


def test_config_of_ones_own_runs_with_the_nodes_that_it_names(tmp_path: Path) -> None:
    config = tmp_path / "own.yaml"
    config.write_text(
        "cluster: own\n"
        "links: {lan: {port: 6940}}\n"
        "nodes:\n"
        "  ant: {addresses: {lan: 192.0.2.1}}\n"
        "  bee: {addresses: {lan: 192.0.2.2}}\n"
        "resources:\n"
        "  ip: {agent: address, parameters: {address: 192.0.2.9/24, interface: eth7}}\n"
        "  job: {agent: process, parameters: {command: sleep 1000}}\n"
        "  bad: {agent: process, parameters: {command: no-such-program}}\n"
    )
    with laboratory(tmp_path / "lab", "--config", str(config), "--no-wbem") as lab:
        assert list(lab.value["nodes"]) == ["ant", "bee"]
        assert lab.value["wbem"] == []
        status = lab.status("ant")
        assert status["name"] == "own"
        assert status["resources"]["ip"]["state"] == "started"
        assert status["resources"]["job"]["state"] == "started"
        assert status["resources"]["bad"]["state"] == "failed"


@pytest.mark.skipif(not Path("/usr/lib/ocf/resource.d/heartbeat").is_dir(), reason="no OCF agents")
def test_service_that_an_agent_left_in_the_background_dies_with_its_node(tmp_path: Path) -> None:
    config = tmp_path / "agents.yaml"
    config.write_text(
        "cluster: agents\n"
        "links: {lan: {port: 6940}}\n"
        "nodes: {n1: {addresses: {lan: 192.0.2.1}}}\n"
        "resources:\n"
        "  daemon:\n"
        "    agent: ocf:heartbeat:anything\n"
        "    parameters: {binfile: /bin/sleep, cmdline_options: '987654'}\n"
        "  state: {agent: ocf:heartbeat:Dummy}\n"
    )
    with laboratory(tmp_path / "lab", "--config", str(config), "--no-wbem") as lab:
        services = sleeping()
        assert len(services) == 1
        assert services[0] in lab.told("kill", "n1")["killed"]["n1"]
        assert not sleeping()
        lab.told("restart", "n1")
        lab.becomes("n1", all_run)
        assert sleeping()
    assert not sleeping()


def sleeping() -> list[int]:
    """Return the processes that the agent started."""
    return [
        process.pid
        for process in psutil.process_iter(["cmdline"])
        if process.info["cmdline"] == ["/bin/sleep", "987654"]
    ]
