"""The command line against real daemons: exit codes, JSON, colour, help, following, bad input."""

import json
import os
import pty
import re
import signal
import socket
import subprocess
import threading

import psutil
import pytest

from ha_core.cli.main import ha as group
from ha_core.cli.options import EXIT_CODES
from tests.daemon.fleet import (
    HA,
    Fleet,
    Nobody,
    NodeUnderTest,
    environment,
    eventually,
    ha,
    may_enter,
)

pytestmark = pytest.mark.slow
WEB = "resources:\n  web:\n    agent: process\n    parameters: {command: sleep 992}\n"
MEBIBYTE = 1024 * 1024


@pytest.fixture(name="node")
def _node(fleet: Fleet) -> NodeUnderTest:
    """Return a one-node cluster that runs a service."""
    node = fleet.init()
    node.applied(WEB)
    return node


def on_terminal(*words: object, **more: str) -> str:
    """Run the command line on a terminal; return what it showed."""
    main, terminal = pty.openpty()
    try:
        child = subprocess.Popen(
            [*HA, *map(str, words)],
            stdout=terminal,
            stderr=terminal,
            stdin=terminal,
            env=environment(TERM="xterm-256color", **more),
        )
        os.close(terminal)
        shown = b""
        while True:
            try:
                piece = os.read(main, 65_536)
            except OSError:
                break  # Linux says so when the last writer has gone
            if not piece:
                break
            shown += piece
        child.wait(60)
    finally:
        os.close(main)
    return shown.decode()


def test_every_reading_and_changing_verb_speaks_json(node: NodeUnderTest) -> None:
    verbs = [
        ("status",),
        ("export",),
        ("why", "web"),
        ("token",),
        ("resource", "restart", "web"),
        ("resource", "unmanage", "web"),
        ("resource", "manage", "web"),
        ("resource", "cleanup", "web"),
        ("resource", "stop", "web"),
        ("resource", "start", "web"),
        ("node", "standby", "n1"),
        ("node", "online", "n1"),
        ("node", "maintenance", "n1"),
        ("node", "maintenance", "n1", "--off"),
        ("start",),
    ]
    for words in verbs:
        result = node.ha(*words, "--json")
        assert result.returncode == 0, f"{words}: {result.stderr}"
        assert result.stdout.count("\n") == 1 or words == ("export",), words
        json.loads(result.stdout)
    for line in node.done("events", "--json").splitlines():
        event = json.loads(line)
        assert {"seq", "time", "node", "kind", "subject", "text", "incident", "why"} <= set(event)


def test_errors_are_json_too_and_one_sentence_on_standard_error(node: NodeUnderTest) -> None:
    cases = [
        (("resource", "stop", "nosuch", "--json"), 1, "not-found"),
        (("node", "standby", "nosuch", "--json"), 1, "not-found"),
        (("join", "bk1-x", "--json"), 1, "busy"),
    ]
    for words, code, name in cases:
        result = node.ha(*words)
        assert result.returncode == code, result.stderr
        assert json.loads(result.stdout)["code"] == name
        assert len(result.stderr.splitlines()) == 1
        assert result.stderr.startswith("ha: ")


def test_each_documented_exit_code_is_given(node: NodeUnderTest, fleet: Fleet) -> None:
    faulty = fleet.directory / "faulty.yaml"
    faulty.write_text("resources: 3\n")
    stopped = fleet.node("none")
    seen = {
        node.ha("status").returncode,
        node.ha("resource", "stop", "nosuch").returncode,
        node.ha("frobnicate").returncode,
        stopped.ha("status").returncode,
        node.ha("apply", faulty).returncode,
    }
    slow = fleet.directory / "slow"
    slow.write_text("#!/bin/sh\ntrap '' TERM; while :; do sleep 1; done\n")
    slow.chmod(0o755)
    node.applied(f"resources:\n  slow: {{agent: process, parameters: {{command: {slow}}}}}\n")
    seen.add(node.ha("resource", "stop", "slow", "--timeout", "0.5").returncode)
    seen.add(node.ha("doctor").returncode)
    node.end()
    seen.add(node.ha("doctor").returncode)
    assert seen == set(EXIT_CODES)


def test_colour_is_for_terminals_and_never_against_the_user_s_wish(node: NodeUnderTest) -> None:
    plain = node.done("status")
    assert "\x1b" not in plain
    shown = on_terminal("--root", node.root, "status")
    assert "\x1b[32m" in shown
    assert "\x1b" not in on_terminal("--root", node.root, "status", NO_COLOR="1")
    assert re.sub(r"\x1b\[\d*m", "", shown).replace("\r", "").split() == plain.split()


