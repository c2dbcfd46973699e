"""Creating, changing and deleting instances with a real pywbem client, and what is refused."""

from collections.abc import Iterator

import pytest
import pywbem

from tests.cim.mapping.things import INTEGERS, MODEL, SCALARS, ThingSite, thing_site
from tests.cim.mapping.views import node_path
from tests.cim.server.harness import OBSERVER, OPERATOR

LIMITS = {
    name: (0, 2 ** int(name[4:]) - 1)
    if name.startswith("u")
    else (-(2 ** (int(name[4:]) - 1)), 2 ** (int(name[4:]) - 1) - 1)
    for name in INTEGERS
}
SAMPLES: dict[str, list[object]] = {
    **{name: [low, 0, 7, high] for name, (low, high) in LIMITS.items()},
    "real32": [0.0, -1.5, 3.0e38, float("inf")],
    "real64": [0.1, -1e308, 5e-324, float("-inf")],
    "boolean": [True, False],
    "string": ["", " blanks ", "<a> & \"b\" 'c'", "Zürich 漢字 🂡", "two\nlines\tand a tab"],
    "char16": ["x", "ü", "&"],
    "datetime": [
        "20240229120000.000000+000",
        "20240229235959.999999-720",
        "00000001020304.000005:000",
        "99999999235959.999999:000",
        "20240229******.******+000",
    ],
}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ThingSite]:
    with thing_site(tmp_path_factory.mktemp("things")) as found:
        yield found


@pytest.fixture
def client(site: ThingSite) -> pywbem.WBEMConnection:
    site.clear()
    return site.client()


def thing(
    name: str | None = "1", class_name: str = "TST_Thing", **values: object
) -> pywbem.CIMInstance:
    """Return a new thing; values have the type of their property's name."""
    properties = []
    for key, value in values.items():
        kind = key.partition("_")[2] or "string"
        properties.append(pywbem.CIMProperty(key, value, type=kind, is_array=key.startswith("l_")))
    if name is not None:
        properties.append(pywbem.CIMProperty("Id", name, type="string"))
    return pywbem.CIMInstance(class_name, properties)


def thing_path(name: str = "1", class_name: str = "TST_Thing") -> pywbem.CIMInstanceName:
    return pywbem.CIMInstanceName(class_name, {"Id": name}, namespace=MODEL)


def status(call: object, *args: object, **more: object) -> int:
    """Return the status of the CIM error that a call ends with."""
    return fault(call, *args, **more)[0]


def fault(call: object, *args: object, **more: object) -> tuple[int, str]:
    with pytest.raises(pywbem.CIMError) as caught:
        call(*args, **more)  # type: ignore[operator]  # a method of the client
    return int(caught.value.status_code), caught.value.status_description


def plain(value: object) -> object:
    """Return an embedded instance as names and values."""
    if isinstance(value, list):
        return [plain(each) for each in value]
    if isinstance(value, pywbem.CIMInstance):
        return value.classname, {name: plain(each) for name, each in value.items()}
    return value


@pytest.mark.parametrize("kind", SCALARS)
def test_values_of_every_type_come_back_as_they_were_sent(
    client: pywbem.WBEMConnection, kind: str
) -> None:
    for number, value in enumerate(SAMPLES[kind]):
        sent = thing(str(number), **{f"a_{kind}": value, f"l_{kind}": SAMPLES[kind]})
        path = client.CreateInstance(sent)
        found = client.GetInstance(path)
        for name in (f"a_{kind}", f"l_{kind}"):
            assert found.properties[name].value == sent.properties[name].value
            assert found.properties[name].type == kind
        assert found.properties["a_string" if kind != "string" else "a_boolean"].value is None


def test_null_empty_and_absent_values_are_told_apart(client: pywbem.WBEMConnection) -> None:
    path = client.CreateInstance(thing(a_uint8=None, l_uint8=[], l_string=["", "x"]))
    found = client.GetInstance(path)
    assert found["a_uint8"] is None
    assert found["l_uint8"] == []
    assert found["l_string"] == ["", "x"]
    assert found["l_boolean"] is None


