"""Headers decide what is a CIM operation, and must agree with the body."""

import pytest
import pywbem

from cim_provider.wbem.errors import CimErrorHeader, ProtocolError
from cim_provider.wbem.http import (
    HEADER_CHARS_MAX,
    Expected,
    check_headers,
    collect_headers,
    decode_header,
    error_headers,
    match_call,
    response_headers,
)
from cim_provider.wbem.parse import parse_message
from tests.cim.wbem.bodies import CALL

GOOD = {
    "content-type": 'application/xml; charset="utf-8"',
    "cimoperation": "MethodCall",
    "cimmethod": "EnumerateInstances",
    "cimobject": "root%2Fha",
}
MAN = "http://www.dmtf.org/cim/mapping/http/v1.0"
PATH = pywbem.CIMInstanceName(
    "HA_Slot", {"Name": 'a,"b"=', "Number": pywbem.Uint8(3), "Active": True}, namespace="root/ha"
)
NESTED = pywbem.CIMInstanceName("HA_Member", {"Member": PATH}, namespace="root/ha")


def refusal(changes: dict[str, str | None], method: str = "POST", target: str = "/cimom"):
    headers = {name: value for name, value in {**GOOD, **changes}.items() if value is not None}
    with pytest.raises(ProtocolError) as caught:
        check_headers(method, target, headers)
    return caught.value


def test_plain_post_promises_method_and_object():
    expected = check_headers("POST", "/cimom", GOOD)
    assert expected == Expected("", "EnumerateInstances", "root/ha")


@pytest.mark.parametrize("target", ["/cimom", "/", "/other", "//cimom", "http://server:5988/cimom"])
def test_any_path_is_served(target):
    assert check_headers("POST", target, GOOD).method == "EnumerateInstances"


@pytest.mark.parametrize(
    "man",
    [f"{MAN};ns=07", f"{MAN} ; ns = 07", f'"{MAN}"; ns=07', f"http://other; ns=08, {MAN};ns=07"],
)
def test_headers_of_mpost_have_the_prefix_of_its_extension(man):
    headers = {"content-type": "text/xml", "man": man, "07-cimoperation": "methodcall"}
    headers |= {"07-cimmethod": "GetClass", "07-cimobject": "root/ha"}
    expected = check_headers("M-POST", "/cimom", headers)
    assert expected == Expected("07-", "GetClass", "root/ha")
    assert response_headers("07-")[1:] == [
        ("07-CIMOperation", "MethodResponse"),
        ("Ext", ""),
        ("Man", f"{MAN}; ns=07"),
        ("Cache-Control", "no-cache"),
    ]


def test_prefixed_headers_do_not_count_for_plain_post():
    headers = {f"07-{name}" if name.startswith("cim") else name: GOOD[name] for name in GOOD}
    with pytest.raises(ProtocolError, match="CIMOperation is missing"):
        check_headers("POST", "/cimom", headers | {"man": f"{MAN};ns=07"})


@pytest.mark.parametrize("method", ["GET", "PUT", "OPTIONS", "HEAD", "post", ""])
def test_other_methods_are_not_allowed(method):
    error = refusal({}, method)
    assert error.http_status == 405
    assert ("Allow", "POST, M-POST") in error_headers(error)


@pytest.mark.parametrize("target", ["*", "server:5988", "cimom", ""])
def test_what_is_no_path_is_refused(target):
    assert refusal({}, target=target).http_status == 400


@pytest.mark.parametrize(
    ("changes", "status", "header"),
    [
        ({"content-type": None}, 415, None),
        ({"content-type": "application/json"}, 415, None),
        ({"content-type": "application/xml; charset=latin-1"}, 415, None),
        ({"content-encoding": "gzip"}, 415, None),
        ({"accept": "text/html, application/json"}, 406, None),
        ({"accept": "*/*;q=0"}, 406, None),
        ({"cimoperation": None}, 400, None),
        ({"cimoperation": "MethodRequest"}, 400, "unsupported-operation"),
        ({"cimbatch": ""}, 400, "header-mismatch"),
        ({"cimbatch": "", "cimmethod": None}, 400, "header-mismatch"),
        ({"cimmethod": None}, 400, "header-mismatch"),
        ({"cimobject": None}, 400, "header-mismatch"),
        ({"cimobject": "root%2"}, 400, "header-mismatch"),
        ({"cimobject": "root%zz"}, 400, "header-mismatch"),
        ({"cimobject": "root%ff"}, 400, "header-mismatch"),
        ({"cimobject": "r" * (HEADER_CHARS_MAX + 1)}, 400, "header-mismatch"),
        ({"cimprotocolversion": "2.0"}, 501, "unsupported-protocol-version"),
    ],
)
def test_each_wrong_header_has_its_status(changes, status, header):
    error = refusal(changes)
    assert (error.http_status, error.cim_error) == (status, header)


