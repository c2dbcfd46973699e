"""Instances in requests: every form of a property, embedded objects, and what is refused."""

import pytest
import pywbem

from cim_provider.wbem import operations, parse_objects
from cim_provider.wbem.errors import OperationError, ProtocolError
from cim_provider.wbem.parse import Message, parse_message
from tests.cim.wbem.bodies import intrinsic

CONTEXT = '<IPARAMVALUE NAME="EnumerationContext"><VALUE>x</VALUE></IPARAMVALUE>'


def created(inside: str, attributes: str = 'CLASSNAME="A"') -> pywbem.CIMInstance:
    body = intrinsic(
        "CreateInstance",
        f'<IPARAMVALUE NAME="NewInstance"><INSTANCE {attributes}>{inside}</INSTANCE></IPARAMVALUE>',
    )
    message = parse_message(body)
    assert isinstance(message, Message)
    assert isinstance(message.operation, operations.CreateInstance)
    return message.operation.instance


def fault(inside: str) -> tuple[int, str]:
    with pytest.raises(OperationError) as caught:
        created(inside)
    return int(caught.value.cim_error.status_code), caught.value.cim_error.status_description


def test_properties_are_read_in_every_form() -> None:
    found = created(
        '<QUALIFIER NAME="Q" TYPE="string"><VALUE>x</VALUE></QUALIFIER>'
        '<PROPERTY NAME="Null" TYPE="uint8"/><!-- nothing -->\n'
        '<PROPERTY NAME="Text" TYPE="string" CLASSORIGIN="A" PROPAGATED="true" xml:lang="en">'
        '<QUALIFIER NAME="Q" TYPE="boolean"/><VALUE> a <![CDATA[<b>]]> </VALUE></PROPERTY>'
        '<PROPERTY NAME="Number" TYPE="sint16"><VALUE> -0x10\n</VALUE></PROPERTY>'
        '<PROPERTY NAME="Flag" TYPE="boolean"><VALUE>tRuE</VALUE></PROPERTY>'
        '<PROPERTY.ARRAY NAME="Nulls" TYPE="string" ARRAYSIZE="3"/>'
        '<PROPERTY.ARRAY NAME="Empty" TYPE="string"><VALUE.ARRAY/></PROPERTY.ARRAY>'
        '<PROPERTY.ARRAY NAME="Some" TYPE="uint8"><VALUE.ARRAY><VALUE>1</VALUE><VALUE.NULL/>'
        "</VALUE.ARRAY></PROPERTY.ARRAY>"
        '<PROPERTY.REFERENCE NAME="NoRef" REFERENCECLASS="B"/>'
        '<PROPERTY.REFERENCE NAME="Ref"><VALUE.REFERENCE><INSTANCENAME CLASSNAME="B"/>'
        "</VALUE.REFERENCE></PROPERTY.REFERENCE>"
    )
    assert {name: each.value for name, each in found.properties.items()} == {
        "Null": None,
        "Text": " a <b> ",
        "Number": -16,
        "Flag": True,
        "Nulls": None,
        "Empty": [],
        "Some": [1, None],
        "NoRef": None,
        "Ref": pywbem.CIMInstanceName("B"),
    }
    assert {name: each.type for name, each in found.properties.items()} == {
        **dict.fromkeys(("Null", "Some"), "uint8"),
        **dict.fromkeys(("Text", "Nulls", "Empty"), "string"),
        **{"Number": "sint16", "Flag": "boolean"},
        **dict.fromkeys(("NoRef", "Ref"), "reference"),
    }
    assert found.properties["Nulls"].is_array


def test_class_is_read_by_its_names_where_an_object_is_embedded() -> None:
    found = created(
        '<PROPERTY NAME="P" TYPE="string" EmbeddedObject="object">'
        "<VALUE>&lt;CLASS NAME=&quot;B&quot; SUPERCLASS=&quot;A&quot;&gt;"
        "&lt;PROPERTY NAME=&quot;X&quot; TYPE=&quot;uint8&quot;/&gt;&lt;/CLASS&gt;</VALUE>"
        "</PROPERTY>"
    )
    assert found["P"] == pywbem.CIMClass("B", superclass="A")


