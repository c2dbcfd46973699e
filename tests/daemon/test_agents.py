"""Agents that print megabytes, never end, hide daemons or lie: real daemons survive them all."""

import os
import shutil
import signal
from pathlib import Path

import psutil
import pytest

from tests.daemon.fleet import Fleet, NodeUnderTest, eventually

pytestmark = pytest.mark.slow
AGENTS = Path("/usr/lib/ocf/resource.d/heartbeat")
MEBIBYTE = 1024 * 1024
needs_agents = pytest.mark.skipif(not AGENTS.is_dir(), reason="needs Debian's resource-agents")


def script(fleet: Fleet, name: str, text: str, mode: int = 0o755) -> Path:
    """Write a program."""
    path = fleet.directory / name
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(mode)
    return path


def process(name: str, command: object, more: str = "") -> str:
    """Return a supervised command as configuration."""
    return (
        f"  {name}:\n    agent: process\n    parameters: {{command: '{command}'}}\n"
        f"    operations:\n      start: {{timeout: 5s}}\n      stop: {{timeout: 1s}}\n"
        f"      monitor: {{interval: 1s, timeout: 2s}}\n{more}"
    )


def failure(node: NodeUnderTest, resource: str) -> str:
    """Wait for an event that tells of the resource's failure; return its words."""

    def found() -> str:
        told = [e for e in node.events() if e["subject"] == resource and "fail" in e["kind"]]
        return f"{told[-1]['text']} {told[-1]['why']}" if told else ""

    words: str = eventually(f"{resource} fails", found)
    return words


@needs_agents
def test_dummy_of_resource_agents_runs_moves_and_stops(fleet: Fleet) -> None:
    nodes = fleet.cluster(2)
    nodes[0].applied("resources:\n  dummy:\n    agent: ocf:heartbeat:Dummy\n")
    where = nodes[0].reaches("dummy", "started")["nodes"][0]
    other = "n2" if where == "n1" else "n1"
    nodes[0].done("resource", "move", "dummy", "--to", other)
    assert nodes[1].reaches("dummy", "started")["nodes"] == [other]
    nodes[0].done("resource", "stop", "dummy")
    assert nodes[0].resource("dummy")["state"] == "stopped"


@needs_agents
def test_dummy_whose_state_vanishes_is_found_failed_and_started_again(fleet: Fleet) -> None:
    node = fleet.init()
    state = fleet.directory / "dummy.state"
    node.applied(
        "resources:\n  dummy:\n    agent: ocf:heartbeat:Dummy\n"
        f"    parameters: {{state: '{state}'}}\n"
        "    operations:\n      monitor: {interval: 500ms, timeout: 10s}\n"
    )
    state.unlink()
    assert "No process state file found" in failure(node, "dummy")
    eventually("it is started again", state.exists)
    assert node.resource("dummy")["fail_count"] == 1


@needs_agents
def test_delay_that_exceeds_its_time_limit_is_killed_and_said_so(fleet: Fleet) -> None:
    node = fleet.init()
    result = node.apply(
        "resources:\n  slow:\n    agent: ocf:heartbeat:Delay\n"
        "    parameters: {startdelay: '30', stopdelay: '0', mondelay: '0'}\n"
        "    operations:\n      start: {timeout: 1s}\n      stop: {timeout: 10s}\n",
        "--timeout",
        "10",
    )
    assert result.returncode in (1, 4)
    assert "time limit" in failure(node, "slow")


@needs_agents
def test_agent_at_work_when_its_daemon_is_killed_is_ended_by_the_next_one(fleet: Fleet) -> None:
    node = fleet.init()
    node.apply(
        "resources:\n  slow:\n    agent: ocf:heartbeat:Delay\n"
        "    parameters: {startdelay: '300', stopdelay: '0', mondelay: '0'}\n"
        "    operations:\n      start: {timeout: 400s}\n      stop: {timeout: 10s}\n",
        "--no-wait",
    )
    mark = f"HA_RSCTMP={node.layout.run}/resource-agents"

    def starting() -> set[int]:
        return {pid for pid in running("heartbeat/Delay start") if has_variable(pid, mark)}

    eventually("it starts", starting)
    node.end()
    left = starting()
    assert left, "nothing ended it yet"
    node.start()
    node.logs(f"process {min(left)}, an agent of this daemon's predecessor, was killed")
    eventually("it is gone, with what it began", lambda: not left & starting())
    node.done("stop")


def has_variable(pid: int, text: str) -> bool:
    """Return whether a process was started with this variable."""
    try:
        return text.encode() in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return False


def test_unknown_agent_is_said_with_the_place_that_was_looked_at(fleet: Fleet) -> None:
    node = fleet.init()
    node.apply("resources:\n  no:\n    agent: ocf:heartbeat:NoSuchAgent\n", "--timeout", "5")
    assert "/usr/lib/ocf/resource.d/heartbeat/NoSuchAgent" in failure(node, "no")


def test_command_that_prints_megabytes_costs_neither_memory_nor_disk(fleet: Fleet) -> None:
    node = fleet.init()
    talker = script(
        fleet, "talker", "head -c 30000000 /dev/zero | tr '\\0' x; echo; echo the end; sleep 999"
    )
    before = psutil.Process(node.pid).memory_info().rss
    node.applied("resources:\n" + process("talker", talker))
    log = node.layout.lib / "log" / "talker.log"
    eventually("all is printed", lambda: log.exists() and log.stat().st_size > 29_000_000)
    eventually("the log is cut", lambda: log.stat().st_size < 2 * MEBIBYTE)
    assert psutil.Process(node.pid).memory_info().rss - before < 10 * MEBIBYTE
    assert node.resource("talker")["state"] == "started"


