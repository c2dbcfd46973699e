"""Rows against declarations: every property, in every state of a cluster."""

import pytest
import pywbem

from cim_provider.indications.matching import is_indication
from cim_provider.mapping.catalog import Catalog
from cim_provider.mapping.found import cim_instance, shape_of
from cim_provider.mapping.rows import UNFILLED, AssociationRow, ClassRow, Ref
from cim_provider.mapping.tables import ASSOCIATIONS, ROWS
from cim_provider.mapping.world import World
from cim_provider.schema import NAMESPACE_CLASS, ClassInfo
from cim_provider.wbem.operations import Selection
from tests.cim.mapping.views import all_views, schema, worlds

CATALOG = Catalog(schema(), ROWS, ASSOCIATIONS)
HYGIENE = ("FAILED", "ERR", "Exception", "error", "*")
"""What old check scripts take for a failure of the request wherever it stands."""
FREE_TEXT = {
    ("HA_InstanceAttributes", "Value"),
    ("HA_ConfigurationRevision", "DiffText"),
    ("HA_OperationResult", "ExitReason"),
    ("HA_OperationResult", "OutputTail"),
}
"""Properties that are shown as the administrator, or the agent, wrote them."""
OPERATIONAL = set(range(20))
HEALTH = {0, 5, 10, 15, 20, 25, 30}


def info_of(row: ClassRow | AssociationRow) -> ClassInfo:
    return CATALOG.declared(CATALOG.namespace(row.namespaces[0]), row.class_name)


def instances(row: ClassRow, world: World) -> list[pywbem.CIMInstance]:
    shape = shape_of(info_of(row), Selection())
    return [cim_instance(each, shape, row.namespaces[0]) for each in row.records(world)]


@pytest.mark.parametrize("row", [*ROWS, *ASSOCIATIONS], ids=lambda row: row.class_name)
def test_every_declared_property_has_a_source_or_says_that_it_has_none(
    row: ClassRow | AssociationRow,
) -> None:
    info = info_of(row)
    assert set(info.types) - set(info.keys) == set(row.sources)
    assert all(row.sources.values())


def test_every_class_that_is_not_abstract_has_objects_or_is_a_base_class() -> None:
    having = {row.class_name for row in (*ROWS, *ASSOCIATIONS)}
    declared = {
        info.name
        for namespace in schema().namespaces.values()
        for info in namespace.classes.values()
        if not info.is_abstract and info.name.startswith("HA_") and not is_indication(info)
    }
    assert declared <= having


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.class_name)
def test_unfilled_properties_are_null_and_others_are_filled_somewhere(row: ClassRow) -> None:
    filled = set()
    for _, world in worlds():
        for instance in instances(row, world):
            filled |= {name for name, value in instance.items() if value is not None}
    unfilled = {name for name, source in row.sources.items() if source == UNFILLED}
    assert not filled & unfilled
    assert set(row.sources) - unfilled <= filled


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.class_name)
def test_values_are_of_the_value_maps(row: ClassRow) -> None:
    declared = info_of(row).declaration.properties
    for name, world in worlds():
        for instance in instances(row, world):
            for each in instance.properties.values():
                value_map = declared[each.name].qualifiers.get("ValueMap")
                if value_map is None or each.value is None:
                    continue
                values = each.value if each.is_array else [each.value]
                wrong = [v for v in values if str(v) not in value_map.value]
                assert not wrong, f"{name}: {row.class_name}.{each.name} is {wrong}"


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.class_name)
def test_texts_have_the_length_that_is_declared(row: ClassRow) -> None:
    declared = info_of(row).declaration.properties
    for name, world in worlds():
        for instance in instances(row, world):
            for each in instance.properties.values():
                bound = declared[each.name].qualifiers.get("MaxLen")
                if bound is not None and each.value is not None:
                    texts = each.value if each.is_array else [each.value]
                    assert all(len(text) <= bound.value for text in texts), f"{name}: {each.name}"


@pytest.mark.parametrize(
    "row",
    [row for row in ROWS if row.class_name != NAMESPACE_CLASS],
    ids=lambda row: row.class_name,
)
def test_consoles_find_what_they_crash_without(row: ClassRow) -> None:
    namespace = CATALOG.namespace(row.namespaces[0])
    for name, world in worlds():
        for instance in instances(row, world):
            assert instance["ElementName"], name
            assert instance["Caption"], name
            if namespace.is_a(row.class_name, "CIM_ManagedSystemElement"):
                status = instance["OperationalStatus"]
                assert status, name
                assert set(status) <= OPERATIONAL, name
                told = instance["StatusDescriptions"]
                assert len(told) == len(status), name
                assert len(set(told)) == len(told), name
                assert instance["HealthState"] in HEALTH, name
            if namespace.is_a(row.class_name, "CIM_EnabledLogicalElement"):
                for wanted in ("EnabledState", "RequestedState", "EnabledDefault"):
                    assert instance[wanted] is not None, f"{name}: {wanted}"


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.class_name)
def test_no_value_has_a_word_that_old_scripts_take_for_a_failure(row: ClassRow) -> None:
    for name, world in worlds():
        for instance in instances(row, world):
            for each in instance.properties.values():
                if (row.class_name, each.name) not in FREE_TEXT:
                    text = f"{each.name}={each.value}"
                    assert not [w for w in HYGIENE if w in text], f"{name}: {text}"


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.class_name)
def test_objects_are_found_by_their_identity_and_keys_have_no_blank(row: ClassRow) -> None:
    for name, world in worlds():
        seen = set()
        for record in row.records(world):
            keys = dict(record.ref.keys)
            identity = tuple(str(keys[key]) for key in row.identity)
            found = row.find(world, identity)
            assert found is not None, f"{name}: {identity}"
            assert found.ref == record.ref
            assert identity not in seen, f"{name}: {identity} is there twice"
            seen.add(identity)
            assert not any(" " in str(value) for value in keys.values()), f"{name}: {keys}"
        assert row.find(world, ("no such thing",) * len(row.identity)) is None


@pytest.mark.parametrize("row", ASSOCIATIONS, ids=lambda row: row.class_name)
def test_associations_join_objects_that_exist_and_each_pair_once(row: AssociationRow) -> None:
    def exists(ref: Ref, world: World) -> bool:
        namespace = CATALOG.namespace(ref.namespace or row.namespaces[0])
        target = CATALOG.row(namespace, ref.class_name)
        assert target is not None
        keys = dict(ref.keys)
        return target.find(world, tuple(str(keys[key]) for key in target.identity)) is not None

    for name, world in worlds():
        pairs = [(pair.left, pair.right) for pair in row.pairs(world)]
        assert len(set(pairs)) == len(pairs), name
        for ends in pairs:
            assert all(exists(end, world) for end in ends), f"{name}: {ends}"


def test_ends_of_associations_are_of_the_declared_classes() -> None:
    for row in ASSOCIATIONS:
        info = info_of(row)
        for _, world in worlds():
            for pair in row.pairs(world):
                for role, ref in ((row.left_role, pair.left), (row.right_role, pair.right)):
                    namespace = CATALOG.namespace(ref.namespace or row.namespaces[0])
                    wanted = info.declaration.properties[role].reference_class
                    assert namespace.is_a(ref.class_name, wanted), f"{row.class_name}.{role}"


def test_views_of_the_tests_are_in_every_state_that_the_port_names() -> None:
    assert len({name for name, _ in all_views()}) == len(list(all_views())) > 60