@pytest.mark.parametrize(
    ("inside", "named"),
    [
        ('<PROPERTY NAME="P" TYPE="uint8"><VALUE>300</VALUE></PROPERTY>', "A.P: uint8 value 300"),
        ('<PROPERTY NAME="P" TYPE="uint8"><VALUE></VALUE></PROPERTY>', "A.P: integer value ''"),
        ('<PROPERTY NAME="P" TYPE="boolean"><VALUE>1</VALUE></PROPERTY>', "expected TRUE or FALSE"),
        ('<PROPERTY NAME="P" TYPE="colour"><VALUE>1</VALUE></PROPERTY>', "type 'colour'"),
        ('<PROPERTY NAME="P" TYPE="char16"><VALUE>ab</VALUE></PROPERTY>', "one UCS-2 character"),
        ('<PROPERTY NAME="P" TYPE="datetime"><VALUE>noon</VALUE></PROPERTY>', "datetime value"),
        (
            '<PROPERTY NAME="P" TYPE="reference"><VALUE>x</VALUE></PROPERTY>',
            "the type is reference",
        ),
        (
            '<PROPERTY NAME="P" TYPE="uint8"/><PROPERTY.ARRAY NAME="p" TYPE="uint8"/>',
            "property p is given twice",
        ),
        ('<PROPERTY NAME="1bad" TYPE="uint8"/>', "is not a CIM name"),
        ('<PROPERTY NAME="" TYPE="uint8"/>', "is not a CIM name"),
        ('<PROPERTY NAME="P" TYPE="uint8" CLASSORIGIN="1 x"/>', "CLASSORIGIN '1 x' is not"),
        ('<PROPERTY NAME="P" TYPE="uint8" PROPAGATED="maybe"/>', "PROPAGATED is 'maybe'"),
        (
            '<PROPERTY NAME="P" TYPE="string" EmbeddedObject="instance"><VALUE>red</VALUE>'
            "</PROPERTY>",
            "A.P: embedded object: XML",
        ),
        (
            '<PROPERTY NAME="P" TYPE="string" EmbeddedObject="thing"><VALUE>red</VALUE></PROPERTY>',
            "expected instance or object",
        ),
        (
            '<PROPERTY NAME="P" TYPE="string" EmbeddedObject="instance">'
            "<VALUE>&lt;CLASS NAME=&quot;A&quot;/&gt;</VALUE></PROPERTY>",
            "embedded CLASS where an INSTANCE is expected",
        ),
        (
            '<PROPERTY NAME="P" TYPE="string" EmbeddedObject="object">'
            "<VALUE>&lt;CLASS NAME=&quot;1 A&quot;/&gt;</VALUE></PROPERTY>",
            "is not a CIM name",
        ),
        (
            '<PROPERTY NAME="P" TYPE="string" EmbeddedObject="object">'
            "<VALUE>&lt;VALUE&gt;x&lt;/VALUE&gt;</VALUE></PROPERTY>",
            "the root element is VALUE, expected INSTANCE or CLASS",
        ),
        (
            '<PROPERTY NAME="P" TYPE="string" EmbeddedObject="instance">'
            "<VALUE>&lt;!DOCTYPE INSTANCE&gt;&lt;INSTANCE CLASSNAME=&quot;A&quot;/&gt;</VALUE>"
            "</PROPERTY>",
            "document type declaration",
        ),
    ],
)
def test_values_that_do_not_fit_are_faults_of_the_operation(inside: str, named: str) -> None:
    status, text = fault(inside)
    assert status == 4
    assert named in text


@pytest.mark.parametrize(
    "inside",
    [
        '<PROPERTY NAME="P"/>',
        '<PROPERTY TYPE="uint8"/>',
        '<PROPERTY NAME="P" TYPE="uint8" COLOUR="red"/>',
        '<PROPERTY NAME="P" TYPE="uint8"><VALUE.ARRAY/></PROPERTY>',
        '<PROPERTY NAME="P" TYPE="uint8"><VALUE>1</VALUE><VALUE>2</VALUE></PROPERTY>',
        '<PROPERTY.ARRAY NAME="P" TYPE="uint8"><VALUE>1</VALUE></PROPERTY.ARRAY>',
        "<METHOD/>",
        "text",
    ],
)
def test_what_no_instance_holds_is_no_request(inside: str) -> None:
    with pytest.raises(ProtocolError) as caught:
        created(inside)
    assert caught.value.http_status == 400


def test_objects_are_embedded_up_to_a_bound() -> None:
    def nested(depth: int) -> str:
        found = pywbem.CIMInstance("A", {"Depth": pywbem.Uint8(0)})
        for number in range(1, depth):
            inner = pywbem.CIMProperty("Inner", found, embedded_object="instance")
            found = pywbem.CIMInstance("A", [inner, pywbem.CIMProperty("D", pywbem.Uint8(number))])
        return pywbem.CIMProperty("P", found, embedded_object="instance").tocimxmlstr()

    deep = created(nested(parse_objects.EMBEDDED_DEPTH_MAX))
    for _ in range(parse_objects.EMBEDDED_DEPTH_MAX - 1):
        deep = deep["P" if "P" in deep else "Inner"]
    status, text = fault(nested(parse_objects.EMBEDDED_DEPTH_MAX + 1))
    assert (status, "deeper than" in text) == (4, True)


