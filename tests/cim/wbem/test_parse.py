"""Requests of real clients become the operations that they mean."""

import pytest
import pywbem

from cim_provider.wbem import operations
from cim_provider.wbem.operations import Filters, Selection
from cim_provider.wbem.parse import parse_message
from tests.cim.wbem.bodies import CALL, intrinsic, method_call
from tests.cim.wbem.loopback import asked

NODE = pywbem.CIMInstanceName(
    "HA_Node", {"CreationClassName": "HA_Node", "Name": 'a "b" é,=\\'}, namespace="root/ha"
)
MEMBER = pywbem.CIMInstanceName(
    "HA_Member",
    {"Group": pywbem.CIMInstanceName("HA_Group", {"Id": "g"}, namespace="root/ha"), "Member": NODE},
    namespace="root/ha",
)
TYPED = pywbem.CIMInstanceName(
    "HA_Slot", {"Number": pywbem.Uint16(7), "Active": True}, namespace="root/ha"
)


@pytest.mark.parametrize(
    ("send", "expected"),
    [
        (lambda c: c.GetInstance(NODE), operations.GetInstance("root/ha", NODE)),
        (lambda c: c.GetInstance(MEMBER), operations.GetInstance("root/ha", MEMBER)),
        (lambda c: c.GetInstance(TYPED), operations.GetInstance("root/ha", TYPED)),
        (
            lambda c: c.GetInstance(
                NODE, LocalOnly=True, IncludeQualifiers=True, IncludeClassOrigin=True
            ),
            operations.GetInstance("root/ha", NODE, Selection(False, True, True)),
        ),
        (
            lambda c: c.EnumerateInstances("HA_Node", PropertyList=["Name", "name", "State"]),
            operations.EnumerateInstances(
                "root/ha", "HA_Node", True, Selection(properties=("name", "State"))
            ),
        ),
        (
            lambda c: c.EnumerateInstances("HA_Node", DeepInheritance=False, PropertyList=[]),
            operations.EnumerateInstances("root/ha", "HA_Node", False, Selection(properties=())),
        ),
        (
            lambda c: c.EnumerateInstanceNames("HA_Node", namespace="interop"),
            operations.EnumerateInstanceNames("interop", "HA_Node"),
        ),
        (
            lambda c: c.Associators(NODE, "A", "R", "role", "other", IncludeClassOrigin=True),
            operations.Associators(
                "root/ha",
                NODE,
                Filters("A", "R", "role", "other"),
                Selection(include_class_origin=True),
            ),
        ),
        (
            lambda c: c.AssociatorNames("HA_Node", ResultClass="R"),
            operations.AssociatorNames("root/ha", "HA_Node", Filters(result_class="R")),
        ),
        (
            lambda c: c.References(NODE, ResultClass="A", Role="r"),
            operations.References("root/ha", NODE, Filters(assoc_class="A", role="r")),
        ),
        (
            lambda c: c.ReferenceNames(NODE),
            operations.ReferenceNames("root/ha", NODE),
        ),
        (lambda c: c.GetClass("HA_Node"), operations.GetClass("root/ha", "HA_Node")),
        (
            lambda c: c.GetClass("HA_Node", LocalOnly=False, IncludeQualifiers=False),
            operations.GetClass("root/ha", "HA_Node", Selection()),
        ),
        (lambda c: c.EnumerateClasses(), operations.EnumerateClasses("root/ha")),
        (
            lambda c: c.EnumerateClassNames(ClassName="HA_Node", DeepInheritance=True),
            operations.EnumerateClassNames("root/ha", "HA_Node", True),
        ),
        (lambda c: c.GetQualifier("Key"), operations.GetQualifier("root/ha", "Key")),
        (lambda c: c.EnumerateQualifiers(), operations.EnumerateQualifiers("root/ha")),
        (
            lambda c: c.InvokeMethod("SetStandby", NODE, Standby=True),
            operations.InvokeMethod("root/ha", NODE, "SetStandby", (("Standby", True),)),
        ),
        (
            lambda c: c.InvokeMethod("Refresh", "HA_Node"),
            operations.InvokeMethod("root/ha", "HA_Node", "Refresh"),
        ),
    ],
)
def test_each_call_of_pywbem_becomes_its_operation(send, expected):
    assert asked(send) == expected


def test_method_parameters_keep_types_order_and_null():
    moment = pywbem.CIMDateTime("20261124120000.000000+060")
    given = [
        ("Count", pywbem.Uint32(3)),
        ("Ratio", pywbem.Real64(0.1)),
        ("Names", ["x", "y"]),
        ("Sizes", [pywbem.Sint8(-1), pywbem.Sint8(2)]),
        ("Node", NODE),
        ("Nodes", [NODE, TYPED]),
        ("When", moment),
        ("Nothing", None),
    ]
    operation = asked(lambda c: c.InvokeMethod("Go", NODE, given))
    assert list(operation.parameters) == given
    assert isinstance(operation.parameters[0][1], pywbem.Uint32)
    assert isinstance(operation.parameters[3][1][0], pywbem.Sint8)


