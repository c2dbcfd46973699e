"""Whatever a client asks: an answer or a CIM error with a sentence, and never another error."""

import pywbem
from hypothesis import given, settings, strategies as st

from cim_provider.wbem import operations
from cim_provider.wbem.operations import Filters, InvokeMethod, Selection, WrittenNumber
from tests.cim.mapping.views import MODEL, Provider, cluster_path, node_path, resource_path

CLASSES = (
    *("HA_Cluster", "HA_ClusterNode", "HA_PrimitiveResource", "HA_ResourceGroup"),
    *("HA_HostedResource", "HA_ConcreteJob", "CIM_ManagedElement", "HA_SoftwareIdentity"),
    *("HA_InstanceAttributes", "CIM_Namespace", "ha_subresource", "Unheard", "CIM_Dependency"),
)
KEYS = (
    *("Id", "id", "Name", "InstanceID", "CreationClassName", "Antecedent", "DEPENDENT"),
    *("ResourceId", "Colour"),
)
TEXTS = ("n1", "db", "web", "", "LinuxHA:Cluster", "LinuxHA:job:stop:db", "LinuxHA:job:::", "\x00é")
NAMESPACES = (MODEL, "interop", "ROOT/CIMV2", "root/other", "x")
PROVIDER = Provider()

names = st.sampled_from(CLASSES)
namespaces = st.sampled_from(NAMESPACES)
scalars: st.SearchStrategy[object] = st.one_of(
    st.sampled_from(TEXTS),
    st.sampled_from(TEXTS).map(WrittenNumber),
    st.booleans(),
    st.integers(0, 255).map(pywbem.Uint8),
    st.integers(0, 65_535).map(pywbem.Uint16),
    st.floats(allow_nan=False, width=32).map(pywbem.Real32),
    st.just(pywbem.CIMDateTime("20231114221320.000000+000")),
    st.builds(pywbem.CIMClassName, names, namespace=namespaces),
)


def paths(keys: st.SearchStrategy[object]) -> st.SearchStrategy[pywbem.CIMInstanceName]:
    made = st.builds(
        pywbem.CIMInstanceName,
        names,
        st.one_of(
            st.dictionaries(st.sampled_from(KEYS), keys, max_size=4),
            keys.map(lambda value: {None: value}),
        ),
        namespace=st.one_of(st.none(), namespaces),
    )
    real = (node_path("n1"), cluster_path(), resource_path("db"), resource_path("n9"))
    return st.one_of(st.sampled_from(real), made)


flat = paths(scalars.filter(lambda value: not isinstance(value, pywbem.CIMClassName)))
references = st.one_of(flat, scalars)
deep = paths(references.filter(lambda value: not isinstance(value, pywbem.CIMClassName)))
sources = st.one_of(deep, names)
maybe = st.one_of(st.none(), names)
roles = st.one_of(st.none(), st.sampled_from(KEYS))
selections = st.builds(
    Selection,
    st.booleans(),
    properties=st.one_of(st.none(), st.lists(st.sampled_from(KEYS)).map(tuple)),
)
filters = st.builds(Filters, maybe, maybe, roles, roles)
parameters = st.lists(
    st.tuples(
        st.sampled_from(("RequestedState", "requestedstate", "TimeoutPeriod", "Job", "Colour")),
        st.one_of(st.none(), references, st.lists(scalars, max_size=2)),
    ),
    max_size=3,
).map(tuple)
requests = st.one_of(
    st.builds(operations.GetInstance, namespaces, deep, selections),
    st.builds(operations.EnumerateInstances, namespaces, names, st.booleans(), selections),
    st.builds(operations.EnumerateInstanceNames, namespaces, names),
    st.builds(operations.Associators, namespaces, sources, filters, selections),
    st.builds(operations.AssociatorNames, namespaces, sources, filters),
    st.builds(operations.References, namespaces, sources, filters, selections),
    st.builds(operations.ReferenceNames, namespaces, sources, filters),
    st.builds(operations.GetClass, namespaces, names, selections),
    st.builds(operations.EnumerateClasses, namespaces, maybe, st.booleans(), selections),
    st.builds(operations.EnumerateClassNames, namespaces, maybe, st.booleans()),
    st.builds(operations.GetQualifier, namespaces, st.sampled_from(KEYS)),
    st.builds(operations.EnumerateQualifiers, namespaces),
    st.builds(
        InvokeMethod,
        namespaces,
        sources,
        st.sampled_from(("requeststatechange", "startservice", "unheard")),
        parameters,
    ),
)


@settings(max_examples=1500, deadline=None)
@given(requests)
def test_every_request_is_answered_or_refused_in_words(request: operations.Operation) -> None:
    refusal = None
    try:
        PROVIDER.ask(request)
    except pywbem.CIMError as fault:
        refusal = fault
    if refusal is not None:
        assert 1 <= refusal.status_code <= 17
        assert len(refusal.status_description) > 10
