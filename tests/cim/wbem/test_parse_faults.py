"""What is no request is refused by its proper status; a wrong operation is told as such."""

import random
import re

import pytest

from cim_provider.wbem import parse_tree, parse_values
from cim_provider.wbem.errors import CimErrorHeader, OperationError, ProtocolError
from cim_provider.wbem.parse import parse_message
from tests.cim.wbem.bodies import CALL, NAMESPACE, intrinsic, message, method_call

WELL_FORMED = CimErrorHeader.NOT_WELL_FORMED
VALID = CimErrorHeader.NOT_VALID

BOMB = (
    b'<?xml version="1.0"?><!DOCTYPE CIM [<!ENTITY a "aaaaaaaaaa">'
    b'<!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;">]>'
    + message("<SIMPLEREQ>&c;</SIMPLEREQ>")
)
EXTERNAL = b'<!DOCTYPE CIM SYSTEM "file:///etc/passwd">' + message("<SIMPLEREQ>&x;</SIMPLEREQ>")


def refusal(body: bytes) -> ProtocolError:
    with pytest.raises(ProtocolError) as caught:
        parse_message(body)
    return caught.value


def fault(body: bytes) -> OperationError:
    with pytest.raises(OperationError) as caught:
        parse_message(body)
    return caught.value


@pytest.mark.parametrize(
    ("body", "header"),
    [
        (b"", WELL_FORMED),
        (b"hello", WELL_FORMED),
        (CALL[:-8], WELL_FORMED),
        (CALL + b"<X/>", WELL_FORMED),
        (CALL.replace(b"HA_Node", b"HA_\xff"), WELL_FORMED),
        (CALL.replace(b"HA_Node", b"\xed\xa0\x80"), WELL_FORMED),
        (CALL.replace(b"TRUE", b"&#1;"), WELL_FORMED),
        (CALL.replace(b"TRUE", b"\x00"), WELL_FORMED),
        (CALL.replace(b"TRUE", b"&undeclared;"), WELL_FORMED),
        (CALL.replace(b'ID="4711"', b'ID="4711" ID="4712"'), WELL_FORMED),
        (BOMB, VALID),
        (EXTERNAL, VALID),
        (b"<OTHER/>", VALID),
        (b'<CIM DTDVERSION="2.0"/>', VALID),
        (b'<CIM CIMVERSION="2.0" DTDVERSION="2.0"/>', VALID),
        (CALL.replace(b' ID="4711"', b""), VALID),
        (CALL.replace(b"<SIMPLEREQ>", b"<SIMPLEREQ>text"), VALID),
        (CALL.replace(b"<VALUE>TRUE</VALUE>", b"<BOGUS/>"), VALID),
        (CALL.replace(b"<VALUE>TRUE</VALUE>", b'<VALUE BOGUS="1">TRUE</VALUE>'), VALID),
        (CALL.replace(b'NAME="EnumerateInstances"', b""), VALID),
        (CALL.replace(b'NAME="EnumerateInstances"', b'NAME="1bad"'), VALID),
        (message("<SIMPLEREQ/>"), VALID),
        (message(""), VALID),
        (message("<SIMPLEREQ/><SIMPLEREQ/>"), VALID),
        (intrinsic("GetClass", namespace=""), VALID),
        (intrinsic("GetClass", namespace="") + b" ", VALID),
        (method_call(NAMESPACE), VALID),
        (intrinsic("CreateClass", '<IPARAMVALUE NAME="NewClass"><CLASS/></IPARAMVALUE>'), VALID),
        (message("<MULTIREQ/>"), VALID),
        (message("<MULTIREQ><SIMPLEREQ/><SIMPLEREQ/></MULTIREQ>"), VALID),
        (message("<SIMPLEEXPREQ><EXPMETHODCALL/></SIMPLEEXPREQ>"), "unsupported-operation"),
    ],
)
def test_what_is_no_request_is_refused(body, header):
    error = refusal(body)
    assert (error.http_status, error.cim_error) == (400, header), error.text


@pytest.mark.parametrize(
    ("body", "header"),
    [
        (message("", cim="3.0"), "unsupported-cim-version"),
        (message("", cim="2"), "unsupported-cim-version"),
        (message("", dtd="1.0"), "unsupported-dtd-version"),
        (message("", dtd="2.x"), "unsupported-dtd-version"),
        (message("", protocol="2.0"), "unsupported-protocol-version"),
    ],
)
def test_versions_we_do_not_speak_are_not_implemented(body, header):
    error = refusal(body)
    assert (error.http_status, error.cim_error) == (501, header)


@pytest.mark.parametrize(
    ("cim", "dtd", "protocol"), [("2.3", "2.4", "1.4"), ("2.0", "2.3.1", "1.0")]
)
def test_higher_minor_versions_are_accepted(cim, dtd, protocol):
    call = (
        f'<SIMPLEREQ><IMETHODCALL NAME="EnumerateQualifiers">{NAMESPACE}</IMETHODCALL></SIMPLEREQ>'
    )
    read = parse_message(message(call, cim=cim, dtd=dtd, protocol=protocol))
    assert read.protocol_version == protocol


