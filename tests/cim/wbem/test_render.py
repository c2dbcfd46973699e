"""Answers are read back by pywbem as the values they were made of."""

import pytest
import pywbem

from cim_provider.wbem import operations
from cim_provider.wbem.operations import MethodResult, Selection
from cim_provider.wbem.parse import parse_message
from cim_provider.wbem.render import (
    render_answer,
    render_error,
    render_pieces,
    response,
    rest_of_message,
    simple_response,
)
from tests.cim.wbem.bodies import CALL, intrinsic
from tests.cim.wbem.loopback import client

ODD = "a<b>&\"c\" 'd' \r\n\t é \U0001f600 ]]>"
GROUP = pywbem.CIMInstanceName("HA_Group", {"Id": ODD}, namespace="root/ha")
MOMENT = pywbem.CIMDateTime("20261124120000.000000+060")
NUMBERS = [
    pywbem.Uint8(255),
    pywbem.Sint8(-128),
    pywbem.Uint16(1),
    pywbem.Sint16(-1),
    pywbem.Uint32(2**32 - 1),
    pywbem.Sint32(-(2**31)),
    pywbem.Uint64(2**64 - 1),
    pywbem.Sint64(-(2**63)),
    pywbem.Real32(0.25),
    pywbem.Real64(0.1),
    pywbem.Real64(1e300),
    pywbem.Real64(float("-inf")),
]


def prop(name: str, value: object, **more: object) -> pywbem.CIMProperty:
    """Return a property as pywbem reads one, with the default of an attribute left out."""
    return pywbem.CIMProperty(name, value, propagated=False, **more)


def setting(name: str) -> pywbem.CIMInstance:
    """Return an instance to embed."""
    return pywbem.CIMInstance("HA_Setting", [prop("Name", name)])


def qualifier(name: str, value: object) -> pywbem.CIMQualifier:
    """Return a qualifier with none of its flavors left to a default."""
    return pywbem.CIMQualifier(
        name,
        value,
        propagated=True,
        overridable=False,
        tosubclass=False,
        toinstance=True,
        translatable=True,
    )


def sample() -> pywbem.CIMInstance:
    """Return an instance with a property of every kind."""
    properties = [
        prop("Text", ODD),
        prop("Empty", ""),
        prop("Null", None, type="string"),
        prop("NullArray", None, type="uint16", is_array=True),
        prop("NoItems", [], type="string", is_array=True),
        prop("Texts", ["a", "", ODD], type="string", is_array=True),
        prop("Counts", [pywbem.Uint16(1), pywbem.Uint16(2)]),
        prop("Yes", True),
        prop("When", MOMENT),
        prop("Letter", "x", type="char16"),
        prop("Group", GROUP, type="reference", reference_class="HA_Group"),
        prop("NoGroup", None, type="reference", reference_class="HA_Group"),
        prop("Inner", setting(ODD)),
        prop(
            "Inners",
            [setting("1")],
            embedded_object="object",
            type="string",
            is_array=True,
        ),
        *(prop(f"Number{index}", n) for index, n in enumerate(NUMBERS)),
    ]
    path = pywbem.CIMInstanceName(
        "HA_Slot", {"Id": ODD, "Number": 3, "Active": False, "Group": GROUP}, namespace="root/ha"
    )
    return pywbem.CIMInstance("HA_Slot", properties, path=path)


def node_class() -> pywbem.CIMClass:
    """Return a class with every kind of property, method and parameter."""
    key, values = qualifier("Key", True), qualifier("Values", ["a", ODD])
    parameters = [
        pywbem.CIMParameter("A", "uint8", qualifiers=[qualifier("In", True)]),
        pywbem.CIMParameter("B", "string", is_array=True, array_size=3),
        pywbem.CIMParameter("C", "reference", reference_class="HA_Node"),
        pywbem.CIMParameter("D", "reference", reference_class="HA_Node", is_array=True),
    ]
    return pywbem.CIMClass(
        "HA_Slot",
        superclass="CIM_Slot",
        properties=[
            pywbem.CIMProperty(
                "Id", None, "string", qualifiers=[key], class_origin="CIM_Slot", propagated=True
            ),
            pywbem.CIMProperty("State", pywbem.Uint16(5), qualifiers=[values], propagated=False),
            prop("Names", None, type="string", is_array=True, array_size=4),
            prop("Group", None, type="reference", reference_class="HA_Group"),
        ],
        methods=[
            pywbem.CIMMethod("Go", "uint32", parameters, propagated=False, qualifiers=[values])
        ],
        qualifiers=[
            qualifier("Description", ODD),
            qualifier("Min", pywbem.Uint32(1)),
        ],
    )


