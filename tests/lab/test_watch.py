"""Every change of a cluster becomes one sentence, and a screen is drawn over."""

import asyncio
import os
from dataclasses import replace
from pathlib import Path

import pytest

from ha_core.ids import NodeName
from ha_core.lab import watch
from ha_core.lab.state import Lab, LabNode, Place
from ha_core.snapshot import ClusterSnapshot
from tests.fake_cluster import snapshot


def changed(before: ClusterSnapshot, now: ClusterSnapshot) -> list[str]:
    return list(watch.differences(before, now))


def test_same_picture_has_nothing_to_say() -> None:
    assert changed(snapshot(), replace(snapshot(), version="2", local=NodeName("n2"))) == []


def test_first_picture_is_told_whole() -> None:
    lines = list(watch.differences(None, snapshot()))
    assert lines[:2] == ["the cluster is quorate", "coordinator: n1"]
    assert "node n3: online" in lines
    assert "resource web: started on n1" in lines


def test_every_change_is_one_sentence() -> None:
    before = snapshot()
    lost = replace(before.nodes[0], state="lost")
    web = replace(before.resources[2], state="starting", nodes=())
    now = replace(
        before,
        quorate=False,
        coordinator=None,
        revision=8,
        last_reason="why not",
        nodes=(lost, *before.nodes[1:]),
        resources=(*before.resources[:2], web),
        faults=("node n1 is lost",),
    )
    assert changed(before, now) == [
        "the cluster has no quorum",
        "coordinator: none",
        "configuration: revision 8 by root: why not",
        "node n1: lost",
        "resource web: starting",
        "fault: node n1 is lost",
    ]


def test_fault_is_told_once_and_its_end_is_not_an_event() -> None:
    before = replace(snapshot(), faults=("a", "b"))
    assert changed(before, replace(snapshot(), faults=("b", "c"))) == ["fault: c"]
    assert changed(before, snapshot()) == []


def test_lines_carry_the_time_and_begin_where_the_last_ended(
    capsys: pytest.CaptureFixture[str],
) -> None:
    show = watch.lines()
    show(snapshot())
    first = capsys.readouterr().out.splitlines()
    show(replace(snapshot(), coordinator=NodeName("n3")))
    (line,) = capsys.readouterr().out.splitlines()
    assert len(first) == 8
    assert line[2] == line[5] == ":"
    assert line.endswith("  coordinator: n3")


def test_screen_is_cleared_once_and_then_drawn_over(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    show = watch.screen("how to")
    show(snapshot())
    first = capsys.readouterr().out
    show(snapshot())
    second = capsys.readouterr().out
    assert first.startswith("\x1b[H\x1b[2Jhow to\x1b[K\n")
    assert second.startswith("\x1b[Hhow to\x1b[K\n")
    assert second.endswith("\x1b[J")
    assert "\x1b[3" not in second  # no colour


def test_screen_that_is_too_small_keeps_the_title_and_what_fits() -> None:
    heading, status = "title\n\n  how to", "\n".join(f"row {number}" for number in range(9))
    assert watch.fitting(heading, status, os.terminal_size((80, 40))) == f"{heading}\n\n{status}"
    rows = status.splitlines()
    hint = "  ... (scroll up to see all of it)"
    small = watch.fitting(heading, status, os.terminal_size((80, 13))).splitlines()
    assert small == ["title", hint, "", *rows]
    wide = watch.fitting(f"title\n{'x' * 90}\n  how to", status, os.terminal_size((80, 14)))
    assert wide.splitlines() == ["title", "  how to", hint, "", *rows]
    tiny = watch.fitting(heading, status, os.terminal_size((80, 8))).splitlines()
    assert tiny[:4] == ["title", hint, "", "row 0"]
    assert len(tiny) < 8
    assert "'ha status' shows the rest" in tiny[-1]
    narrow = watch.fitting("t", "\x1b[1m" + "x" * 25, os.terminal_size((10, 5)))
    assert "the rest" in narrow


def test_heading_without_room_is_written_once_where_one_can_scroll_to_it(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LINES", "12")
    monkeypatch.setenv("COLUMNS", "80")
    show = watch.screen("title\n" + "\n".join(f"how to {number}" for number in range(9)))
    show(snapshot())
    first = capsys.readouterr().out
    assert "how to 8\n" + "\n" * 12 in first
    show(replace(snapshot(), version="2"))
    assert "how to 8" not in capsys.readouterr().out


def test_watching_ends_when_the_lab_is_removed_from_elsewhere(tmp_path: Path) -> None:
    removed = Lab(tmp_path, (tmp_path,), (LabNode("n1", (Place("front", "127.1.2.1", 6940),)),))

    async def watched() -> None:
        await asyncio.wait_for(watch.Watcher(removed, watch.lines()).run(), 10.0)

    asyncio.run(watched())


def test_json_lines_are_the_status(capsys: pytest.CaptureFixture[str]) -> None:
    watch.json_lines()(snapshot())
    assert capsys.readouterr().out.startswith('{"name": "demo", "local": "n1"')