def test_deep_nesting_is_refused_before_it_is_built():
    depth = parse_tree.DEPTH_MAX
    path = '<KEYBINDING NAME="k"><VALUE.REFERENCE><INSTANCENAME CLASSNAME="C">' * depth
    end = "</INSTANCENAME></VALUE.REFERENCE></KEYBINDING>" * depth
    body = intrinsic(
        "GetInstance",
        '<IPARAMVALUE NAME="InstanceName"><INSTANCENAME CLASSNAME="C">'
        f"{path}{end}</INSTANCENAME></IPARAMVALUE>",
    )
    assert "nested deeper" in refusal(body).text


def test_nesting_without_end_inside_ignored_elements_is_refused_too():
    body = intrinsic("CreateClass", '<IPARAMVALUE NAME="N"><CLASS NAME="A">' + "<X>" * 1_000_000)
    assert "nested deeper" in refusal(body).text


def test_a_huge_attribute_is_refused():
    body = intrinsic("G" * (parse_tree.ATTRIBUTE_CHARS_MAX + 1))
    assert "longer than" in refusal(body).text


def test_too_many_elements_are_refused():
    body = method_call("<PARAMVALUE NAME='a'/>" * (parse_tree.ELEMENTS_MAX + 1))
    assert "more than" in refusal(body).text


def test_text_cut_by_comments_takes_linear_time():
    pieces = 100_000
    body = method_call(f'<PARAMVALUE NAME="A"><VALUE>{"a<!---->" * pieces}</VALUE></PARAMVALUE>')
    assert parse_message(body).operation.parameters == (("A", "a" * pieces),)


@pytest.mark.parametrize("name", ["ExportIndication", "Bogus"])
def test_unknown_operation_is_not_supported_and_names_its_message(name):
    error = fault(intrinsic(name, '<IPARAMVALUE NAME="X"><INSTANCE CLASSNAME="C"/></IPARAMVALUE>'))
    assert error.cim_error.status_code == 7
    assert (error.message_id, error.method, error.is_intrinsic) == ("7", name, True)


def _value(name: str, content: str) -> str:
    return f'<IPARAMVALUE NAME="{name}">{content}</IPARAMVALUE>'


CLASS_NAME = _value("ClassName", '<CLASSNAME NAME="C"/>')


def _instance(keys: str, class_name: str = "C") -> str:
    return _value("InstanceName", f'<INSTANCENAME CLASSNAME="{class_name}">{keys}</INSTANCENAME>')


def _key(value: str, name: str = "k") -> str:
    return f'<KEYBINDING NAME="{name}">{value}</KEYBINDING>'


@pytest.mark.parametrize(
    ("name", "parameters", "text"),
    [
        ("GetClass", "", "ClassName: is required"),
        ("GetClass", _value("ClassName", ""), "ClassName: is required"),
        ("GetInstance", "", "InstanceName: is required"),
        ("GetQualifier", "", "QualifierName: is required"),
        ("GetClass", CLASS_NAME + CLASS_NAME, "ClassName is given twice"),
        ("GetClass", CLASS_NAME + CLASS_NAME.replace("ClassName", "CLASSNAME"), "twice"),
        ("GetClass", CLASS_NAME + _value("Other", ""), "Other: no such parameter"),
        ("EnumerateClassNames", _value("LocalOnly", ""), "LocalOnly: no such parameter"),
        ("GetClass", _value("ClassName", "<VALUE>C</VALUE>"), "expected CLASSNAME"),
        ("GetClass", _value("ClassName", '<CLASSNAME NAME="a b"/>'), "'a b' is not a CIM name"),
        (
            "GetClass",
            CLASS_NAME + _value("LocalOnly", "<VALUE>yes</VALUE>"),
            "'yes', expected TRUE",
        ),
        ("GetClass", CLASS_NAME + _value("LocalOnly", "<VALUE/>"), "expected TRUE or FALSE"),
        ("GetClass", CLASS_NAME + _value("PropertyList", "<VALUE>a</VALUE>"), "VALUE.ARRAY"),
        (
            "GetClass",
            CLASS_NAME + _value("PropertyList", "<VALUE.ARRAY><VALUE.NULL/></VALUE.ARRAY>"),
            "a name is NULL",
        ),
        ("GetInstance", _instance(_key("<KEYVALUE/>") * 2), "key k is given twice"),
        ("GetInstance", _instance("", "1bad"), "'1bad' is not a CIM name"),
        ("GetInstance", _instance(_key("<KEYVALUE/>", "a b")), "'a b' is not a CIM name"),
        (
            "GetInstance",
            _instance(_key('<KEYVALUE VALUETYPE="numeric">x</KEYVALUE>')),
            "real value 'x'",
        ),
        (
            "GetInstance",
            _instance(_key('<KEYVALUE VALUETYPE="boolean">1</KEYVALUE>')),
            "boolean value '1'",
        ),
        (
            "GetInstance",
            _instance(_key('<KEYVALUE VALUETYPE="string" TYPE="uint8">1</KEYVALUE>')),
            "key of type uint8 written as string",
        ),
        (
            "GetInstance",
            _instance("".join(_key("<KEYVALUE/>", f"k{n}") for n in range(65))),
            "65 keys, expected at most 64",
        ),
    ],
)
def test_wrong_parameters_are_invalid_and_say_what_is_wrong(name, parameters, text):
    error = fault(intrinsic(name, parameters))
    assert error.cim_error.status_code == 4
    assert text in error.cim_error.status_description


