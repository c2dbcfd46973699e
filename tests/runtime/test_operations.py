"""Operations of supervised commands and of scripts: starts, limits, output, cancelling."""

import asyncio
import os
import signal
import socket
import time
from pathlib import Path

import pytest

from ha_core.agents.output import OUTPUT_CHARACTERS_MAX
from ha_core.config.model import AgentClass
from ha_core.runtime.process_log import size
from tests.runtime.operations_bench import (
    SLEEPER,
    Bench,
    bench,
    command,
    ends_within,
    primitive,
    script,
)


def test_command_is_started_watched_and_stopped(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with bench(tmp_path) as node:
            assert (await node.run(SLEEPER, "monitor")).exit_code == 7
            assert (await node.run(SLEEPER, "stop")).exit_code == 0
            assert (await node.run(SLEEPER, "start")).exit_code == 0
            pid = await node.pid("web")
            assert (await node.run(SLEEPER, "start")).exit_code == 0
            assert await node.pid("web") == pid, "a second start started a second process"
            assert (await node.run(SLEEPER, "monitor")).exit_code == 0
            stopped = await node.run(SLEEPER, "stop")
            assert (stopped.exit_code, stopped.reason) == (0, "")
            assert (await node.run(SLEEPER, "monitor")).exit_code == 7
            assert node.deaths.empty()

    asyncio.run(scenario())


def test_death_is_reported_at_once_with_signal_and_last_words(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with bench(tmp_path) as node:
            fifo = tmp_path / "fifo"
            os.mkfifo(fifo)
            talker = script(tmp_path / "talker", "#!/bin/sh\necho giving up\nread x <$1\nexit 3\n")
            service = command("web", f"{talker} {fifo}")
            assert (await node.run(service, "start")).exit_code == 0
            await asyncio.to_thread(fifo.write_text, "go\n")
            died = await node.death()
            assert died.reason.endswith("ended with exit code 3; its last words: giving up")
            assert (await node.run(SLEEPER, "start")).exit_code == 0
            began = time.monotonic()
            os.kill(await node.pid("web"), signal.SIGKILL)
            assert "killed by signal 9 (SIGKILL)" in (await node.death()).reason
            assert time.monotonic() - began < 0.2
            assert (await node.run(SLEEPER, "monitor")).exit_code == 7

    asyncio.run(scenario())


def test_command_that_ends_within_its_grace_has_not_started(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with bench(tmp_path) as node:
            failed = await node.run(command("web", "sh -c 'echo no licence >&2; exit 4'"), "start")
            assert failed.exit_code == 1
            assert "exit code 4; its last words: no licence" in failed.reason
            assert failed.output == "no licence\n"
            assert node.deaths.empty(), "a failed start is no death"

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("parameters", "code", "words"),
    [
        ({"command": "no-such-program"}, 5, "looked for 'no-such-program' in /usr"),
        ({"command": "/no/such/program"}, 5, "looked for /no/such/program"),
        ({"command": "sleep 9", "directory": "/no/such"}, 5, "directory '/no/such' is missing"),
        ({"command": "sleep 9", "user": "no-such-user"}, 5, "'no-such-user' does not exist"),
        ({"command": "sleep 'x"}, 6, "No closing quotation"),
        ({"command": "sleep 9", "comand": "x"}, 6, "'comand' is unknown, expected one of"),
        ({"command": "sleep 9", "ready_port": "0"}, 6, "expected PORT or HOST:PORT"),
        ({}, 6, "'command' is missing"),
    ],
)
def test_command_that_cannot_run_says_why(
    tmp_path: Path, parameters: dict[str, str], code: int, words: str
) -> None:
    async def scenario() -> None:
        async with bench(tmp_path) as node:
            failed = await node.run(primitive("web", AgentClass.PROCESS, **parameters), "start")
            assert failed.exit_code == code
            assert words in failed.reason

    asyncio.run(scenario())


def test_command_has_its_own_environment_directory_and_nothing_else(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with bench(tmp_path) as node:
            service = command(
                "web", "sh -c 'env; pwd; exit 1'", env_COLOUR="blue", directory=str(tmp_path)
            )
            lines = set((await node.run(service, "start")).output.split())
            assert {"COLOUR=blue", str(tmp_path), "BEATKEEPER_RESOURCE=web"} <= lines
            assert not any(line.startswith("PYTEST") for line in lines)

    asyncio.run(scenario())


SERVER = """#!/bin/sh
read go <$1
exec python3 -I -S -c '
import socket, sys
server = socket.create_server(("127.0.0.1", int(sys.argv[1])))
while True:
    server.accept()
' $2
"""


def free_port() -> int:
    """Return a port that nobody listens on at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_start_with_a_ready_port_is_done_when_it_accepts(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with bench(tmp_path) as node:
            port, fifo = free_port(), tmp_path / "fifo"
            os.mkfifo(fifo)
            server = script(tmp_path / "server", SERVER)
            service = command("web", f"{server} {fifo} {port}", ready_port=str(port))
            begun = node.begin(service, "start")
            await asyncio.to_thread(fifo.write_text, "go\n")
            assert (await begun).exit_code == 0
            assert (await node.run(service, "monitor", depth=10)).exit_code == 0
            with socket.create_connection(("127.0.0.1", port)):
                pass

    asyncio.run(scenario())


def test_command_that_dies_while_somebody_else_answers_at_its_port_has_not_started(
    tmp_path: Path,
) -> None:
    async def scenario() -> None:
        with socket.create_server(("127.0.0.1", 0), backlog=0) as other:
            place = other.getsockname()
            waiting = socket.create_connection(place)  # the next one must wait until it is served
            async with bench(tmp_path) as node:
                fifo = tmp_path / "fifo"
                os.mkfifo(fifo)
                service = command("web", f"cat {fifo}", ready_port=str(place[1]))
                begun = node.begin(service, "start")
                await asyncio.to_thread(fifo.write_text, "that is all\n")
                while await node.pid("web"):
                    pass
                other.accept()[0].close()
                waiting.close()
                done = await begun
                assert done.exit_code == 1
                assert "ended with exit code 0; its last words: that is all" in done.reason

    asyncio.run(scenario())


def test_start_whose_port_never_accepts_fails_and_leaves_nothing(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with bench(tmp_path) as node:
            service = command("web", "sleep 600", ready_port=f"127.0.0.1:{free_port()}")
            failed = await node.run(service, "start", timeout_ms=300)
            assert (failed.exit_code, failed.timed_out) == (1, True)
            assert "does not accept connections at 127.0.0.1:" in failed.reason
            assert await node.pid("web") == 0

    asyncio.run(scenario())


def test_deep_monitor_fails_where_a_shallow_one_does_not(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with bench(tmp_path) as node:
            assert (await node.run(SLEEPER, "start")).exit_code == 0
            service = command("web", "sleep 600", ready_port=str(free_port()))
            assert (await node.run(service, "monitor")).exit_code == 0
            deep = await node.run(service, "monitor", depth=10)
            assert deep.exit_code == 1
            assert "lives, but 127.0.0.1:" in deep.reason

    asyncio.run(scenario())


STUBBORN = "#!/bin/sh\ntrap '' TERM\necho ready >$1\nwhile :; do sleep 600; done\n"


async def stubborn(node: Bench, tmp_path: Path) -> tuple[int, str]:
    """Start a command that ignores SIGTERM; return a pidfd of it and its command line."""
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    line = f"{script(tmp_path / 'stubborn', STUBBORN)} {fifo}"
    begun = node.begin(command("web", line), "start")
    await asyncio.to_thread(fifo.read_text)
    await begun
    return os.pidfd_open(await node.pid("web")), line


def test_command_that_ignores_the_request_is_killed_at_the_time_limit(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with bench(tmp_path) as node:
            pidfd, line = await stubborn(node, tmp_path)
            stopped = await node.run(command("web", line), "stop", timeout_ms=300)
            assert stopped.exit_code == 0
            assert "was killed" in stopped.reason
            assert 300 <= stopped.duration_ms < 2000
            assert ends_within(pidfd, 0)

    asyncio.run(scenario())


def test_long_log_is_cut_and_goes_on(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with bench(tmp_path) as node:
            fifo = tmp_path / "fifo"
            os.mkfifo(fifo)
            text = "#!/bin/sh\nyes 0123456789abcde | head -c 3000000\nread x <$1\necho the end\n"
            service = command("web", f"{script(tmp_path / 'talker', text)} {fifo}")
            assert (await node.run(service, "start")).exit_code == 0
            writer = await asyncio.to_thread(fifo.open, "w")
            assert (await node.run(service, "monitor")).exit_code == 0
            log = node.layout.lib / "log" / "web.log"
            assert size(log) == 256 * 1024
            with writer:
                writer.write("go\n")
            assert (await node.death()).reason.endswith("its last words: the end")

    asyncio.run(scenario())


def test_cancelled_operation_still_answers_once(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with bench(tmp_path, scripts=tmp_path) as node:
            fifo = tmp_path / "fifo"
            os.mkfifo(fifo)
            script(tmp_path / "slow", f"#!/bin/sh\necho $$ >{fifo}\nsleep 600\n")
            slow = primitive("old", AgentClass.LSB, "slow")
            begun = node.begin(slow, "start")
            pidfd = os.pidfd_open(int(await asyncio.to_thread(fifo.read_text)))
            node.operations.cancel(node.last_id)
            done = await begun
            assert (done.exit_code, done.reason) == (1, "the operation was cancelled")
            assert ends_within(pidfd, 0)
            never_began = node.begin(slow, "stop")
            node.operations.cancel(node.last_id)
            assert (await never_began).reason == "the operation was cancelled"
            node.operations.cancel(node.last_id)

    asyncio.run(scenario())


def test_endless_output_is_drained_and_its_newest_part_kept(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with bench(tmp_path, scripts=tmp_path) as node:
            script(
                tmp_path / "loud",
                "#!/bin/sh\nhead -c 50000000 /dev/zero | tr '\\0' x\necho\necho the end >&2\n",
            )
            done = await node.run(primitive("old", AgentClass.LSB, "loud"), "start")
            assert (done.exit_code, done.reason) == (0, "the end")
            assert len(done.output) == OUTPUT_CHARACTERS_MAX

    asyncio.run(scenario())


def test_agent_that_hangs_is_killed_with_all_its_children(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with bench(tmp_path, scripts=tmp_path) as node:
            fifo = tmp_path / "fifo"
            os.mkfifo(fifo)
            script(
                tmp_path / "hang",
                f"#!/bin/sh\ntrap '' TERM\necho waiting for the disk\n"
                f"sleep 600 &\necho $! >{fifo}\nwait\nwait\n",
            )
            begun = node.begin(primitive("old", AgentClass.LSB, "hang"), "monitor", timeout_ms=300)
            pidfd = os.pidfd_open(int(await asyncio.to_thread(fifo.read_text)))
            done = await begun
            assert (done.exit_code, done.timed_out) == (1, True)
            assert done.reason == "waiting for the disk"
            assert 300 <= done.duration_ms < 3000
            assert ends_within(pidfd, 1)

    asyncio.run(scenario())


def test_service_left_behind_by_an_agent_does_not_hold_up_its_answer(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with bench(tmp_path, scripts=tmp_path) as node:
            script(tmp_path / "forks", "#!/bin/sh\necho $$\nsleep 600 &\necho $!\n")
            done = await node.run(primitive("old", AgentClass.LSB, "forks"), "start")
            assert done.exit_code == 0
            assert done.duration_ms < 5000
            os.kill(int(done.reason), signal.SIGKILL)

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("code", "expected"), [(0, 0), (1, 7), (2, 7), (3, 7), (4, 1), (150, 1)], ids=str
)
def test_status_of_an_init_script_is_translated(tmp_path: Path, code: int, expected: int) -> None:
    async def scenario() -> None:
        async with bench(tmp_path, scripts=tmp_path) as node:
            script(tmp_path / "old", f'#!/bin/sh\n[ "$1" = status ] && exit {code}\n')
            done = await node.run(primitive("old", AgentClass.LSB, "old"), "monitor")
            assert done.exit_code == expected

    asyncio.run(scenario())


def test_heartbeat_script_gets_its_arguments_and_is_judged_by_its_words(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with bench(tmp_path, scripts=tmp_path) as node:
            text = '#!/bin/sh\necho "$@ is running"\nexit 1\n'
            script(tmp_path / "IPaddr", text)
            given = {"2": "eth0", "1": "192.0.2.7"}
            service = primitive("ip", AgentClass.HEARTBEAT, "IPaddr", **given)
            done = await node.run(service, "monitor")
            assert (done.exit_code, done.reason) == (0, "192.0.2.7 eth0 status is running")
            assert (await node.run(service, "start")).exit_code == 1

    asyncio.run(scenario())


def test_missing_agent_says_where_it_was_looked_for(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with bench(tmp_path, scripts=tmp_path, ocf_root=str(tmp_path)) as node:
            done = await node.run(primitive("old", AgentClass.LSB, "gone"), "monitor")
            looked = f"agent lsb:gone is not installed: looked for {tmp_path}/gone"
            assert (done.exit_code, done.reason) == (5, looked)
            done = await node.run(primitive("x", AgentClass.OCF, "heartbeat", "gone"), "start")
            assert done.exit_code == 5
            assert f"{tmp_path}/resource.d/heartbeat/gone" in done.reason
            script(tmp_path / "old", "#!/no/such/interpreter\n")
            done = await node.run(primitive("old", AgentClass.LSB, "old"), "monitor")
            assert done.exit_code == 5
            done = await node.run(primitive("old", AgentClass.LSB, "../old"), "monitor")
            assert done.exit_code == 6

    asyncio.run(scenario())


@pytest.mark.skipif(os.path.isdir("/run/systemd/system"), reason="systemd runs here")
def test_unit_without_systemd_is_not_installed(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with bench(tmp_path) as node:
            done = await node.run(primitive("u", AgentClass.SYSTEMD, "cron"), "start")
            assert done.exit_code == 5
            assert "needs systemd, which does not run on this node" in done.reason

    asyncio.run(scenario())