def test_the_number_of_properties_is_bounded() -> None:
    many = "".join(
        f'<PROPERTY NAME="P{n}" TYPE="uint8"/>' for n in range(parse_objects.PROPERTIES_MAX + 1)
    )
    assert fault(many)[0] == 4


@pytest.mark.parametrize(
    ("name", "parameters", "expected"),
    [
        ("PullInstancesWithPath", '<IPARAMVALUE NAME="MaxObjectCount"><VALUE>1</VALUE>', 4),
        ("PullInstances", '<IPARAMVALUE NAME="EnumerationContext"><VALUE>1</VALUE>', 4),
        ("PullInstancePaths", f'{CONTEXT}<IPARAMVALUE NAME="MaxObjectCount">', 4),
        ("PullInstancePaths", f'{CONTEXT}<IPARAMVALUE NAME="MaxObjectCount"><VALUE>-1</VALUE>', 4),
        (
            "PullInstancePaths",
            f'{CONTEXT}<IPARAMVALUE NAME="MaxObjectCount"><VALUE>{2**32}</VALUE>',
            4,
        ),
        (
            "EnumerateInstances",
            '<IPARAMVALUE NAME="PropertyList"><VALUE.ARRAY><VALUE.NULL/></VALUE.ARRAY>',
            4,
        ),
        ("CloseEnumeration", '<IPARAMVALUE NAME="Context"><VALUE>1</VALUE>', 4),
        ("OpenEnumerateInstances", '<IPARAMVALUE NAME="ObjectName"><VALUE>1</VALUE>', 4),
        ("OpenQueryInstances", '<IPARAMVALUE NAME="FilterQuery"><VALUE>1</VALUE>', 4),
        ("OpenReferenceInstances", '<IPARAMVALUE NAME="InstanceName"><CLASSNAME NAME="A"/>', 4),
        ("CreateInstance", '<IPARAMVALUE NAME="NewInstance"><VALUE>1</VALUE>', 4),
        ("CreateInstance", '<IPARAMVALUE NAME="Instance"><INSTANCE CLASSNAME="A"/>', 4),
        ("ModifyInstance", '<IPARAMVALUE NAME="ModifiedInstance"><INSTANCE CLASSNAME="A"/>', 4),
        ("SetProperty", '<IPARAMVALUE NAME="PropertyName"><VALUE>1</VALUE>', 4),
        ("ExecQuery", '<IPARAMVALUE NAME="Query"><VALUE>1</VALUE>', 4),
        ("DeleteClass", '<IPARAMVALUE NAME="ClassName"><CLASSNAME NAME=""/>', 4),
        ("CreateClass", '<IPARAMVALUE NAME="NewClass"><CLASS NAME="1x"/>', 4),
    ],
)
def test_parameters_that_are_missing_or_of_the_wrong_kind_are_faults_of_the_operation(
    name: str, parameters: str, expected: int
) -> None:
    with pytest.raises(OperationError) as caught:
        parse_message(intrinsic(name, f"{parameters}</IPARAMVALUE>"))
    assert caught.value.cim_error.status_code == expected


def test_a_modified_instance_comes_with_its_path() -> None:
    inside = '<INSTANCENAME CLASSNAME="A"><KEYVALUE>1</KEYVALUE></INSTANCENAME>'
    body = intrinsic(
        "ModifyInstance",
        f'<IPARAMVALUE NAME="ModifiedInstance"><VALUE.NAMEDINSTANCE>{inside}'
        '<INSTANCE CLASSNAME="A"/></VALUE.NAMEDINSTANCE></IPARAMVALUE>'
        '<IPARAMVALUE NAME="PropertyList"><VALUE.ARRAY><VALUE>a</VALUE><VALUE>A</VALUE>'
        "</VALUE.ARRAY></IPARAMVALUE>"
        '<IPARAMVALUE NAME="IncludeQualifiers"><VALUE>false</VALUE></IPARAMVALUE>',
    )
    message = parse_message(body)
    assert isinstance(message, Message)
    asked = message.operation
    assert isinstance(asked, operations.ModifyInstance)
    assert asked.properties == ("A",)
    assert asked.instance.path.keybindings == {None: "1"}
    assert asked.instance.path.namespace == asked.namespace
