"""What the standards demand of an answer, as tables of raw requests to a whole server.

Written from the documents, without a look at the server: DSP0200 1.4 (HTTP headers, operations,
status codes), DSP0201 2.4 and DSP0203 (XML). Every answer is also held against the DTD.
"""

import re
from collections.abc import Iterator
from xml.sax.saxutils import escape

import pytest

from tests.cim import dtd
from tests.cim.mapping.things import ThingSite, thing_site
from tests.cim.server.harness import OPERATOR, Reply, basic, read_reply

HEADERS = {
    "Host": "localhost",
    "Content-Type": 'application/xml; charset="utf-8"',
    "CIMOperation": "MethodCall",
    "Authorization": basic(*OPERATOR),
}
MISMATCH, NOT_VALID, BROKEN = "header-mismatch", "request-not-valid", "request-not-well-formed"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ThingSite]:
    with thing_site(tmp_path_factory.mktemp("standard")) as found:
        for name in ("1", "2"):
            instance = (
                f'<INSTANCE CLASSNAME="TST_Thing">{prop("Id", "string", name)}'
                f"{prop('a_uint8', 'uint8', name)}</INSTANCE>"
            )
            assert b"ERROR" not in ask(found, "CreateInstance", given("NewInstance", instance)).body
        yield found


def prop(name: str, kind: str, value: str) -> str:
    return f'<PROPERTY NAME="{name}" TYPE="{kind}"><VALUE>{escape(value)}</VALUE></PROPERTY>'


def given(name: str, content: str) -> str:
    return f'<IPARAMVALUE NAME="{name}">{content}</IPARAMVALUE>'


def text(name: str, value: str | int) -> str:
    return given(name, f"<VALUE>{escape(str(value))}</VALUE>")


def named(name: str, class_name: str) -> str:
    return given(name, f'<CLASSNAME NAME="{class_name}"/>')


def key(value: str, name: str = "Id", kind: str = ' VALUETYPE="string"') -> str:
    return f'<KEYBINDING NAME="{name}"><KEYVALUE{kind}>{escape(value)}</KEYVALUE></KEYBINDING>'


def thing(*keys: str, class_name: str = "TST_Thing") -> str:
    return f'<INSTANCENAME CLASSNAME="{class_name}">{"".join(keys)}</INSTANCENAME>'


def of(*keys: str, class_name: str = "TST_Thing") -> str:
    return given("InstanceName", thing(*keys, class_name=class_name))


def call(operation: str, parameters: str, namespace: str = "root/cimv2") -> str:
    parts = "".join(f'<NAMESPACE NAME="{part}"/>' for part in namespace.split("/"))
    path = f"<LOCALNAMESPACEPATH>{parts}</LOCALNAMESPACEPATH>"
    return f'<IMETHODCALL NAME="{operation}">{path}{parameters}</IMETHODCALL>'


def message(content: str) -> str:
    return (
        '<?xml version="1.0" encoding="utf-8" ?>\n<CIM CIMVERSION="2.0" DTDVERSION="2.0">'
        f'<MESSAGE ID="42" PROTOCOLVERSION="1.0">{content}</MESSAGE></CIM>'
    )


def send(
    site: ThingSite, body: str | bytes, headers: dict[str, str | None], verb: str = "POST"
) -> Reply:
    """Return the answer to a request; a header that is None is left out."""
    content = body.encode() if isinstance(body, str) else body
    whole = {**HEADERS, "Content-Length": str(len(content)), **headers}
    lines = [f"{name}: {value}" for name, value in whole.items() if value is not None]
    head = "\r\n".join([f"{verb} /cimom HTTP/1.1", *lines, "", ""])
    with site.served.connect() as stream:
        stream.sendall(head.encode() + content)
        return read_reply(stream)


def ask(
    site: ThingSite, operation: str, parameters: str = "", namespace: str = "root/cimv2"
) -> Reply:
    """Return the answer to an intrinsic operation, which fits the DTD whatever it says."""
    body = message(f"<SIMPLEREQ>{call(operation, parameters, namespace)}</SIMPLEREQ>")
    reply = send(site, body, {"CIMMethod": operation, "CIMObject": namespace})
    if reply.status == 200:
        assert dtd.faults(reply.body) == []
        assert b'ID="42"' in reply.body
        assert f'<IMETHODRESPONSE NAME="{operation}">'.encode() in reply.body
        assert reply.headers["cimoperation"] == "MethodResponse"
        assert reply.headers["content-type"] == 'application/xml; charset="utf-8"'
        assert "www-authenticate" not in reply.headers
    return reply


