"""Which profiles are listed, and that each is tied to instances that are there."""

from dataclasses import replace

from cim_provider.indications.registry import Registry
from cim_provider.mapping import profiles
from cim_provider.mapping.interop import INDICATIONS
from cim_provider.mapping.world import World
from tests.cim.mapping.views import IDENTITY, cluster

PLAIN = World(cluster(), IDENTITY)
NOTIFYING = World(cluster(), IDENTITY, {INDICATIONS: Registry()})


def listed(world: World) -> set[tuple[object, object]]:
    (row,) = profiles.ROWS
    values = [record.fill(None) for record in row.records(world)]
    return {(each["RegisteredName"], each["RegisteredVersion"]) for each in values}


def test_profile_is_listed_only_where_its_central_instance_is() -> None:
    assert ("Indications", "1.2.0") not in listed(PLAIN)
    assert listed(NOTIFYING) - listed(PLAIN) == {("Indications", "1.2.0")}


def test_each_profile_that_is_listed_has_a_central_instance_and_known_references() -> None:
    conforming, _, referenced = profiles.ASSOCIATIONS
    for world in (PLAIN, NOTIFYING):
        (row,) = profiles.ROWS
        refs = {record.ref for record in row.records(world)}
        assert {pair.left for pair in conforming.pairs(world)} == refs
        ends = {end for pair in referenced.pairs(world) for end in (pair.left, pair.right)}
        assert ends
        assert ends <= refs


def test_references_between_profiles_have_no_circle() -> None:
    (*_, referenced) = profiles.ASSOCIATIONS
    pairs = list(referenced.pairs(NOTIFYING))
    assert not {pair.left for pair in pairs} & {pair.right for pair in pairs}


def test_profiles_say_that_slp_tells_of_them_only_while_it_does() -> None:
    (row,) = profiles.ROWS
    found_by_slp = World(cluster(), replace(IDENTITY, has_slp=True))
    for world, types in ((PLAIN, (2,)), (found_by_slp, (3,))):
        assert {record.fill(None)["AdvertiseTypes"] for record in row.records(world)} == {types}
