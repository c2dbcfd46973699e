"""What the provider may rely on, whichever engine it stands on."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import TypeAlias

import pytest

from cim_provider.commands import CleanupResource, MoveResource, Told, WhyResource
from cim_provider.edits import Edit, RemoveResource, SetParameter
from cim_provider.engine import (
    ClusterView,
    Command,
    Done,
    EngineState,
    Pending,
    Refused,
    RestartResource,
    SetNodeMaintenance,
    SetNodeStandby,
    SetResourceManaged,
    StartResource,
    StopResource,
)
from tests.cim.contract.rigs import Rig, rig_of

BOUND_S = 20.0
Claim: TypeAlias = Callable[[Rig], Awaitable[None]]
Try: TypeAlias = Callable[[Claim], None]


@pytest.fixture(params=["memory", "ha_core"])
def on(request: pytest.FixtureRequest, tmp_path: Path) -> Try:
    """Try a claim with one of the engines."""

    def run(claim: Claim) -> None:
        async def go() -> None:
            async with asyncio.timeout(BOUND_S), rig_of(request.param, tmp_path) as rig:
                await claim(rig)

        asyncio.run(go())

    return run


async def until(rig: Rig, wanted: Callable[[ClusterView], bool]) -> ClusterView:
    """Follow the changes until the view is as wanted."""
    view = await rig.engine.view()
    if wanted(view):
        return view
    async for _ in rig.engine.changes(view.version):
        view = await rig.engine.view()
        if wanted(view):
            return view
    raise AssertionError("changes never end")


def states(view: ClusterView) -> dict[str, tuple[str, tuple[str, ...]]]:
    return {each.id: (each.state, each.nodes) for each in view.primitives}


def test_view_is_one_picture_sorted_and_without_loose_ends(on: Try) -> None:
    async def claim(rig: Rig) -> None:
        view = await rig.engine.view()
        assert view.engine is EngineState.RUNNING
        assert [node.name for node in view.nodes] == ["n1", "n2", "n3"]
        assert [each.id for each in view.primitives] == ["db", "ip", "web"]
        assert [(each.id, each.members) for each in view.groups] == [("shop", ("ip", "web"))]
        assert [(each.group, each.position) for each in view.primitives] == [
            ("", 0),
            ("shop", 1),
            ("shop", 2),
        ]
        assert states(view) == {
            "db": ("started", ("n2",)),
            "ip": ("started", ("n1",)),
            "web": ("started", ("n1",)),
        }
        for each in view.primitives:
            (instance,) = each.instances
            assert (instance.node, instance.started_wall_ms > 0) == (each.nodes[0], True)
        assert (view.name, view.coordinator, view.product_version) == ("demo", "n1", "0.1.0")

    on(claim)


def test_equal_versions_are_equal_views_and_every_change_has_its_own(on: Try) -> None:
    async def claim(rig: Rig) -> None:
        first = await rig.engine.view()
        again = await rig.engine.view()
        assert first.version == again.version
        assert first == again
        rig.lose_quorum()
        changed = await until(rig, lambda view: not view.quorate)
        assert changed.version != first.version

    on(claim)


def test_reader_that_is_behind_is_told_of_a_change_at_once(on: Try) -> None:
    async def claim(rig: Rig) -> None:
        view = await rig.engine.view()
        changes = rig.engine.changes("some version of long ago")
        async for change in changes:
            assert change.version == view.version
            break

    on(claim)


def managed(view: ClusterView) -> dict[str, bool]:
    """Return whether the cluster acts on each primitive."""
    return {each.id: each.managed for each in view.primitives}


def test_clone_shows_its_roles_and_instances_on_each_node(on: Try) -> None:
    async def test(rig: Rig) -> None:
        rig.clone_db()
        view = await until(rig, lambda view: bool(view.clones))
        (clone,) = view.clones
        assert (clone.id, clone.member, clone.is_promotable, clone.notifies) == (
            *("dbs", "db"),
            True,
            True,
        )
        assert (clone.instances_max, clone.instances_wanted, clone.node_max) == (2, 2, 1)
        db = next(each for each in view.primitives if each.id == "db")
        assert (db.clone, db.nodes, db.promoted) == ("dbs", ("n1", "n2"), ("n1",))
        assert [(i.node, i.id, i.role, i.promotion_score) for i in db.instances] == [
            ("n1", "db", "promoted", 10),
            ("n2", "db", "unpromoted", 10),
        ]

    on(test)


@pytest.mark.parametrize(
    ("command", "reached"),
    [
        (StopResource("db"), lambda v: states(v)["db"] == ("stopped", ())),
        (StopResource("shop"), lambda v: states(v)["ip"] == states(v)["web"] == ("stopped", ())),
        (StartResource("db"), lambda v: states(v)["db"][0] == "started"),
        (SetNodeStandby("n1", True), lambda v: not any("n1" in n for _, n in states(v).values())),
        (SetNodeStandby("n1", False), lambda v: v.nodes[0].state == "online"),
        (SetNodeMaintenance("n1", True), lambda v: v.nodes[0].state == "maintenance"),
        (SetNodeMaintenance("n1", False), lambda v: v.nodes[0].state == "online"),
        (SetResourceManaged("db", False), lambda v: not managed(v)["db"]),
        (SetResourceManaged("shop", False), lambda v: not managed(v)["web"] and managed(v)["db"]),
    ],
)
def test_command_that_is_done_is_seen_in_the_next_view(
    on: Try, command: Command, reached: Callable[[ClusterView], bool]
) -> None:
    async def claim(rig: Rig) -> None:
        before = await rig.engine.view()
        assert await rig.engine.submit(command, "ann") == Done()
        after = await rig.engine.view()
        assert reached(after)
        assert after.revision > before.revision
        assert after.version != before.version
        assert rig.authors() == ["ann"]

    on(claim)


@pytest.mark.parametrize("name", ["db", "shop"])
def test_restart_that_is_done_has_started_everything_anew(on: Try, name: str) -> None:
    def started(view: ClusterView) -> list[int]:
        chosen = (each for each in view.primitives if name in (each.id, each.group))
        return [each.instances[0].started_wall_ms for each in chosen]

    async def claim(rig: Rig) -> None:
        before = started(await rig.engine.view())
        assert await rig.engine.submit(RestartResource(name), "ann") == Done()
        after = started(await rig.engine.view())
        assert all(late > early for early, late in zip(before, after, strict=True))

    on(claim)


def test_stopped_resource_starts_again(on: Try) -> None:
    async def claim(rig: Rig) -> None:
        assert await rig.engine.submit(StopResource("shop"), "ann") == Done()
        assert await rig.engine.submit(StartResource("shop"), "bob") == Done()
        view = await rig.engine.view()
        assert states(view)["ip"][0] == states(view)["web"][0] == "started"
        assert [each.target_role for each in view.primitives] == ["started"] * 3
        assert rig.authors() == ["ann", "bob"]

    on(claim)


@pytest.mark.parametrize(
    "command",
    [
        StartResource("unheard"),
        StopResource("unheard"),
        RestartResource("unheard"),
        SetNodeStandby("n9", True),
        SetNodeStandby("n9", False),
        SetNodeMaintenance("n9", True),
        SetResourceManaged("unheard", False),
    ],
)
def test_command_on_what_is_not_there_is_refused_by_its_name(on: Try, command: Command) -> None:
    async def claim(rig: Rig) -> None:
        before = await rig.engine.view()
        outcome = await rig.engine.submit(command, "ann")
        assert isinstance(outcome, Refused)
        assert outcome.code == "not-found"
        assert "unheard" in outcome.text or "n9" in outcome.text
        assert replace(await rig.engine.view(), version="") == replace(before, version="")

    on(claim)


def test_command_without_quorum_is_refused_as_such(on: Try) -> None:
    async def claim(rig: Rig) -> None:
        rig.lose_quorum()
        await until(rig, lambda view: not view.quorate)
        outcome = await rig.engine.submit(StopResource("db"), "ann")
        assert isinstance(outcome, Refused)
        assert outcome.code == "no-quorum"
        assert outcome.text

    on(claim)


def test_command_whose_effect_does_not_come_is_pending_and_says_what_is(on: Try) -> None:
    async def claim(rig: Rig) -> None:
        assert await rig.engine.submit(StopResource("db"), "ann") == Done()
        rig.stall()
        outcome = await rig.engine.submit(StartResource("db"), "ann")
        assert isinstance(outcome, Pending)
        assert outcome.text.startswith("accepted, but db is stopped")

    on(claim)


def test_cluster_that_has_stopped_says_so_keeps_what_it_had_and_refuses(on: Try) -> None:
    async def claim(rig: Rig) -> None:
        before = await rig.engine.view()
        await rig.stop()
        view = await until(rig, lambda view: view.engine is EngineState.STOPPED)
        assert view.version != before.version
        assert (view.nodes, view.primitives) == (before.nodes, before.primitives)
        outcome = await rig.engine.submit(StopResource("db"), "ann")
        assert isinstance(outcome, Refused)
        assert outcome.text

    on(claim)


def test_resource_moves_where_it_is_told_to(on: Try) -> None:
    async def claim(rig: Rig) -> None:
        assert isinstance(await rig.engine.submit(MoveResource("db", "n3"), "ann"), Done)
        assert states(await rig.engine.view())["db"] == ("started", ("n3",))

    on(claim)


def test_control_of_what_is_not_there_is_refused_with_its_name(on: Try) -> None:
    async def claim(rig: Rig) -> None:
        answer = await rig.engine.submit(CleanupResource("unheard"), "ann")
        assert isinstance(answer, Refused)
        assert (answer.code, "unheard" in answer.text) == ("not-found", True)

    on(claim)


def test_question_is_answered_in_words_and_as_json(on: Try) -> None:
    async def claim(rig: Rig) -> None:
        answer = await rig.engine.ask(WhyResource("db"))
        assert isinstance(answer, Told)
        assert "db" in answer.text
        assert len(json.loads(answer.json)) == 1
        refused = await rig.engine.ask(WhyResource("unheard"))
        assert isinstance(refused, Refused)
        assert (refused.code, "unheard" in refused.text) == ("not-found", True)

    on(claim)


def test_cluster_that_is_away_answers_no_question(on: Try) -> None:
    async def claim(rig: Rig) -> None:
        await rig.engine.view()
        await rig.stop()
        await until(rig, lambda view: view.engine is EngineState.STOPPED)
        assert isinstance(await rig.engine.ask(WhyResource("db")), Refused)

    on(claim)


def test_edit_that_is_done_is_seen_in_the_next_view_with_its_author_alone(on: Try) -> None:
    async def test(rig: Rig) -> None:
        before = await rig.engine.view()
        edit = Edit((SetParameter("db", "colour", "red"),), "a test")
        assert await rig.engine.edit(edit, "ann") == Done()
        after = await rig.engine.view()
        found = {each.id: dict(each.parameters) for each in after.primitives}
        assert found["db"]["colour"] == "red"
        assert after.revision > before.revision

    on(test)


def test_edit_is_made_whole_or_not_at_all_and_says_why(on: Try) -> None:
    async def test(rig: Rig) -> None:
        before = await rig.engine.view()
        wrong = Edit((SetParameter("db", "colour", "red"), RemoveResource("zz")), "a test")
        refused = await rig.engine.edit(wrong, "ann")
        assert isinstance(refused, Refused)
        assert refused.code == "not-found"
        assert "zz" in refused.text
        stale = await rig.engine.edit(Edit(wrong.changes[:1], "", before.revision - 1), "ann")
        assert isinstance(stale, Refused)
        assert stale.code == "stale"
        assert await rig.engine.view() == before

    on(test)