def code_of(reply: Reply) -> int:
    """Return the CIM error of an answer, 0 if there is none."""
    assert reply.status == 200, reply
    found = re.search(rb'<ERROR CODE="(\d+)" DESCRIPTION="([^"]{8,})">', reply.body)
    return int(found[1]) if found else 0


NAMES = "EnumerateInstanceNames"
GOOD = message(f"<SIMPLEREQ>{call(NAMES, named('ClassName', 'TST_Thing'))}</SIMPLEREQ>")
USUAL: dict[str, str | None] = {"CIMMethod": NAMES, "CIMObject": "root/cimv2"}


@pytest.mark.parametrize(
    ("headers", "status", "cim_error"),
    [
        ({}, 200, None),
        ({"CIMObject": "root%2Fcimv2"}, 200, None),
        ({"CIMObject": "ROOT%2fCimV2"}, 200, None),
        ({"CIMMethod": "Enumerate%49nstanceNames"}, 200, None),
        ({"CIMOperation": "methodCALL"}, 200, None),
        ({"CIMProtocolVersion": "1.0"}, 200, None),
        ({"Content-Type": "text/xml"}, 200, None),
        ({"Content-Type": "application/xml;charset=UTF-8"}, 200, None),
        ({"Content-Length": f"{len(GOOD):010d}"}, 200, None),
        ({"Accept": "*/*", "TE": "chunked, trailers", "Accept-Language": "de"}, 200, None),
        ({"CIMOperation": None}, 400, None),
        ({"CIMOperation": "Foo"}, 400, "unsupported-operation"),
        ({"CIMMethod": None}, 400, MISMATCH),
        ({"CIMMethod": "GetClass"}, 400, MISMATCH),
        ({"CIMMethod": NAMES + "%2"}, 400, MISMATCH),
        ({"CIMObject": None}, 400, MISMATCH),
        ({"CIMObject": "root"}, 400, MISMATCH),
        ({"CIMObject": "root%2Gcimv2"}, 400, MISMATCH),
        ({"CIMObject": "root/cimv2:TST_Thing"}, 400, MISMATCH),
        ({"CIMProtocolVersion": "1.1"}, 400, MISMATCH),
        ({"CIMProtocolVersion": "2.0"}, 501, "unsupported-protocol-version"),
        ({"CIMBatch": ""}, 400, MISMATCH),
        ({"Host": None}, 400, None),
        ({"Content-Type": "text/html"}, 415, None),
        ({"Accept": "text/html"}, 406, None),
        ({"Authorization": None}, 401, None),
        ({"Authorization": "Basic !!!"}, 401, None),
        ({"Authorization": "Negotiate abc"}, 401, None),
        ({"Expect": "the unexpected"}, 417, None),
        ({"Transfer-Encoding": "gzip", "Content-Length": None}, 501, None),
        ({"Content-Encoding": "gzip"}, 415, None),
    ],
)
def test_headers_of_a_request(
    site: ThingSite, headers: dict[str, str | None], status: int, cim_error: str | None
) -> None:
    reply = send(site, GOOD, {**USUAL, **headers})
    assert (reply.status, reply.headers.get("cimerror")) == (status, cim_error)
    assert ("www-authenticate" in reply.headers) is (status == 401)
    assert "content-length" in reply.headers or reply.headers["connection"] == "close"


def cut(pattern: str, by: str = "") -> str:
    """Return the good request with a part of it replaced."""
    found, count = re.subn(pattern, by, GOOD, count=1, flags=re.DOTALL)
    assert count == 1
    return found