def test_help_of_every_verb_says_what_it_does_and_what_it_takes() -> None:
    listed = ha("--help").stdout
    with group.make_context("ha", [], resilient_parsing=True) as context:
        verbs = group.list_commands(context)
    for verb in verbs:
        assert re.search(rf"^  {verb} +[A-Z]", listed, re.MULTILINE), verb
        page = ha(verb, "--help")
        assert page.returncode == 0, page.stderr
        assert page.stdout.startswith(f"Usage: ha {verb}")
        assert page.stdout.count(".") >= 1


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_script_is_given_for(shell: str) -> None:
    script = ha("completion", shell)
    assert script.returncode == 0
    assert f"_HA_COMPLETE={shell}_complete" in script.stdout


def test_bash_completes_verbs_and_names_of_the_running_cluster(node: NodeUnderTest) -> None:
    def completed(words: str) -> list[str]:
        count = len(words.split()) - (not words.endswith(" "))
        found = subprocess.run(
            HA,
            capture_output=True,
            text=True,
            env=environment(
                _HA_COMPLETE="bash_complete",
                COMP_WORDS=words,
                COMP_CWORD=str(count),
                BEATKEEPER_ROOT=str(node.root),
            ),
        )
        return [line.partition(",")[2] for line in found.stdout.splitlines()]

    assert completed("ha sta") == ["start", "status"]
    assert completed("ha resource stop ") == ["web"]
    assert completed("ha node standby ") == ["n1"]


def lines_of(child: "subprocess.Popen[str]") -> list[str]:
    """Return a list that fills with what a process prints."""
    lines: list[str] = []
    assert child.stdout is not None
    out = child.stdout

    def read() -> None:
        while line := out.readline():
            lines.append(line)

    threading.Thread(target=read, daemon=True).start()
    return lines


@pytest.mark.parametrize(
    ("words", "sign"), [(("events", "--follow"), "standby"), (("status", "--watch"), "standby")]
)
def test_following_shows_what_happens_until_ctrl_c(
    node: NodeUnderTest, words: tuple[str, ...], sign: str
) -> None:
    with subprocess.Popen(
        [*HA, "--root", str(node.root), *words, "--json"],
        stdout=subprocess.PIPE,
        text=True,
        env=environment(),
    ) as child:
        try:
            lines = lines_of(child)
            eventually("it shows something", lambda: lines)
            node.done("node", "standby", "n1")
            eventually("it shows the change", lambda: any(sign in line for line in lines))
            child.send_signal(signal.SIGINT)
            assert child.wait(10) == 0
        finally:
            child.kill()
    assert all(json.loads(line) for line in lines)


def test_configuration_that_names_what_does_not_exist_is_refused_whole(
    node: NodeUnderTest, fleet: Fleet
) -> None:
    before = node.status()
    text = (
        WEB
        + "  pair:\n    group: [web, ghost]\n"
        + "constraints:\n  - location: {resource: nobody, node: n1, score: 100}\n"
    )
    result = node.apply(text)
    assert result.returncode == 5
    assert "'ghost'" in result.stderr
    assert "does not exist" in result.stderr
    assert all(line.startswith("ha: ") for line in result.stderr.splitlines())
    after = node.status()
    assert (after["revision"], after["resources"].keys()) == (
        before["revision"],
        before["resources"].keys(),
    )


def test_user_who_may_not_is_told_so(node: NodeUnderTest, fleet: Fleet, nobody: Nobody) -> None:
    if os.geteuid() != 0:
        pytest.skip("needs two users")
    may_enter(fleet.directory)
    result = nobody.ha("--root", node.root, "status", "--json")
    assert result.returncode == 1
    assert json.loads(result.stdout)["code"] == "denied"
    assert "user 'nobody' may not use" in result.stderr
    stopped = nobody.ha("--root", node.root, "stop")
    assert stopped.returncode != 0
    assert "Traceback" not in stopped.stderr
    assert node.pid