def test_embedded_instances_are_read_however_deep_they_are():
    innermost = pywbem.CIMInstance("HA_Setting", {"Name": "<a&b>"})
    inner = pywbem.CIMInstance("HA_Setting", {"Name": "x", "Part": innermost, "Parts": [innermost]})
    operation = asked(lambda c: c.InvokeMethod("Go", NODE, Setting=inner, Settings=[inner, inner]))
    assert operation.parameters == (("Setting", inner), ("Settings", [inner, inner]))


def test_wbemcli_enumeration_is_read():
    message = parse_message(CALL)
    assert message.message_id == "4711"
    assert message.method == "EnumerateInstances"
    assert message.operation == operations.EnumerateInstances(
        "root/ha", "HA_Node", True, Selection(include_class_origin=True)
    )


def test_method_parameter_without_type_is_a_string():
    body = method_call('<PARAMVALUE NAME="Standby"><VALUE>true</VALUE></PARAMVALUE>')
    assert parse_message(body).operation.parameters == (("Standby", "true"),)


def test_operation_and_parameter_names_are_matched_in_any_case():
    body = intrinsic(
        "enumerateINSTANCENAMES",
        '<IPARAMVALUE NAME="CLASSname"><CLASSNAME NAME="HA_Node"/></IPARAMVALUE>',
    )
    message = parse_message(body)
    assert message.operation == operations.EnumerateInstanceNames("root/ha", "HA_Node")
    assert message.method == "enumerateINSTANCENAMES"


def test_parameter_without_value_is_null():
    body = intrinsic("EnumerateClassNames", '<IPARAMVALUE NAME="ClassName"/>')
    assert parse_message(body).operation == operations.EnumerateClassNames("root/ha")


def test_empty_class_name_starts_at_the_top():
    body = intrinsic(
        "EnumerateClasses", '<IPARAMVALUE NAME="ClassName"><CLASSNAME NAME=""/></IPARAMVALUE>'
    )
    assert parse_message(body).operation == operations.EnumerateClasses("root/ha")


def test_lone_key_value_has_no_name():
    body = intrinsic(
        "GetInstance",
        '<IPARAMVALUE NAME="InstanceName"><INSTANCENAME CLASSNAME="HA_Node">'
        "<KEYVALUE>n1</KEYVALUE></INSTANCENAME></IPARAMVALUE>",
    )
    assert dict(parse_message(body).operation.path.keybindings.items()) == {None: "n1"}


@pytest.mark.parametrize(
    ("attributes", "text", "value"),
    [
        ("", " n1 ", " n1 "),
        ('VALUETYPE="string"', "", ""),
        ('VALUETYPE="boolean"', " True ", True),
        ('VALUETYPE="numeric"', " 0x10 ", "0x10"),
        ('VALUETYPE="numeric"', "1.5e1", "1.5e1"),
        ('VALUETYPE="numeric" TYPE="uint8"', "255", 255),
        ('TYPE="sint32"', "-4", -4),
        ('VALUETYPE="string" TYPE="string"', "<![CDATA[<a>]]>&amp;", "<a>&"),
    ],
)
def test_key_values_are_read_by_their_type(attributes, text, value):
    body = intrinsic(
        "GetInstance",
        '<IPARAMVALUE NAME="InstanceName"><INSTANCENAME CLASSNAME="C"><KEYBINDING NAME="K">'
        f"<KEYVALUE {attributes}>{text}</KEYVALUE></KEYBINDING></INSTANCENAME></IPARAMVALUE>",
    )
    read = parse_message(body).operation.path.keybindings["K"]
    assert read == value
    assert isinstance(read, type(value))


@pytest.mark.parametrize("prefix", ["\ufeff", "", '<?xml version="1.0" encoding="latin-1"?>'])
def test_body_is_utf8_whatever_its_declaration_says(prefix):
    body = method_call('<PARAMVALUE NAME="A"><VALUE>é</VALUE></PARAMVALUE>')
    operation = parse_message(prefix.encode() + body).operation
    assert operation.parameters == (("A", "é"),)


def test_comments_and_blanks_between_elements_do_not_matter():
    body = method_call(
        ' <!-- c -->\n<PARAMVALUE NAME="A"><VALUE>a<!-- c -->b</VALUE></PARAMVALUE>\t<?p i?>'
    )
    assert parse_message(body).operation.parameters == (("A", "ab"),)