def test_embedded_instances_come_back_however_deep_they_are(
    client: pywbem.WBEMConnection,
) -> None:
    inner = pywbem.CIMInstance("TST_Part", {"Name": "<in & out>", "Size": pywbem.Uint32(1)})
    part = pywbem.CIMInstance(
        "TST_Part",
        [
            pywbem.CIMProperty("Name", "outer"),
            pywbem.CIMProperty("Tags", ["a", "b"]),
            pywbem.CIMProperty("Inner", inner, embedded_object="instance"),
        ],
    )
    new = thing()
    new.properties["Part"] = pywbem.CIMProperty("Part", part, embedded_object="instance")
    new.properties["Parts"] = pywbem.CIMProperty("Parts", [inner, part], embedded_object="instance")
    new.properties["Anything"] = pywbem.CIMProperty("Anything", part, embedded_object="object")
    found = client.GetInstance(client.CreateInstance(new))
    assert plain(found["Part"]) == plain(part)
    assert plain(found["Parts"]) == plain([inner, part])
    assert plain(found["Anything"]) == plain(part)
    assert found["Part"]["Inner"]["Name"] == "<in & out>"
    other = pywbem.CIMInstance("TST_OtherPart", {"Name": "x"})
    for name, value in (("Part", other), ("Part", "<INSTANCE"), ("Parts", [inner, other])):
        wrong = thing("2")
        wrong.properties[name] = pywbem.CIMProperty(name, value, type="string")
        assert status(client.CreateInstance, wrong) == 4


def test_class_is_embedded_where_any_object_may_be_and_nowhere_else(
    client: pywbem.WBEMConnection,
) -> None:
    described = pywbem.CIMClass("TST_Thing")
    new = thing()
    new.properties["Anything"] = pywbem.CIMProperty("Anything", described, embedded_object="object")
    found = client.GetInstance(client.CreateInstance(new))["Anything"]
    assert (type(found), found.classname) == (pywbem.CIMClass, "TST_Thing")
    for name, value, mark in (
        ("Part", described, "object"),
        ("Anything", pywbem.CIMClass("TST_Nothing"), "object"),
        ("a_string", described, "object"),
    ):
        wrong = thing("2")
        wrong.properties[name] = pywbem.CIMProperty(name, value, embedded_object=mark)
        assert status(client.CreateInstance, wrong) in (4, 13)


@pytest.mark.parametrize(
    "property_",
    [
        pywbem.CIMProperty("Sizzle", "5"),
        pywbem.CIMProperty("Size", "5"),
        pywbem.CIMProperty("Tags", "a"),
        pywbem.CIMProperty(
            "Inner",
            pywbem.CIMInstance("TST_Part", {"Sizzle": "5"}),
            embedded_object="instance",
        ),
    ],
    ids=["unknown", "type", "one for many", "unknown inside"],
)
def test_embedded_instances_have_the_properties_of_their_class(
    client: pywbem.WBEMConnection, property_: pywbem.CIMProperty
) -> None:
    part = pywbem.CIMInstance("TST_Part", [property_])
    new = thing()
    new.properties["Part"] = pywbem.CIMProperty("Part", part, embedded_object="instance")
    code, text = fault(client.CreateInstance, new)
    assert code == 4
    assert f"TST_Part.{'Sizzle' if property_.name == 'Inner' else property_.name}" in text


@pytest.mark.parametrize("name", [" ", " a ", "a\tb", 'a\\b"c', "%41", "Zürich 🂡"])
def test_a_key_is_found_with_the_very_text_that_it_was_made_with(
    client: pywbem.WBEMConnection, name: str
) -> None:
    path = client.CreateInstance(thing(name))
    assert path["Id"] == name
    client.CreateInstance(thing("a", a_string="without blanks"))
    assert client.GetInstance(path)["Id"] == name
    client.DeleteInstance(path)
    assert client.EnumerateInstanceNames("TST_Thing") == [thing_path("a")]