@pytest.mark.parametrize(
    ("cim_type", "value"),
    [
        ("uint8", "256"),
        ("uint8", "-1"),
        ("sint64", "9223372036854775808"),
        ("uint32", ""),
        ("uint32", "1.5"),
        ("uint32", "0x"),
        ("uint32", "\u0663"),
        ("uint64", "9" * 100_000),
        ("real32", "1e"),
        ("real32", "inf"),
        ("real32", "1e39"),
        ("real64", "-1e999"),
        ("real64", "1" * 65),
        ("boolean", "TRUEish"),
        ("char16", ""),
        ("char16", "ab"),
        ("char16", "\U0001f600"),
        ("datetime", "20261324120000.000000+060"),
        ("datetime", "2026-11-24"),
        ("datetime", "00000001240000.000000:000"),
        ("datetime", "00000001006000.000000:000"),
        ("datetime", "00000001000060.000000:000"),
        ("datetime", ""),
        ("reference", "x"),
        ("uint128", "1"),
    ],
)
def test_values_that_do_not_fit_their_type_are_invalid(cim_type, value):
    parameter = f'<PARAMVALUE NAME="P" PARAMTYPE="{cim_type}"><VALUE>{value}</VALUE></PARAMVALUE>'
    error = fault(method_call(parameter))
    assert error.cim_error.status_code == 4
    assert error.cim_error.status_description.startswith("Go: P: ")
    assert (error.method, error.is_intrinsic) == ("Go", False)


def test_an_array_has_a_bound():
    items = "<VALUE/>" * (parse_values.ITEMS_MAX + 1)
    parameter = f'<PARAMVALUE NAME="P"><VALUE.ARRAY>{items}</VALUE.ARRAY></PARAMVALUE>'
    assert "expected at most 10000" in fault(method_call(parameter)).cim_error.status_description


def test_a_method_parameter_given_twice_is_invalid():
    parameter = '<PARAMVALUE NAME="{}"><VALUE/></PARAMVALUE>'
    body = method_call(parameter.format("A") + parameter.format("a"))
    assert fault(body).cim_error.status_code == 4


def test_unknown_value_type_is_not_valid():
    key = _key('<KEYVALUE VALUETYPE="text">x</KEYVALUE>')
    assert refusal(intrinsic("GetInstance", _instance(key))).cim_error == VALID


MUTANTS = 2_000
MIXED = intrinsic(
    "GetInstance",
    _instance(
        _key('<KEYVALUE VALUETYPE="numeric" TYPE="uint8">1</KEYVALUE>')
        + _key(
            "<VALUE.REFERENCE><INSTANCEPATH><NAMESPACEPATH><HOST>h</HOST>"
            f'{NAMESPACE}</NAMESPACEPATH><INSTANCENAME CLASSNAME="D"><KEYVALUE>x</KEYVALUE>'
            "</INSTANCENAME></INSTANCEPATH></VALUE.REFERENCE>",
            "r",
        )
    ),
)
TYPED = method_call(
    '<PARAMVALUE NAME="A" PARAMTYPE="datetime"><VALUE>20261124120000.000000+060</VALUE>'
    '</PARAMVALUE><PARAMVALUE NAME="B" PARAMTYPE="real32"><VALUE.ARRAY><VALUE>1e3</VALUE>'
    "<VALUE.NULL/></VALUE.ARRAY></PARAMVALUE>"
)
WORDS = (b"", b"x", b"numeric", b"uint8", b"datetime", b"reference", b"/", b"9" * 30)


def mutant(pick: random.Random, pieces: list[list[bytes]]) -> bytes:
    """Return a request with tags removed, repeated, exchanged, or given other attributes."""
    tags = list(pick.choice(pieces))
    for _ in range(pick.randint(1, 3)):
        index, other = pick.randrange(len(tags)), pick.choice(pick.choice(pieces))
        word = b'"' + pick.choice(WORDS) + b'"'
        changed = re.sub(rb'"[^"]*"', word, tags[index], count=1)
        tags[index] = pick.choice([b"", other, tags[index] + other, changed])
    return b"".join(tags)


def test_mangled_requests_end_in_an_answer_and_never_in_another_exception():
    pick = random.Random(20261124)
    pieces = [re.findall(rb"<[^>]*>|[^<]+", body) for body in (CALL, MIXED, TYPED)]
    answered = 0
    for _ in range(MUTANTS):
        try:
            parse_message(mutant(pick, pieces))
        except (ProtocolError, OperationError):
            continue
        answered += 1
    assert 0 < answered < MUTANTS