def reply(answer, call):
    """Return what one call of the client returns when it gets this answer."""
    connection, _ = client(lambda _operation: answer)
    return call(connection)


def test_get_instance_brings_every_kind_of_property_back():
    got = reply(operations.Instances((sample(),)), lambda c: c.GetInstance(sample().path))
    assert got.path == sample().path
    for name, expected in sample().properties.items():
        assert got.properties[name] == expected
    assert got == sample()


def test_enumerated_instances_have_their_paths():
    got = reply(operations.Instances((sample(),) * 2), lambda c: c.EnumerateInstances("HA_Slot"))
    assert got == [sample(), sample()]
    assert got[0].path == sample().path


@pytest.mark.parametrize(
    "call", [lambda c: c.Associators(GROUP), lambda c: c.References(GROUP)], ids=["A", "R"]
)
def test_associated_instances_have_full_paths(call):
    (got,) = reply(operations.Instances((sample(),)), call)
    path = sample().path
    path.host = "node-1"
    assert got.path == path
    assert got.properties == sample().properties


def test_instance_names_come_back_equal():
    paths = operations.Paths((sample().path, GROUP))
    got = reply(paths, lambda c: c.EnumerateInstanceNames("HA_Slot"))
    assert got == [sample().path, GROUP]


@pytest.mark.parametrize(
    "call", [lambda c: c.AssociatorNames(GROUP), lambda c: c.ReferenceNames(GROUP)], ids=["A", "R"]
)
def test_associated_names_have_host_and_namespace(call):
    (got,) = reply(operations.Paths((GROUP,)), call)
    assert (got.host, got.namespace) == ("node-1", "root/ha")
    assert got.keybindings == GROUP.keybindings


def test_class_comes_back_equal():
    got = reply(
        operations.Classes((node_class(),)),
        lambda c: c.GetClass("HA_Slot", IncludeClassOrigin=True),
    )
    got.path = None
    assert got == node_class()


def test_class_without_qualifiers_and_origin_has_none():
    got = reply(
        operations.Classes((node_class(),)),
        lambda c: c.GetClass("HA_Slot", IncludeQualifiers=False),
    )
    assert not got.qualifiers
    assert not got.properties["Id"].qualifiers
    assert got.properties["Id"].class_origin is None
    assert got.properties["Id"].propagated is True
    assert not got.methods["Go"].parameters["A"].qualifiers


def test_enumerated_classes_and_names_come_back():
    (got,) = reply(operations.Classes((node_class(),)), lambda c: c.EnumerateClasses())
    assert got.classname == "HA_Slot"
    names = reply(operations.ClassNames(("A", "B")), lambda c: c.EnumerateClassNames())
    assert names == ["A", "B"]


def test_associators_of_a_class_are_classes_with_paths():
    got = reply(operations.Classes((node_class(),)), lambda c: c.Associators("HA_Node"))
    ((path, found),) = got
    assert path == pywbem.CIMClassName("HA_Slot", host="node-1", namespace="root/ha")
    assert found.classname == "HA_Slot"
    (name,) = reply(operations.ClassNames(("HA_Slot",)), lambda c: c.ReferenceNames("HA_Node"))
    assert name == path


def test_qualifier_declarations_come_back():
    key = pywbem.CIMQualifierDeclaration(
        "Key",
        "boolean",
        value=False,
        scopes={"PROPERTY": True, "REFERENCE": True},
        overridable=False,
        tosubclass=True,
    )
    everywhere = pywbem.CIMQualifierDeclaration(
        "Values", "string", is_array=True, scopes={"ANY": True}
    )
    got = reply(operations.Qualifiers((key, everywhere)), lambda c: c.EnumerateQualifiers())
    assert {name for name, holds in got[0].scopes.items() if holds} == {"PROPERTY", "REFERENCE"}
    assert (got[0].value, got[0].overridable) == (False, False)
    assert len([name for name, holds in got[1].scopes.items() if holds]) == 7


def test_qualifiers_and_origin_of_instances_come_only_when_asked_for():
    item = pywbem.CIMInstance(
        "C",
        [
            pywbem.CIMProperty(
                "A", "x", class_origin="P", qualifiers=[pywbem.CIMQualifier("Key", True)]
            )
        ],
        qualifiers=[pywbem.CIMQualifier("Description", "d")],
        path=GROUP,
    )
    answer = operations.Instances((item,))
    plain = b"".join(render_pieces(operations.GetInstance("root/ha", GROUP), answer))
    assert b"QUALIFIER" not in plain
    assert b"CLASSORIGIN" not in plain
    whole = operations.GetInstance("root/ha", GROUP, Selection(False, True, True))
    assert b"".join(render_pieces(whole, answer)).count(b"<QUALIFIER ") == 2
    assert b'CLASSORIGIN="P"' in b"".join(render_pieces(whole, answer))