def test_the_path_of_a_new_instance_is_told_and_names_it(client: pywbem.WBEMConnection) -> None:
    path = client.CreateInstance(thing(None, a_string="x"))
    assert path.classname == "TST_Thing"
    assert path.keybindings["Id"] == "drawn-0"
    assert client.GetInstance(path)["a_string"] == "x"
    assert client.EnumerateInstanceNames("tst_BASE") == [path]
    sub = client.CreateInstance(thing("s", "tst_subthing"))
    assert sub.classname == "TST_SubThing"
    assert [each.classname for each in client.EnumerateInstanceNames("TST_Thing")] == [
        "TST_Thing",
        "TST_SubThing",
    ]


def test_names_of_a_new_instance_are_matched_in_any_case(client: pywbem.WBEMConnection) -> None:
    new = pywbem.CIMInstance("tSt_tHiNg", {"iD": "1", "A_STRING": "x"})
    path = client.CreateInstance(new, namespace="ROOT/CimV2")
    found = client.GetInstance(path)
    assert (found.classname, list(found.keys())[:2]) == ("TST_Thing", ["Id", "a_uint8"])
    assert found["a_string"] == "x"


def test_what_cannot_be_created_is_refused_with_the_right_status(
    client: pywbem.WBEMConnection,
) -> None:
    create = client.CreateInstance
    create(thing())
    assert fault(create, thing()) == (11, 'TST_Thing.Id="1" exists already')
    assert status(create, thing(), namespace="root/other") == 3
    assert status(create, pywbem.CIMInstance("TST_Unheard")) == 5
    assert fault(create, thing("2", Colour="red")) == (
        4,
        "class TST_Thing has no property 'Colour'",
    )
    wrong = pywbem.CIMInstance("TST_Thing", {"Id": "2", "a_uint8": "x"})
    assert fault(create, wrong) == (4, "TST_Thing.a_uint8 is uint8, and string was given")
    assert status(create, pywbem.CIMInstance("TST_Thing", {"Id": "2", "a_string": ["x"]})) == 4
    assert status(create, pywbem.CIMInstance("TST_Thing", {"Id": pywbem.Uint8(2)})) == 4
    assert status(create, pywbem.CIMInstance("TST_Base", {"Id": "2"})) == 7
    refusal = fault(create, pywbem.CIMInstance("HA_ClusterNode", {"Name": "n9"}))
    assert refusal == (7, "instances of HA_ClusterNode cannot be created by a client here")
    assert client.EnumerateInstanceNames("TST_Thing") == [thing_path()]


def test_an_association_is_created_between_what_exists(client: pywbem.WBEMConnection) -> None:
    one, two = (client.CreateInstance(thing(name)) for name in "12")
    link = pywbem.CIMInstance("TST_Link", {"Left": one, "Right": two})
    path = client.CreateInstance(link)
    assert client.GetInstance(path)["Right"].keybindings["Id"] == "2"
    assert status(client.CreateInstance, link) == 11
    lost = pywbem.CIMInstance("TST_Link", {"Left": one, "Right": thing_path("9")})
    assert fault(client.CreateInstance, lost)[0] == 4
    assert "does not exist" in fault(client.CreateInstance, lost)[1]
    for wrong in (node_path("n1"), path, pywbem.CIMInstanceName("TST_Thing", {"Name": "1"})):
        bad = pywbem.CIMInstance("TST_Link", {"Left": one, "Right": wrong})
        assert status(client.CreateInstance, bad) == 4
    missing = pywbem.CIMInstance("TST_Link", {"Left": one})
    assert status(client.CreateInstance, missing) == 4
    # The same object, named without namespace, with host, and in another case.
    for spelled in (
        pywbem.CIMInstanceName("tst_thing", {"ID": "1"}),
        pywbem.CIMInstanceName("TST_Thing", {"Id": "1"}, host="elsewhere", namespace="ROOT/cimv2"),
    ):
        again = pywbem.CIMInstance("TST_Link", {"Left": spelled, "Right": two})
        assert status(client.CreateInstance, again) == 11
        assert client.GetInstance(
            pywbem.CIMInstanceName("TST_Link", {"Left": spelled, "Right": two})
        )