@pytest.mark.parametrize("man", [None, "http://other; ns=07", f"{MAN}; ns=7", f"{MAN}; ns=077"])
def test_mpost_without_its_extension_is_refused(man):
    assert refusal({"man": man}, "M-POST").http_status == 400


@pytest.mark.parametrize(
    "changes",
    [
        {"content-type": "text/xml"},
        {"content-type": "Application/XML;charset=UTF-8"},
        {"accept": "*/*"},
        {"accept": "text/html;q=0.5, application/xml;q=0.1"},
        {"accept": ""},
        {"cimoperation": "METHODCALL"},
        {"cimprotocolversion": "1.4"},
    ],
)
def test_what_clients_vary_is_accepted(changes):
    assert check_headers("POST", "/cimom", GOOD | changes).object == "root/ha"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("root%2Fha", "root/ha"),
        ("r%C3%A9", "ré"),
        ("r\xc3\xa9", "ré"),
        ("r\xe9", "ré"),
        ("=?UTF-8?B?cm9vdC9ow6k=?=", "root/hé"),
        ("a=?utf-8?b?L2I=?=%2Fc", "a/b/c"),
    ],
)
def test_header_values_are_decoded(value, text):
    assert decode_header(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("=?utf-8?B?A?=", "encoded word 'A'"),
        ("=?bogus?B?QQ==?=", "encoded word 'QQ=='"),
        ("\u20ac", "can't encode"),
    ],
)
def test_undecodable_header_values_are_errors(value, text):
    with pytest.raises(ValueError, match=text):
        decode_header(value)


@pytest.mark.parametrize(
    "text",
    [
        'root/ha:HA_Slot.Name="a,\\"b\\"=",Number=3,Active=TRUE',
        '/ROOT/HA:ha_slot.active=true,number="3",NAME="a,\\"b\\"="',
        '//server:5989/root/ha:HA_Slot.Name="a,\\"b\\"=",Number=3,Active=TRUE',
    ],
)
def test_object_header_names_the_same_instance_in_many_ways(text):
    match_call(Expected("", "Go", text), "1.0", "go", "root/ha", PATH)


@pytest.mark.parametrize(
    "text",
    [
        "root/ha",
        "root/ha:HA_Slot",
        "root/other:HA_Slot",
        'root/ha:HA_Slot.Name="a",Number=3,Active=TRUE',
        'root/ha:HA_Slot.Name="a,\\"b\\"=",Number=4,Active=TRUE',
        'root/ha:HA_Slot.Name="a,\\"b\\"=",Number=3',
        'root/ha:HA_Other.Name="a,\\"b\\"=",Number=3,Active=TRUE',
        "root/ha:HA_Slot.,",
        "",
    ],
)
def test_object_header_that_names_another_instance_is_a_mismatch(text):
    with pytest.raises(ProtocolError) as caught:
        match_call(Expected("", "Go", text), "1.0", "Go", "root/ha", PATH)
    assert caught.value.cim_error is CimErrorHeader.HEADER_MISMATCH


def test_reference_keys_of_the_object_header_are_not_compared():
    text = 'root/ha:HA_Member.Member="root/ha:HA_Slot.whatever"'
    match_call(Expected("", "Go", text), "1.0", "Go", "root/ha", NESTED)


def test_class_in_the_object_header_is_compared():
    target = pywbem.CIMClassName("HA_Node", namespace="root/ha")
    match_call(Expected("", "Go", "root/ha:ha_node"), "1.0", "Go", "root/ha", target)
    with pytest.raises(ProtocolError):
        match_call(Expected("", "Go", 'root/ha:HA_Node.a="b"'), "1.0", "Go", "root/ha", target)


@pytest.mark.parametrize(
    ("expected", "word"),
    [
        (Expected("", "GetInstance", "root/ha"), "CIMMethod"),
        (Expected("", "EnumerateInstances", "root/other"), "CIMObject"),
        (Expected("", "EnumerateInstances", "root/ha", "1.1"), "CIMProtocolVersion"),
    ],
)
def test_body_that_contradicts_the_headers_is_a_mismatch(expected, word):
    with pytest.raises(ProtocolError, match=word) as caught:
        parse_message(CALL, expected)
    assert caught.value.cim_error is CimErrorHeader.HEADER_MISMATCH


def test_repeated_headers_that_decide_are_refused():
    with pytest.raises(ProtocolError, match="cimobject is given twice"):
        collect_headers([(b"CIMObject", b"a"), (b"cimobject", b"b")])


def test_repeated_accept_headers_are_one_list():
    headers = collect_headers([(b"Accept", b"text/html"), (b"ACCEPT", b" text/xml ")])
    assert headers == {"accept": "text/html, text/xml"}


def test_refusal_says_why_in_a_header_that_cannot_be_split():
    error = ProtocolError(400, CimErrorHeader.NOT_VALID, "bad\r\nX: é")
    assert error_headers(error, "07-")[:2] == [
        ("07-CIMError", "request-not-valid"),
        ("PGErrorDetail", "bad%0D%0AX: %C3%A9"),
    ]
