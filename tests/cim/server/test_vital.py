"""A server whose work in the background ends says why, and ends with a code of its own."""

import asyncio
import subprocess
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from cim_provider.engine import OtherClusterError
from cim_provider.server.daemon import EXIT_BROKEN
from cim_provider.server.vital import BrokenError, Vital
from ha_core.replication.entries import ConfigurationChange
from tests.cim.server.test_daemon import FREE_PORTS, PROGRAM, cli
from tests.fake_cluster import FakeCluster, served


async def _raises() -> None:
    raise KeyError("web")


async def _returns() -> None:
    return


async def _cancels_itself() -> None:
    raise asyncio.CancelledError


async def _goes_on() -> None:
    await asyncio.Event().wait()


async def watched(work: Callable[[], Awaitable[None]]) -> None:
    stopping = asyncio.Event()
    vital = Vital(stopping)
    vital.watch([asyncio.ensure_future(work())])
    async with asyncio.timeout(10):
        await stopping.wait()
    vital.check()


@pytest.mark.parametrize(
    ("work", "why"),
    [
        (_raises, "KeyError: 'web'"),
        (_returns, "returned"),
        (_cancels_itself, "was cancelled"),
    ],
)
def test_task_that_ends_by_itself_stops_the_server_and_says_why(
    work: Callable[[], Awaitable[None]], why: str, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(BrokenError, match=why):
        asyncio.run(watched(work))
    assert why in caplog.text


def test_another_cluster_is_a_reason_to_start_anew_and_no_bug(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def finds_another() -> None:
        raise OtherClusterError

    with pytest.raises(BrokenError, match="belongs to another cluster now"):
        asyncio.run(watched(finds_another))
    assert "to be started anew" in caplog.text
    assert "Traceback" not in caplog.text


def test_tasks_that_end_because_the_server_stops_are_no_fault() -> None:
    async def stopped() -> None:
        stopping = asyncio.Event()
        vital, task = Vital(stopping), asyncio.create_task(_goes_on())
        vital.watch([task])
        stopping.set()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        vital.check()

    asyncio.run(stopped())


class _Forgetful(FakeCluster):
    """Keeps a revision when it is asked first, and none when it is asked again."""

    def history(self) -> tuple[ConfigurationChange, ...]:
        found = tuple(self.revisions)
        self.revisions.clear()
        return found


def test_server_that_cannot_follow_the_cluster_any_more_ends_to_be_started_anew(
    tmp_path: Path,
) -> None:
    assert cli(tmp_path, "passwd", "ann", text="sesame\n")[0] == 0
    cluster = _Forgetful()
    now = cluster.now
    change = ConfigurationChange(now.revision, now.configuration, "root", "first", 1)
    cluster.revisions.append(change)
    with served(tmp_path, cluster):
        done = subprocess.run(
            [*PROGRAM, "run", "--root", str(tmp_path), *FREE_PORTS],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert done.returncode == EXIT_BROKEN, done.stderr
    assert "'follow the cluster' has ended: IndexError" in done.stderr
    assert "Traceback" in done.stderr
    assert not (tmp_path / "run" / "cimd.json").exists()
