"""Whatever a client writes, pulls or queries: done, or refused in words and nothing done."""

from collections.abc import Coroutine

import pywbem
from hypothesis import given, settings, strategies as st

from cim_provider.engines.memory import MemoryEngine
from cim_provider.mapping.operations import Mapping
from cim_provider.mapping.pulls import PullLimits, Pulls
from cim_provider.wbem import operations
from cim_provider.wbem.operations import Filters, Opening, PullKind, SchemaChange, Selection
from cim_provider.wbem.render import render_pieces
from tests.cim.mapping.things import MODEL, Clock, Things, thing_schema, things_area
from tests.cim.mapping.views import IDENTITY, cluster, node_path

CLASSES = (
    *("TST_Thing", "tst_subthing", "TST_Base", "TST_Link", "TST_Note", "TST_Unheard"),
    *("HA_ClusterNode", "CIM_Namespace", "__Namespace"),
)
NAMES = (
    *("Id", "id", "a_string", "A_UINT8", "l_uint16", "a_datetime", "Part", "Parts", "Fixed"),
    *("Left", "Right", "Link", "About", "Weight", "Colour", "Name", "Extra"),
)
QUERIES = (
    *(
        "a_uint8 = 1",
        "Id LIKE 't.*'",
        "ANY l_uint16 = 1",
        "blah",
        "Colour = 1",
        "Part ISA TST_Part",
    ),
    *("SELECT * FROM TST_Thing", "SELECT Id FROM TST_Base WHERE Id <> 't1'", "SELECT", ""),
    *("SELECT * FROM CIM_ManagedElement WHERE ElementName IS NOT NULL", "a_datetime > '2'"),
)
CONTEXTS = tuple(str(number) for number in range(4))

namespaces = st.sampled_from((MODEL, "interop", "root/interop", "ROOT/CimV2", "root", "x"))
classes = st.sampled_from(CLASSES)
scalars: st.SearchStrategy[object] = st.one_of(
    st.sampled_from(("t1", "t2", "", "x")),
    st.booleans(),
    st.integers(0, 255).map(pywbem.Uint8),
    st.integers(0, 65_535).map(pywbem.Uint16),
    st.just(pywbem.CIMDateTime("20231114221320.000000+000")),
    st.just(pywbem.CIMInstance("TST_Part", {"Name": "p"})),
)
flat_paths = st.builds(
    pywbem.CIMInstanceName,
    classes,
    st.dictionaries(
        st.sampled_from(("Id", "id", "Name")), st.sampled_from(("t1", "t2")), max_size=2
    ),
    namespace=st.one_of(st.none(), namespaces),
)
paths = st.one_of(
    flat_paths,
    st.just(node_path("n1")),
    st.builds(
        pywbem.CIMInstanceName,
        st.sampled_from(("TST_Link", "TST_Note")),
        st.dictionaries(
            st.sampled_from(("Left", "Right", "Link", "About")), flat_paths, max_size=3
        ),
    ),
)


def _property(name: str, value: object, listed: bool) -> pywbem.CIMProperty:
    if isinstance(value, pywbem.CIMInstance):
        value = [value] if listed else value
        return pywbem.CIMProperty(name, value, type="string", embedded_object="instance")
    kind = "reference" if isinstance(value, pywbem.CIMInstanceName) else pywbem.cimtype(value)
    listed = listed and kind != "reference"
    return pywbem.CIMProperty(name, [value] if listed else value, type=kind, is_array=listed)


properties = st.builds(
    _property, st.sampled_from(NAMES), st.one_of(scalars, flat_paths), st.booleans()
)


def _thing(
    name: str, given: list[pywbem.CIMProperty], path: pywbem.CIMInstanceName
) -> pywbem.CIMInstance:
    made = pywbem.CIMInstance(name, given)
    made.path = path  # after the properties, which pywbem would compare with its keys
    return made