@needs_agents
def test_agent_that_prints_megabytes_is_cut_to_its_last_words(fleet: Fleet) -> None:
    node = fleet.init()
    before = psutil.Process(node.pid).memory_info().rss
    noisy = script(
        fleet, "noisy", "head -c 30000000 /dev/zero | tr '\\0' x; echo; echo last words; exit 1"
    )
    node.apply(
        "resources:\n  noisy:\n    agent: ocf:heartbeat:anything\n    parameters:\n"
        f"      {{binfile: /bin/sleep, cmdline_options: '99', monitor_hook: '{noisy}'}}\n",
        "--timeout",
        "10",
    )
    words = failure(node, "noisy")
    assert words
    assert len(words) < 1000
    assert psutil.Process(node.pid).memory_info().rss - before < 10 * MEBIBYTE
    assert node.status()["quorate"]


def test_command_that_ignores_sigterm_is_killed_at_its_limit(fleet: Fleet) -> None:
    node = fleet.init()
    deaf = script(fleet, "deaf", "trap '' TERM INT HUP; while :; do sleep 1; done")
    node.applied("resources:\n" + process("deaf", deaf))
    node.done("resource", "stop", "deaf")
    assert node.resource("deaf")["state"] == "stopped"
    assert not running(deaf)


def test_command_that_forks_away_is_ended_with_all_that_it_left(fleet: Fleet) -> None:
    node = fleet.init()
    forker = script(
        fleet,
        "forker",
        f"setsid sh -c 'exec -a {fleet.directory}/hidden sleep 998' & exec sleep 997",
    )
    node.applied("resources:\n" + process("forker", forker))
    node.done("resource", "stop", "forker")
    assert not running("sleep 998")
    assert not running("sleep 997")


def test_command_that_closes_its_outputs_is_a_service_like_any_other(fleet: Fleet) -> None:
    node = fleet.init()
    quiet = script(fleet, "quiet", "exec >&- 2>&- <&-; exec sleep 996")
    node.applied("resources:\n" + process("quiet", quiet))
    assert node.reaches("quiet", "started")["fail_count"] == 0


def test_command_without_execute_bit_is_refused_and_said_so(fleet: Fleet) -> None:
    node = fleet.init()
    plain = script(fleet, "plain", "sleep 9", 0o644)
    node.apply("resources:\n" + process("plain", plain), "--timeout", "5")
    assert "command is not installed: looked for" in failure(node, "plain")


def test_killed_command_is_seen_at_once_and_named_with_its_signal(fleet: Fleet) -> None:
    node = fleet.init()
    node.applied("resources:\n" + process("web", "sleep 995"))
    (first,) = running("sleep 995")
    os.kill(first, signal.SIGSEGV)
    assert "killed by signal 11 (SIGSEGV)" in failure(node, "web")
    eventually("a new one runs", lambda: running("sleep 995") not in ([], [first]))


def test_command_that_dies_at_once_is_given_up_with_its_last_words(fleet: Fleet) -> None:
    node = fleet.init()
    weak = script(fleet, "weak", "echo no database here >&2; exit 3")
    node.apply("resources:\n" + process("weak", weak), "--timeout", "5")
    words = failure(node, "weak")
    assert "exit code 3" in words
    assert "no database here" in words


@pytest.mark.skipif(os.geteuid() != 0, reason="writes to /etc/init.d")
def test_lsb_script_runs_under_the_cluster(fleet: Fleet) -> None:
    node = fleet.init()
    name = f"beatkeeper-test-{os.getpid()}"
    flag = fleet.directory / "flag"
    path = Path("/etc/init.d") / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(
        "#!/bin/sh\ncase $1 in start) touch FLAG;; stop) rm -f FLAG;;"
        " status) [ -e FLAG ] && exit 0; exit 3;; esac\n".replace("FLAG", str(flag))
    )
    path.chmod(0o755)
    try:
        node.applied(f"resources:\n  old:\n    agent: lsb:{name}\n")
        assert flag.exists()
        node.done("resource", "stop", "old")
        assert not flag.exists()
    finally:
        path.unlink()


@needs_agents
@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("ip"), reason="needs root and ip")
def test_ipaddr2_puts_an_address_and_takes_it_away(fleet: Fleet) -> None:
    node = fleet.init()
    address = fleet.network + ".200"
    node.applied(
        "resources:\n  ip:\n    agent: ocf:heartbeat:IPaddr2\n"
        f"    parameters: {{ip: {address}, nic: lo, cidr_netmask: '32'}}\n"
        "    operations:\n      start: {timeout: 20s}\n      stop: {timeout: 20s}\n"
    )
    assert address in has_addresses()
    node.done("resource", "stop", "ip")
    assert address not in has_addresses()


def has_addresses() -> str:
    """Return what the loopback interface has, as text."""
    return " ".join(item.address for item in psutil.net_if_addrs()["lo"])


def running(command: object) -> list[int]:
    """Return the processes whose command line holds these words, zombies left out."""
    found = []
    for item in psutil.process_iter(["cmdline", "status"]):
        line = " ".join(item.info["cmdline"] or [])
        if line.endswith(str(command)) and item.info["status"] != psutil.STATUS_ZOMBIE:
            found.append(item.pid)
    return found