@pytest.mark.parametrize(
    ("body", "status", "cim_error"),
    [
        (cut(r"<\?xml[^>]*>\n"), 200, None),
        (b"\xef\xbb\xbf" + GOOD.encode(), 200, None),
        (GOOD.replace("><", ">\r\n\t<"), 200, None),
        (cut("<SIMPLEREQ>", "<!-- a --><?b c?><SIMPLEREQ>"), 200, None),
        (GOOD.replace('"', "'"), 200, None),
        (cut("TST_Thing", "TST&#95;&#x54;hing"), 200, None),
        (cut("2.0", "2.9"), 200, None),
        (cut('DTDVERSION="2.0"', 'DTDVERSION="2.4.1"'), 200, None),
        (cut('CIMVERSION="2.0"', 'CIMVERSION="3.0"'), 501, "unsupported-cim-version"),
        (cut('DTDVERSION="2.0"', 'DTDVERSION="1.0"'), 501, "unsupported-dtd-version"),
        (
            cut('PROTOCOLVERSION="1.0"', 'PROTOCOLVERSION="2.0"'),
            501,
            "unsupported-protocol-version",
        ),
        ("", 400, BROKEN),
        (GOOD[:-9], 400, BROKEN),
        (GOOD + "x", 400, BROKEN),
        (cut("TST_Thing", "a&b"), 400, BROKEN),
        (cut("TST_Thing", "&#1;"), 400, BROKEN),
        (cut("TST_Thing", "&#xFFFE;"), 400, BROKEN),
        (GOOD.encode().replace(b"TST_Thing", b"\xc3"), 400, BROKEN),
        (GOOD.encode().replace(b"TST_Thing", b"\xed\xa0\x80"), 400, BROKEN),
        (cut("<CIM ", "<!DOCTYPE CIM><CIM "), 400, NOT_VALID),
        (cut(' ID="42"'), 400, NOT_VALID),
        (cut(' CIMVERSION="2.0"'), 400, NOT_VALID),
        (cut("<SIMPLEREQ>", '<SIMPLEREQ FOO="1">'), 400, NOT_VALID),
        (cut("<IPARAMVALUE", "<FOO/><IPARAMVALUE"), 400, NOT_VALID),
        (cut("<IPARAMVALUE", "text<IPARAMVALUE"), 400, NOT_VALID),
        (cut("<LOCALNAMESPACEPATH>.*</LOCALNAMESPACEPATH>"), 400, NOT_VALID),
        (cut("<IMETHODCALL.*</IMETHODCALL>"), 400, NOT_VALID),
        (cut("(<IMETHODCALL.*</IMETHODCALL>)", r"\1\1"), 400, NOT_VALID),
        (cut(f' NAME="{NAMES}"'), 400, NOT_VALID),
        ("<a>" * 5_000 + "</a>" * 5_000, 400, NOT_VALID),
    ],
)
def test_xml_of_a_request(
    site: ThingSite, body: str | bytes, status: int, cim_error: str | None
) -> None:
    reply = send(site, body, USUAL)
    assert (reply.status, reply.headers.get("cimerror")) == (status, cim_error)


ONE, GONE = key("1"), key("gone")
TOO_MANY = named("ClassName", "TST_Thing") + text("ClassName", "x")
ALL = text("MaxObjectCount", 100)
FQL = text("FilterQueryLanguage", "DMTF:FQL")
FILTER = FQL + text("FilterQuery", "a_uint8 = 1")


def query(words: str, language: str = "WQL") -> str:
    return text("QueryLanguage", language) + text("Query", words)


def changed(
    *properties: str, keys: str = ONE, class_name: str = "TST_Thing", more: str = ""
) -> str:
    instance = f'<INSTANCE CLASSNAME="{class_name}">{"".join(properties)}</INSTANCE>'
    whole = f"<VALUE.NAMEDINSTANCE>{thing(keys, class_name=class_name)}{instance}"
    return given("ModifiedInstance", f"{whole}</VALUE.NAMEDINSTANCE>") + more


def new(*properties: str, class_name: str = "TST_Thing") -> str:
    return given(
        "NewInstance", f'<INSTANCE CLASSNAME="{class_name}">{"".join(properties)}</INSTANCE>'
    )


