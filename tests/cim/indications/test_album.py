"""Pictures made from the one before: they are those made anew, and cost what has changed."""

import asyncio
import json
import random
from dataclasses import replace

import pytest
import pywbem

from cim_provider.engine import ClusterView
from cim_provider.engines.ha_core_view import view_of
from cim_provider.indications import facts
from cim_provider.indications.album import Album
from cim_provider.indications.base_store import _changed
from cim_provider.indications.picture import (
    Objects,
    Picture,
    Watched,
    laid_over,
    object_lines,
    objects,
    plain_values,
    settled,
    unequal,
)
from cim_provider.mapping import tables
from cim_provider.mapping.catalog import Catalog
from cim_provider.mapping.figures_held import Figures
from cim_provider.mapping.rows import Record, Ref
from cim_provider.mapping.world import ServerIdentity, World
from cim_provider.schema import MODEL, load_schema
from cim_provider.server.service import schema_texts
from cim_provider.views.figures import NodeFigures, ResourceCounts
from tests.cim.engine_ha_core.test_translator import LINES, STATES, text
from tests.core.test_summary import picture

CATALOG = Catalog(load_schema(schema_texts()), tables.ROWS, tables.ASSOCIATIONS)
FAILED = "on n1 r3 failed count=1 failure=monitor:1:restart"


def everything() -> Watched:
    """Return all classes that have objects in the model's namespace, with the facts of alerts."""
    namespace = CATALOG.namespace(MODEL)
    rows = [CATALOG.row(namespace, name) for name in namespace.classes]
    found = {(MODEL, row.class_name) for row in rows if row is not None and not row.is_volatile}
    links = {(MODEL, row.class_name) for row in CATALOG.associations(namespace)}
    return frozenset({*found, *links, (MODEL, facts.FACT)})


async def go_on() -> None:
    """Nobody else is there."""


def world_of(view: ClusterView) -> World:
    """Return what a request would see."""
    return World(view, ServerIdentity(), version=view.version)


def anew(watched: Watched, world: World) -> Picture:
    """Return the picture that one takes who has seen nothing before."""
    return Picture(watched, Objects.of(dict(objects(CATALOG, watched, world))))


def view(*lines: str, version: str = "1", **nodes: str) -> ClusterView:
    """Return the view of a cluster."""
    return view_of(picture(text(*lines, **nodes)), version, "1.0")


@pytest.mark.parametrize("seed", range(6))
def test_pictures_taken_one_after_the_other_are_those_taken_anew(seed: int) -> None:
    async def work() -> None:
        chance, album, watched = random.Random(seed), Album(CATALOG, go_on), everything()
        for number in range(6):
            lines = chance.sample(LINES, chance.randrange(len(LINES)))
            nodes = {"second": chance.choice(STATES), "third": chance.choice(STATES)}
            shown = view(*lines, version=str(number), **nodes)
            if chance.random() < 0.3:
                shown = replace(shown, maintenance=True, quorate=chance.random() < 0.5)
            world = world_of(shown)
            assert await album.take(watched, world) == anew(watched, world)

    asyncio.run(work())


@pytest.mark.parametrize(
    ("class_name", "count"),
    [
        ("HA_PrimitiveResource", 1),
        ("HA_ResourceInstance", 1),
        ("HA_ResourceService", 1),
        ("HA_ResourceRedundancySet", 1),
        ("HA_InstanceAttributes", 0),
        ("HA_ClusterProperty", 0),
        (facts.FACT, 2),
    ],
)
def test_a_failure_makes_the_objects_that_tell_of_it_and_no_others(
    class_name: str, count: int
) -> None:
    async def work() -> None:
        watched = frozenset({(MODEL, class_name)})
        album = Album(CATALOG, go_on)
        before = await album.take(watched, world_of(view()))
        made = album.made
        after = await album.take(watched, world_of(view(FAILED, version="2")))
        assert album.made - made == count
        shared = [values is before.objects.get(ref) for ref, values in after.objects.items()]
        assert shared.count(False) <= count
        assert (after.tables == before.tables) is (not list(unequal(before, after)))

    asyncio.run(work())


