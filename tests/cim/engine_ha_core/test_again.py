"""When the daemon is tried again: at once if its socket is a new one, else after the pause."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from cim_provider.engines import ha_core_again
from cim_provider.engines.ha_core_again import LOOK_S, RETRY_S, Again
from ha_core.layout import Layout

ALL = round(RETRY_S / LOOK_S)


class Looks:
    """Stands in for sleep: counts, and lets something happen during one of them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.count = 0
        self.during: dict[int, Callable[[], None]] = {}
        monkeypatch.setattr(ha_core_again.asyncio, "sleep", self._sleep)

    async def _sleep(self, delay_s: float) -> None:
        assert delay_s == LOOK_S
        self.count += 1
        self.during.get(self.count, int)()

    def of(self, again: Again) -> int:
        """Return how many looks a pause lasts."""
        self.count = 0
        asyncio.run(again.pause())
        return self.count


@pytest.fixture
def socket(tmp_path: Path) -> Path:
    """Return the place of a daemon's socket, where something is."""
    place = Layout(tmp_path).control_socket
    place.parent.mkdir(parents=True)
    place.touch()
    return place


def renew(socket: Path) -> None:
    """Put another one in its place, as a daemon that starts does."""
    other = socket.with_suffix(".new")
    other.touch()
    other.rename(socket)


def test_daemon_whose_socket_is_the_same_is_tried_after_the_whole_pause(
    tmp_path: Path, socket: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    again, looks = Again(tmp_path), Looks(monkeypatch)
    assert (looks.of(again), looks.of(again)) == (ALL, ALL)


def test_daemon_that_has_started_anew_is_tried_at_once_and_a_few_times_more(
    tmp_path: Path, socket: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    again, looks = Again(tmp_path), Looks(monkeypatch)
    looks.during[3] = lambda: renew(socket)
    assert looks.of(again) == 3
    looks.during.clear()
    found = [looks.of(again) for _ in range(12)]  # it may be there before anybody listens
    assert found[0] == 1
    assert found[-1] == ALL


def test_socket_that_was_renewed_before_the_pause_is_seen_at_the_first_look(
    tmp_path: Path, socket: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    again, looks = Again(tmp_path), Looks(monkeypatch)
    renew(socket)
    assert looks.of(again) == 1


def test_daemon_without_a_socket_is_tried_after_the_whole_pause(
    tmp_path: Path, socket: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    again, looks = Again(tmp_path), Looks(monkeypatch)
    socket.unlink()
    assert looks.of(again) == ALL
    looks.during[2] = socket.touch
    assert looks.of(again) == 2