@pytest.mark.parametrize(
    ("operation", "parameters", "code"),
    [
        ("GetInstance", of(ONE), 0),
        ("GetInstance", of(ONE, class_name="tst_THING"), 0),
        ("GetInstance", of(key("1", "ID")), 0),
        ("GetInstance", of(key("1", kind="")), 0),
        ("GetInstance", of("<KEYVALUE>1</KEYVALUE>"), 0),
        ("GetInstance", of(ONE) + given("PropertyList", "<VALUE.ARRAY/>"), 0),
        ("GetInstance", of(ONE) + '<IPARAMVALUE NAME="LocalOnly"/>', 0),
        ("GetInstance", of(ONE) + text("LocalOnly", " tRuE\n"), 0),
        ("GetInstance", of(ONE) + text("LocalOnly", "1"), 4),
        ("GetInstance", of(ONE) + text("Foo", "1"), 4),
        ("GetInstance", of(ONE) + of(ONE).replace("InstanceName", "INSTANCENAME", 1), 4),
        ("GetInstance", of(key("1", "Colour")), 4),
        ("GetInstance", of(), 4),
        ("GetInstance", "", 4),
        ("GetInstance", '<IPARAMVALUE NAME="InstanceName"></IPARAMVALUE>', 4),
        ("GetInstance", of(GONE, class_name="Nope"), 5),
        ("GetInstance", of(GONE), 6),
        (NAMES, TOO_MANY, 4),
        (NAMES, named("ClassName", "1bad"), 4),
        (NAMES, named("ClassName", "Nope"), 5),
        ("EnumerateInstances", named("ClassName", "TST_Base"), 0),
        ("GetClass", named("ClassName", "tst_thing"), 0),
        ("GetClass", named("ClassName", "Nope"), 6),
        ("EnumerateClasses", text("DeepInheritance", "TRUE"), 0),
        ("EnumerateClasses", named("ClassName", "Nope"), 5),
        ("EnumerateClassNames", '<IPARAMVALUE NAME="ClassName"/>', 0),
        ("EnumerateQualifiers", "", 0),
        ("GetQualifier", text("QualifierName", "KEY"), 0),
        ("GetQualifier", text("QualifierName", "Nope"), 6),
        ("DeleteClass", named("ClassName", "TST_Thing"), 7),
        ("CreateClass", given("NewClass", '<CLASS NAME="A"/>'), 7),
        ("NoSuchOperation", text("Foo", "1"), 7),
        ("Associators", given("ObjectName", thing(ONE)), 0),
        ("AssociatorNames", given("ObjectName", '<CLASSNAME NAME="TST_Thing"/>'), 0),
        ("References", given("ObjectName", '<CLASSNAME NAME="TST_Thing"/>'), 0),
        ("ReferenceNames", given("ObjectName", thing(ONE)) + text("Role", "nobody"), 0),
        ("Associators", given("ObjectName", thing(ONE)) + named("AssocClass", "Nope"), 4),
        ("GetProperty", of(ONE) + text("PropertyName", "A_UINT8"), 0),
        ("GetProperty", of(ONE) + text("PropertyName", "Nope"), 12),
        ("SetProperty", of(ONE) + text("PropertyName", "a_uint8") + text("NewValue", 300), 13),
        ("CreateInstance", new(prop("Id", "string", "1")), 11),
        ("CreateInstance", new(prop("Id", "string", "9"), prop("Nope", "string", "x")), 4),
        ("CreateInstance", new(prop("Id", "string", "9"), prop("a_uint8", "uint16", "1")), 4),
        ("CreateInstance", new(prop("Id", "string", "9"), prop("a_uint8", "uint8", "256")), 4),
        ("CreateInstance", new(class_name="Nope"), 5),
        ("CreateInstance", new(prop("Id", "string", "9"), class_name="TST_Base"), 7),
        ("ModifyInstance", changed(prop("a_uint8", "uint8", "1")), 0),
        ("ModifyInstance", changed(prop("Id", "string", "5")), 4),
        ("ModifyInstance", changed(prop("Nope", "string", "5")), 12),
        ("ModifyInstance", changed(prop("a_uint8", "uint8", "1"), keys=GONE), 6),
        ("DeleteInstance", of(GONE), 6),
        ("ExecQuery", query("SELECT * FROM TST_Thing WHERE a_uint8 = 1"), 0),
        ("ExecQuery", query("select Id from TST_THING", "DMTF:CQL"), 0),
        ("ExecQuery", query("SELECT * FROM TST_Thing", "wql"), 14),
        ("ExecQuery", query("SELECT * FROM TST_Thing WHERE"), 15),
        ("ExecQuery", query("SELECT * FROM TST_Thing WHERE a_uint8 = 'x'"), 15),
        ("ExecQuery", query("SELECT * FROM TST_Thing ORDER BY Id"), 29),
        ("ExecQuery", text("QueryLanguage", "WQL"), 4),
        ("OpenEnumerateInstances", named("ClassName", "TST_Thing"), 0),
        ("OpenEnumerateInstances", named("ClassName", "TST_Thing") + ALL + FILTER, 0),
        ("OpenEnumerateInstancePaths", named("ClassName", "TST_Thing") + ALL, 0),
        ("OpenReferenceInstances", of(ONE) + ALL, 0),
        ("OpenAssociatorInstancePaths", of(ONE) + ALL, 0),
        ("OpenEnumerateInstances", named("ClassName", "Nope"), 5),
        (
            "OpenEnumerateInstances",
            named("ClassName", "TST_Thing") + text("OperationTimeout", 0),
            22,
        ),
        ("OpenEnumerateInstances", named("ClassName", "TST_Thing") + text("MaxObjectCount", -1), 4),
        ("OpenEnumerateInstances", named("ClassName", "TST_Thing") + FQL, 4),
        ("PullInstancesWithPath", text("EnumerationContext", "guessed") + ALL, 21),
        ("PullInstancePaths", text("EnumerationContext", "guessed"), 4),
        ("PullInstances", ALL, 4),
        ("CloseEnumeration", text("EnumerationContext", "guessed"), 21),
    ],
)
def test_status_of_an_operation(
    site: ThingSite, operation: str, parameters: str, code: int
) -> None:
    assert code_of(ask(site, operation, parameters)) == code
    assert code_of(ask(site, operation, parameters, "root/nowhere")) in (3, 7 if code == 7 else 3)