@pytest.mark.parametrize("value", [pywbem.Uint32(4096), "text", True, *NUMBERS])
def test_method_result_and_outputs_come_back(value):
    outputs = (
        ("Job", "reference", GROUP),
        ("Jobs", "reference", [GROUP, GROUP]),
        ("Names", "string", ["a", ODD]),
        ("Count", "uint16", pywbem.Uint16(3)),
        ("Nothing", "string", None),
        ("When", "datetime", MOMENT),
        ("Inner", "string", setting(ODD)),
    )
    got, parameters = reply(
        MethodResult(value, outputs), lambda c: c.InvokeMethod("Go", "HA_Node", [])
    )
    assert got == value
    assert type(got) is type(value)
    assert dict(parameters) == {name: item for name, _, item in outputs if item is not None}


def test_method_without_result_answers():
    assert reply(MethodResult(None), lambda c: c.InvokeMethod("Go", "HA_Node"))[0] is None


def test_empty_enumeration_is_empty():
    assert reply(operations.Instances(()), lambda c: c.EnumerateInstances("HA_Slot")) == []
    assert reply(operations.ClassNames(()), lambda c: c.EnumerateClassNames()) == []


@pytest.mark.parametrize("status", [1, 7, 17, 28])
def test_cim_error_reaches_the_client_with_its_text(status):
    def refuse(_operation):
        raise pywbem.CIMError(status, ODD.strip())

    connection, _ = client(refuse)
    with pytest.raises(pywbem.CIMError) as caught:
        connection.InvokeMethod("Go", "HA_Node")
    assert caught.value.status_code == status
    assert caught.value.status_description == ODD.strip()


def test_operation_we_do_not_have_makes_the_client_fall_back():
    connection, loopback = client(lambda _operation: operations.Instances((sample(),)))
    (got,) = connection.IterEnumerateInstances("HA_Slot")
    assert got.properties == sample().properties
    assert isinstance(loopback.operations[-1], operations.EnumerateInstances)


@pytest.mark.parametrize("character", ["\x00", "\x1f", "\ud800", "\ufffe", "\uffff"])
def test_characters_that_xml_cannot_carry_are_replaced(character):
    item = pywbem.CIMInstance("C", {"A": f"<{character}>"}, path=GROUP)
    got = reply(operations.Instances((item,)), lambda c: c.GetInstance(GROUP))
    assert got["A"] == "<\ufffd>"


def test_missing_items_of_an_array_do_not_break_clients():
    item = pywbem.CIMInstance(
        "C",
        [
            pywbem.CIMProperty("A", ["x", None], type="string", is_array=True),
            pywbem.CIMProperty("B", [pywbem.Uint8(1), None], type="uint8", is_array=True),
        ],
        path=GROUP,
    )
    got = reply(operations.Instances((item,)), lambda c: c.GetInstance(GROUP))
    assert got["A"] == ["x", ""]
    assert got["B"] == [1]


def test_answer_begins_with_the_declaration_and_has_no_short_elements():
    connection, loopback = client(lambda _operation: operations.Instances((sample(),)))
    connection.GetInstance(GROUP)
    (body,) = loopback.bodies
    assert body.startswith(b'<?xml version="1.0" encoding="utf-8" ?>')
    assert b"/>" not in body.replace(b"&lt;", b"<")
    assert b"VALUE.NULL" not in body


def test_name_and_message_id_are_echoed_as_sent():
    message = parse_message(intrinsic("enumerateINSTANCES", CALL_PARAMETER))
    answer = render_answer(message, operations.Instances(()))
    assert b'<MESSAGE ID="7"' in answer
    assert b'<IMETHODRESPONSE NAME="enumerateINSTANCES">' in answer


CALL_PARAMETER = '<IPARAMVALUE NAME="ClassName"><CLASSNAME NAME="HA_Node"/></IPARAMVALUE>'


def test_kept_body_is_sent_again_under_another_message_id():
    message = parse_message(CALL)
    answer = operations.Instances((sample(),))
    body = render_pieces(message.operation, answer)
    simple = simple_response(message.method, message.is_intrinsic, body)
    again = b"".join(response("<9>", rest_of_message(simple)))
    assert again == render_answer(message, answer).replace(b'ID="4711"', b'ID="&lt;9&gt;"').replace(
        b"node-1", b"localhost"
    )


def test_error_text_has_a_bound():
    answer = render_error("1", "Go", False, pywbem.CIMError(1, "x" * 100_000))
    assert len(answer) < 5_000
    assert b'<METHODRESPONSE NAME="Go"><ERROR CODE="1" DESCRIPTION="xxx' in answer