things = st.builds(
    _thing,
    classes,
    st.lists(properties, max_size=4, unique_by=lambda each: each.name.lower()),
    paths,
)
listed = st.one_of(st.none(), st.lists(st.sampled_from(NAMES), max_size=3).map(tuple))
writes = st.one_of(
    st.builds(operations.CreateInstance, namespaces, things),
    st.builds(operations.ModifyInstance, namespaces, things, listed),
    st.builds(operations.DeleteInstance, namespaces, paths),
    st.builds(
        operations.SetProperty,
        namespaces,
        paths,
        st.sampled_from(NAMES),
        st.one_of(st.none(), st.sampled_from(("1", "x", "true")), paths, st.lists(st.just("1"))),
    ),
    st.builds(operations.ChangeSchema, namespaces, st.sampled_from(SchemaChange), classes),
)
filters = st.builds(Filters, st.none() | classes, st.none() | classes)
reads = st.one_of(
    st.builds(operations.EnumerateInstances, namespaces, classes, st.booleans()),
    st.builds(operations.EnumerateInstanceNames, namespaces, classes),
    st.builds(operations.Associators, namespaces, paths, filters, st.just(Selection())),
    st.builds(operations.ReferenceNames, namespaces, paths, filters),
    st.builds(
        operations.ExecQuery,
        namespaces,
        st.sampled_from(("WQL", "DMTF:CQL", "DMTF:FQL", "x")),
        st.sampled_from(QUERIES),
    ),
)
openings = st.builds(
    Opening,
    st.sampled_from((None, None, "DMTF:FQL", "WQL", "x")),
    st.sampled_from((None, None, *QUERIES)),
    st.sampled_from((None, 0, 10, 1_000_000)),
    st.booleans(),
    st.integers(0, 3),
)
pulls = st.one_of(
    st.builds(operations.OpenEnumeration, namespaces, reads, openings, st.booleans()),
    st.builds(
        operations.Pull,
        namespaces,
        st.sampled_from(PullKind),
        st.sampled_from(CONTEXTS),
        st.integers(0, 5),
    ),
    st.builds(operations.CloseEnumeration, namespaces, st.sampled_from(CONTEXTS)),
    st.builds(operations.CountEnumeration, namespaces, st.sampled_from(CONTEXTS)),
)
others = st.one_of(
    reads, st.builds(operations.GetProperty, namespaces, paths, st.sampled_from(NAMES))
)


def run(coroutine: Coroutine[object, object, operations.Answer]) -> operations.Answer:
    """Carry out one operation; nothing in it waits, so it needs no event loop."""
    try:
        coroutine.send(None)
    except StopIteration as done:
        answer: operations.Answer = done.value
        return answer
    raise AssertionError("an operation on a view in memory waits for something")


@settings(max_examples=300, deadline=None)
@given(st.lists(st.one_of(writes, pulls, others), min_size=1, max_size=8))
def test_every_change_is_done_or_refused_in_words_and_nothing_done(
    asked: list[operations.Operation],
) -> None:
    held = Things()
    counter = iter(range(1_000))
    limits = PullLimits(per_user=3, total=3)
    mapping = Mapping(
        thing_schema(),
        MemoryEngine(cluster()),
        IDENTITY,
        [things_area(held)],
        pulls=Pulls(Clock(), lambda: str(next(counter)), limits),
    )
    first = pywbem.CIMInstance("TST_Thing", {"Id": "t1", "a_string": "x"})
    run(mapping.perform(operations.CreateInstance(MODEL, first), "ann"))
    for operation in asked:
        before = held.version
        refusal = None
        try:
            answer = run(mapping.perform(operation, "ann"))
            assert isinstance(b"".join(render_pieces(operation, answer)), bytes)
        except pywbem.CIMError as fault:
            refusal = fault
        if refusal is not None:
            assert 1 <= refusal.status_code <= 29
            assert len(refusal.status_description) > 10
        if refusal is not None or not isinstance(operation, operations.WRITES):
            assert held.version == before, "something changed though it was refused or only read"