@pytest.mark.parametrize(
    "keys",
    [
        key("1", kind=' VALUETYPE="colour"'),
        '<KEYBINDING NAME="Id"></KEYBINDING>',
        '<KEYBINDING NAME="Id"><VALUE>1</VALUE></KEYBINDING>',
    ],
)
def test_keys_of_a_form_that_there_is_not(site: ThingSite, keys: str) -> None:
    reply = ask(site, "GetInstance", of(keys))
    assert (reply.status, reply.headers["cimerror"]) == (400, NOT_VALID)


def test_each_operation_of_a_batch_has_its_answer_in_its_place(site: ThingSite) -> None:
    calls = (
        call(NAMES, named("ClassName", "TST_Thing")),
        call(NAMES, named("ClassName", "Nope")),
        call("NoSuchOperation", ""),
        call("EnumerateClassNames", "", "interop"),
    )
    requests = "".join(f"<SIMPLEREQ>{each}</SIMPLEREQ>" for each in calls)
    body = message(f"<MULTIREQ>{requests}</MULTIREQ>")
    reply = send(site, body, {"CIMBatch": ""})
    assert reply.status == 200
    assert dtd.faults(reply.body) == []
    answers = re.findall(rb"<SIMPLERSP>.*?</SIMPLERSP>", reply.body, re.DOTALL)
    codes = [re.findall(rb'<ERROR CODE="(\d+)"', answer) for answer in answers]
    assert codes == [[], [b"5"], [b"7"], []]
    assert send(site, body, {}).headers["cimerror"] == MISMATCH
    assert send(site, body, USUAL).headers["cimerror"] == MISMATCH


@pytest.mark.parametrize("number", ["48", "03"])
def test_mandatory_post_has_its_prefix_and_its_answer_one_as_well(
    site: ThingSite, number: str
) -> None:
    man = f"http://www.dmtf.org/cim/mapping/http/v1.0 ; ns={number}"
    names = {f"{number}-{name}": value for name, value in USUAL.items()}
    headers: dict[str, str | None] = {"CIMOperation": None, f"{number}-CIMOperation": "MethodCall"}
    reply = send(site, GOOD, {**headers, **names, "Man": man}, "M-POST")
    assert (reply.status, reply.headers["ext"], reply.headers["cache-control"]) == (
        *(200, ""),
        "no-cache",
    )
    answered = re.fullmatch(r"\S*v1\.0\s*;\s*ns=(\d\d)", reply.headers["man"])
    assert answered is not None
    assert reply.headers[f"{answered[1]}-cimoperation"] == "MethodResponse"
    for wrong in (None, "http://example.org/x ; ns=48", man.replace(number, "77")):
        refused = send(site, GOOD, {**headers, **names, "Man": wrong}, "M-POST")
        assert refused.status in (400, 510)