def test_an_instance_that_was_read_is_changed_and_sent_back(
    client: pywbem.WBEMConnection, site: ThingSite
) -> None:
    path = client.CreateInstance(thing(a_string="old", a_uint8=1, l_uint16=[1, 2], Defaulted="x"))
    found = client.GetInstance(path)
    found["A_String"] = "new"
    found["l_uint16"] = [pywbem.Uint16(3)]
    client.ModifyInstance(found)
    now = client.GetInstance(path)
    assert (now["a_string"], now["l_uint16"], now["a_uint8"]) == ("new", [3], 1)
    before = len(site.things.authors)
    client.ModifyInstance(now)
    assert len(site.things.authors) == before, "nothing was different"
    assert site.things.authors[-1] == OPERATOR[0]


def test_a_list_of_properties_says_what_changes(client: pywbem.WBEMConnection) -> None:
    path = client.CreateInstance(thing(a_string="old", a_uint8=1, Defaulted="x"))
    change = pywbem.CIMInstance(
        "TST_Thing", {"a_string": "new", "a_uint8": pywbem.Uint8(2)}, path=path
    )
    client.ModifyInstance(change, PropertyList=["A_STRING"])
    assert [client.GetInstance(path)[name] for name in ("a_string", "a_uint8")] == ["new", 1]
    client.ModifyInstance(change, PropertyList=[])
    assert client.GetInstance(path)["a_uint8"] == 1
    client.ModifyInstance(change, PropertyList=["a_string", "Defaulted", "l_real64"])
    assert client.GetInstance(path)["Defaulted"] == "as declared"
    bare = pywbem.CIMInstance("TST_Thing", {}, path=path)
    client.ModifyInstance(bare, PropertyList=["a_string"])
    assert client.GetInstance(path)["a_string"] is None
    assert status(client.ModifyInstance, change, PropertyList=["Colour"]) == 12


def test_what_cannot_be_changed_is_refused_with_the_right_status(
    client: pywbem.WBEMConnection,
) -> None:
    path = client.CreateInstance(thing(Fixed="as made"))

    def change(where: pywbem.CIMInstanceName = path, **values: object) -> tuple[int, str]:
        changed = pywbem.CIMInstance("TST_Thing", values)
        changed.path = where
        return fault(client.ModifyInstance, changed)

    assert change(Fixed="other") == (4, "TST_Thing.Fixed cannot be written")
    assert change(Id="2") == (4, "TST_Thing.Id is a key: it cannot change")
    assert change(Colour="red")[0] == 12
    assert change(a_uint8="red")[0] == 4
    assert change(thing_path("9"), a_string="x")[0] == 6
    assert change(pywbem.CIMInstanceName("TST_Unheard", {"Id": "1"}), a_string="x")[0] == 5
    assert change(pywbem.CIMInstanceName("TST_Link", {"Id": "1"}), a_string="x")[0] == 4
    node = client.GetInstance(node_path("n1"))
    node["Caption"] = "mine"
    assert fault(client.ModifyInstance, node) == (
        7,
        "instances of HA_ClusterNode cannot be modified by a client here",
    )
    # The key may be there, as it is.
    same = pywbem.CIMInstance("TST_Thing", {"Id": "1", "Fixed": "as made"}, path=path)
    client.ModifyInstance(same)


def test_deleted_instances_are_gone(client: pywbem.WBEMConnection) -> None:
    path = client.CreateInstance(thing())
    client.DeleteInstance(path)
    assert status(client.GetInstance, path) == 6
    assert status(client.DeleteInstance, path) == 6
    assert client.EnumerateInstances("TST_Thing") == []
    assert status(client.DeleteInstance, thing_path("1", "TST_Unheard")) == 5
    assert status(client.DeleteInstance, pywbem.CIMInstanceName("TST_Thing", {"Name": "1"})) == 4
    assert fault(client.DeleteInstance, node_path("n1")) == (
        7,
        "instances of HA_ClusterNode cannot be deleted by a client here",
    )


