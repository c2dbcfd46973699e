"""`ha status --watch` prints when something has changed that it shows, and not for ages."""

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from ha_core.cli import view
from tests.daemon.fleet import eventually
from tests.fake_cluster import FakeCluster, snapshot

PATIENCE_S = 30.0
HA = (sys.executable, "-m", "ha_core.cli.main")


def test_ages_and_versions_are_no_change_and_losses_are_one_where_they_are_shown() -> None:
    now = snapshot()
    older = replace(
        now,
        version="9",
        links=tuple(replace(each, silent_ms=each.silent_ms + 70) for each in now.links),
    )
    lossy = replace(now, links=tuple(replace(each, loss_permille=3) for each in now.links))
    cut = replace(now, links=tuple(replace(each, up=False) for each in now.links))
    for is_measured in (True, False):
        before = view.standing(now, is_measured=is_measured)
        assert view.standing(older, is_measured=is_measured) == before
        assert (view.standing(lossy, is_measured=is_measured) == before) is not is_measured
        assert view.standing(cut, is_measured=is_measured) != before
        assert view.standing(replace(now, pending=("start db",)), is_measured=is_measured) != before


@pytest.mark.parametrize("words", [("--json",), ()])
def test_watched_status_is_printed_again_when_something_else_is_shown(
    words: tuple[str, ...], root: Path, cluster: FakeCluster
) -> None:
    known: list[str] = []
    changed = cluster.changed

    async def noted(version: str, timeout_ms: int) -> None:
        known.append(version)
        await changed(version, timeout_ms)

    cluster.changed = noted  # type: ignore[method-assign]  # a stand-in tells what it is asked
    with subprocess.Popen(
        [*HA, "--root", str(root), "status", "--watch", *words],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    ) as child:
        try:
            eventually("it shows the first", lambda: "1" in known)
            links = tuple(replace(each, silent_ms=each.silent_ms + 7) for each in cluster.now.links)
            cluster.become(links=links)
            eventually("it hears of ages", lambda: "2" in known)
            cluster.become(pending=("start of db on n3",))
            eventually("it hears of more", lambda: "3" in known)
            child.send_signal(signal.SIGINT)
            text, _ = child.communicate(timeout=PATIENCE_S)
        finally:
            child.kill()
    if words:
        shown = [json.loads(line) for line in text.splitlines()]
        assert [each["pending"] for each in shown] == [[], ["start of db on n3"]]
    else:
        assert text.count("cluster demo, seen from n1") == 2
        assert text.count("start of db on n3") == 1