def test_two_nodes_are_told_of_the_votes_that_they_lack(fleet: Fleet) -> None:
    first = fleet.init()
    second = fleet.node("n2")
    token = first.done("token").strip()
    joined = subprocess.run(
        [*HA, "--root", second.root, "join", "-", "--node", "n2", "--address", second.host],
        input=f"{token}\n",
        capture_output=True,
        text=True,
        env=environment(),
    )
    assert joined.returncode == 0, joined.stderr
    assert joined.stderr.startswith("warning: with two votes the loss of either node stops both")
    eventually("both vote", lambda: first.status()["votes"]["expected"] == 2)
    eventually("n2 knows", lambda: second.status()["votes"]["present"] == 2)
    forgotten = second.ha("leave", "--force")
    assert forgotten.returncode == 1
    assert "wait for n2 for ever: 'ha leave' without --force" in forgotten.stderr
    stopped = second.ha("stop", "--json")
    assert stopped.returncode == 0
    assert "the other nodes have 1 vote of 2, 2 needed" in json.loads(stopped.stdout)["warning"]
    eventually("quorum is gone", lambda: not first.status()["quorate"])
    refused = first.ha("token")
    assert refused.returncode == 1
    assert "there is no coordinator" in refused.stderr


CROWD = """
import os, socket, sys
os.chdir(sys.argv[1])
crowd = [socket.socket(socket.AF_UNIX) for _ in range(200)]
for member in crowd:
    member.connect("control.sock")
print("there", flush=True)
sys.stdin.read()
"""


def test_crowd_of_strangers_takes_no_place_and_few_files(
    node: NodeUnderTest, fleet: Fleet, nobody: Nobody
) -> None:
    if os.geteuid() != 0:
        pytest.skip("needs two users")
    may_enter(fleet.directory)
    process = psutil.Process(node.pid)
    become = ["setpriv", f"--reuid={nobody.uid}", f"--regid={nobody.uid}", "--clear-groups"]
    with subprocess.Popen(
        [*become, nobody.python, "-c", CROWD, str(node.layout.run)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as crowd:
        try:
            assert crowd.stdout is not None
            assert crowd.stdout.readline() == "there\n"
            assert node.status()["quorate"]
            assert process.num_fds() < 100
        finally:
            crowd.kill()


def connection(node: NodeUnderTest) -> socket.socket:
    """Return a raw connection to the control socket."""
    sock = socket.socket(socket.AF_UNIX)
    fd = os.open(node.layout.run, os.O_PATH)
    try:
        sock.connect(f"/proc/self/fd/{fd}/control.sock")
    finally:
        os.close(fd)
    sock.settimeout(20)
    return sock


def test_hostile_requests_get_an_answer_each_and_harm_nothing(node: NodeUnderTest) -> None:
    requests = [
        b"\n",
        b"{}\n",
        b"[" * 100_000 + b"\n",
        b'{"verb": "command", "name": "apply", "arguments": {"configuration": 7}}\n',
        b'{"verb": "command", "name": "shutdown"}\n',
        b'{"verb": "events", "since": -1}\n',
        b'{"verb": "watch", "version": "x", "timeout_ms": 1e99}\n',
        b'{"verb": "hello", "protocol": 99}\n',
        b"\xff\xfe\n",
    ]
    with connection(node) as sock, sock.makefile("rb") as replies:
        for request in requests:
            sock.sendall(request)
            assert json.loads(replies.readline())["reply"] == "fault", request
    with connection(node) as sock, sock.makefile("rb") as replies:
        sock.sendall(b"x" * 9 * MEBIBYTE)
        assert b"a request may have at most" in replies.readline()
    assert node.status()["quorate"]


def test_too_many_clients_are_turned_away_and_leave_room_again(node: NodeUnderTest) -> None:
    process = psutil.Process(node.pid)
    held = [connection(node) for _ in range(200)]
    refused = node.ha("status")
    assert refused.returncode in (1, 3)
    assert "clients are connected" in refused.stderr or "closed the connection" in refused.stderr
    assert process.num_fds() < 200
    for sock in held:
        sock.close()
    eventually("it serves again", lambda: node.ha("status").returncode == 0)


def test_status_is_quick_and_needs_no_simulator(node: NodeUnderTest) -> None:
    traced = subprocess.run(
        [HA[0], "-X", "importtime", *HA[1:], "--root", str(node.root), "status"],
        capture_output=True,
        text=True,
        env=environment(),
    )
    assert traced.returncode == 0
    for heavy in ("ha_core.sim", "sqlite3", "cryptography", "yaml", "pywbem"):
        assert f" {heavy}\n" not in traced.stderr, heavy