def test_reads_are_new_after_every_write(client: pywbem.WBEMConnection) -> None:
    assert client.EnumerateInstanceNames("TST_Thing") == []
    for number in range(5):
        client.CreateInstance(thing(str(number)))
        assert len(client.EnumerateInstanceNames("TST_Thing")) == number + 1
        assert len(client.EnumerateInstances("TST_Thing")) == number + 1


def test_who_only_looks_may_not_write(client: pywbem.WBEMConnection, site: ThingSite) -> None:
    client.CreateInstance(thing())
    viewer = site.client(user=OBSERVER)
    assert status(viewer.CreateInstance, thing("2")) == 2
    assert status(viewer.DeleteInstance, thing_path()) == 2
    changed = pywbem.CIMInstance("TST_Thing", {"a_string": "x"}, path=thing_path())
    assert status(viewer.ModifyInstance, changed) == 2
    assert viewer.GetInstance(thing_path())["a_string"] is None


@pytest.mark.parametrize("name", ["interop", "root/interop", "root/PG_InterOp"])
def test_the_names_of_the_interop_namespace_are_of_one_namespace(
    client: pywbem.WBEMConnection, name: str
) -> None:
    first = client.CreateInstance(thing("1"), namespace="interop")
    second = client.CreateInstance(thing("2"), namespace="root/PG_InterOp")
    found = client.EnumerateInstanceNames("TST_Thing", namespace=name)
    assert [each.keybindings["Id"] for each in found] == ["1", "2"]
    assert {each.namespace for each in found} == {name}
    link = client.CreateInstance(
        pywbem.CIMInstance("TST_Link", {"Left": first, "Right": second}), namespace=name
    )
    assert link.keybindings["Left"].namespace in (name, None)
    read = client.GetInstance(client.EnumerateInstanceNames("TST_Link", namespace=name)[0])
    assert read["Left"].namespace == read["Right"].namespace == name
    (far,) = client.AssociatorNames(found[0])
    assert far.namespace == name
    assert status(client.CreateInstance, thing("1"), namespace=name) == 11


def test_namespaces_come_with_the_server(client: pywbem.WBEMConnection) -> None:
    known = client.EnumerateInstances("CIM_Namespace", namespace="interop")
    new = pywbem.CIMInstance("CIM_Namespace", {"Name": "root/mine"})
    assert status(client.CreateInstance, new, namespace="interop") == 7
    assert status(client.DeleteInstance, known[0].path) == 7
    missing = known[0].path.copy()
    missing.keybindings["Name"] = "root/unheard"
    assert status(client.DeleteInstance, missing) == 6
    inside = client.EnumerateInstanceNames("__Namespace", namespace="root")
    assert [each.keybindings["Name"] for each in inside] == ["interop", "PG_InterOp", "cimv2"]
    assert client.EnumerateInstances("__Namespace", namespace=MODEL) == []
    old = pywbem.CIMInstance("__Namespace", {"Name": "mine"})
    assert status(client.CreateInstance, old, namespace="root") == 7
    assert status(client.DeleteInstance, inside[0]) == 7


@pytest.mark.parametrize("qualifier", ["CreateClass", "ModifyClass", "SetQualifier"])
def test_declarations_cannot_be_changed_and_the_answer_says_why(
    client: pywbem.WBEMConnection, qualifier: str
) -> None:
    new = pywbem.CIMClass("TST_New", properties=[pywbem.CIMProperty("Id", None, type="string")])
    declared = client.GetQualifier("Key")
    refusal = fault(getattr(client, qualifier), declared if "Qual" in qualifier else new)
    assert refusal[0] == 7
    assert "come with its version and cannot be changed by clients" in refusal[1]
    assert status(client.DeleteClass, "TST_Thing") == 7
    assert status(client.DeleteQualifier, "Key") == 7
    assert status(client.DeleteClass, "TST_Thing", namespace="root/other") == 3