def test_what_a_holder_holds_is_made_anew_with_its_version() -> None:
    async def work() -> None:
        watched = frozenset({(MODEL, "HA_ResourceInstance")})
        album, held = Album(CATALOG, go_on), Figures()
        for number, process_id in enumerate((4711, 4712), 1):
            told = ResourceCounts("r1", process_id=process_id)
            held.become((NodeFigures("n1", resources=(told,)),))
            world = replace(
                world_of(view()),
                holdings={held.name: held},
                held_versions={held.name: held.version},
            )
            taken = await album.take(watched, world)
            assert taken == anew(watched, world)
            assert process_id in {each["ProcessId"] for each in taken.objects.values()}, number

    asyncio.run(work())


def test_a_picture_of_the_same_makes_nothing() -> None:
    async def work() -> None:
        album, watched = Album(CATALOG, go_on), everything() - {(MODEL, "HA_Cluster")}
        before = await album.take(watched, world_of(view()))
        made = album.made
        after = await album.take(watched, world_of(view()))
        assert album.made == made
        assert all(after.tables[name] is table for name, table in before.tables.items())

    asyncio.run(work())


def test_what_is_remembered_of_resources_that_are_gone_is_forgotten() -> None:
    async def work() -> None:
        album, watched = Album(CATALOG, go_on), frozenset({(MODEL, "HA_PrimitiveResource")})
        first = view()
        (one, *_) = first.primitives
        looks = []
        for number in range(60):
            names = [f"gone{number}-{n}" for n in range(50)]
            primitives = tuple(replace(one, id=name, instances=()) for name in names)
            shown = replace(first, version=str(number), primitives=primitives)
            assert len((await album.take(watched, world_of(shown))).objects) == 50
            looks.append(album.looks)
        assert max(looks) < 5000
        assert looks[-1] < 3 * max(looks[:20])

    asyncio.run(work())


def test_a_picture_that_was_broken_off_is_taken_anew() -> None:
    async def work() -> None:
        is_broken = False

        async def turn() -> None:
            if is_broken:
                raise asyncio.CancelledError

        album, watched = Album(CATALOG, turn), everything()
        await album.take(watched, world_of(view()))
        is_broken = True
        with pytest.raises(asyncio.CancelledError):
            await album.take(watched, world_of(view(FAILED, version="2")))
        is_broken = False
        world = world_of(view(FAILED, version="2"))
        assert await album.take(watched, world) == anew(watched, world)

    asyncio.run(work())


# --- pictures that share what is the same ----------------------------------------------------


def ref(name: str, class_name: str = "HA_ClusterNode") -> Ref:
    return Ref(class_name, (("Name", name),), MODEL)


def of(**nodes: str) -> Picture:
    watched = frozenset({(MODEL, "HA_ClusterNode")})
    return Picture(watched, {ref(name): {"Status": state} for name, state in nodes.items()})


def test_what_is_not_equal_is_found_whatever_the_order_is() -> None:
    before, after = of(a="1", b="2", c="3"), of(c="3", b="4", d="5")
    found = {
        str(dict(each.ref.keys)["Name"]): (each.before, each.after)
        for each in unequal(before, after)
    }
    assert found == {
        "a": ({"Status": "1"}, None),
        "b": ({"Status": "2"}, {"Status": "4"}),
        "d": (None, {"Status": "5"}),
    }


def test_changes_laid_over_the_older_picture_make_the_newer_one() -> None:
    before, after = of(a="1", b="2", c="3"), of(b="4", c="3", d="5")
    assert dict(laid_over(before, unequal(before, after)).objects) == dict(after.objects)


def test_a_settled_picture_of_the_same_is_that_picture() -> None:
    before, after = of(a="1", b="2"), of(a="1", b="3")
    assert settled(before, after) is after


def test_the_store_writes_what_has_changed() -> None:
    gone, new = _changed(of(a="1", b="2"), of(b="3"))
    assert (len(gone), len(new)) == (1, 1)
    assert "a" in gone[0]
    assert "b" in next(iter(new))


def test_an_object_within_an_object_is_not_told_of_and_the_picture_can_be_written_down() -> None:
    inner = pywbem.CIMInstance("HA_Inner")
    record = Record(ref("a"), lambda _: {"Status": "1", "Parameters": inner})  # type: ignore[dict-item]  # as a job has it
    assert plain_values(record) == {"Status": "1", "Parameters": None}
    assert json.loads(
        next(iter(object_lines(Picture(objects={record.ref: plain_values(record)})).values()))
    )
