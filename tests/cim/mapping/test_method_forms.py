"""Method calls in every form: targets, types, arrays, references, embedded objects, NULL."""

from collections.abc import Iterator

import pytest
import pywbem

from cim_provider.wbem import operations, parse_values
from cim_provider.wbem.parse import Message, parse_message
from tests.cim.mapping.test_writing import SAMPLES, fault, plain, status, thing, thing_path
from tests.cim.mapping.things import MODEL, SCALARS, ThingSite, thing_site
from tests.cim.server.harness import OPERATOR, basic

PATH = thing_path("1")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ThingSite]:
    with thing_site(tmp_path_factory.mktemp("methods")) as found:
        for name in ("1", "2", "3"):
            found.client().CreateInstance(thing(name))
        found.client().CreateInstance(thing("s", "TST_SubThing"))
        yield found


@pytest.fixture
def client(site: ThingSite) -> pywbem.WBEMConnection:
    return site.client()


def typed(value: object, kind: str) -> object:
    """Return a value for pywbem to send under that type."""
    if isinstance(value, list):
        return [typed(each, kind) for each in value]
    if kind == "datetime":
        return pywbem.CIMDateTime(value)
    return parse_values.scalar(str(value), kind) if kind.startswith(("u", "s", "r")) else value


@pytest.mark.parametrize("kind", [each for each in SCALARS if each != "char16"])
def test_parameters_of_every_type_come_back_as_they_were_sent(
    client: pywbem.WBEMConnection, kind: str
) -> None:
    samples = typed([each for each in SAMPLES[kind] if "inf" not in str(each)], kind)
    assert isinstance(samples, list)
    for sample in samples:
        params = {f"a_{kind}": sample, f"l_{kind}": samples}
        value, outputs = client.InvokeMethod("Echo", PATH, **params)
        assert value is True
        if kind == "boolean":
            # pywbem 1.9 reads every truth in an answer to a call as true.
            text = f"<VALUE>{str(sample).upper()}</VALUE></PARAMVALUE>"
            assert text.encode() in client.last_raw_reply
            assert b"<VALUE>TRUE</VALUE><VALUE>FALSE</VALUE>" in client.last_raw_reply
            continue
        assert outputs == params
        assert pywbem.cimtype(outputs[f"a_{kind}"]) == kind
    params = [
        pywbem.CIMParameter(f"a_{kind}", kind, value=None),
        pywbem.CIMParameter(f"l_{kind}", kind, value=[], is_array=True),
    ]
    assert client.InvokeMethod("Echo", PATH, params)[1] == {f"l_{kind}": []}


def test_characters_are_sent_with_their_type(client: pywbem.WBEMConnection) -> None:
    params = [
        pywbem.CIMParameter("a_char16", "char16", value="ü"),
        pywbem.CIMParameter("l_char16", "char16", value=["x", "&"], is_array=True),
    ]
    _, outputs = client.InvokeMethod("Echo", PATH, params)
    assert outputs == {"a_char16": "ü", "l_char16": ["x", "&"]}


def test_references_and_embedded_instances_come_back(client: pywbem.WBEMConnection) -> None:
    part = pywbem.CIMInstance("TST_Part", {"Name": "<p>", "Size": pywbem.Uint32(3)})
    friends = [thing_path("2"), thing_path("s", "TST_SubThing")]
    _, outputs = client.InvokeMethod(
        "Echo", PATH, Friend=thing_path("3"), Friends=friends, Part=part, Parts=[part, part]
    )
    assert outputs["Friend"] == thing_path("3")
    assert outputs["Friends"] == friends
    assert plain(outputs["Part"]) == plain(part)
    assert plain(outputs["Parts"]) == plain([part, part])
    assert client.InvokeMethod("Echo", PATH, Friends=[])[1] == {"Friends": []}


def test_methods_of_a_class_are_called_on_the_class_or_an_instance(
    client: pywbem.WBEMConnection,
) -> None:
    add = {"A": pywbem.Uint64(2**63), "B": pywbem.Uint32(5)}
    for target in ("TST_Thing", "tst_subthing", PATH, thing_path("s", "TST_SubThing")):
        assert client.InvokeMethod("Add", target, **add) == (2**63 + 5, {})
    qualified = pywbem.CIMClassName("TST_Thing", namespace="interop")
    assert client.InvokeMethod("aDD", qualified, a=pywbem.Uint64(1)) == (1, {})
    refusal = fault(client.InvokeMethod, "Join", "TST_Thing")
    assert refusal == (4, "TST_Thing.Join is called on an instance, and a class was given")


def test_what_a_method_has_no_value_for_is_left_out(client: pywbem.WBEMConnection) -> None:
    assert client.InvokeMethod("Join", PATH, Texts=["a", "b"]) == ("a+b", {"Count": 2})
    assert client.InvokeMethod("Join", PATH, Texts=[]) == ("", {"Count": 0})
    assert client.InvokeMethod("Join", PATH) == (None, {})


def test_calls_that_are_wrong_are_refused_with_the_right_status(
    client: pywbem.WBEMConnection,
) -> None:
    call = client.InvokeMethod
    one = pywbem.Uint64(1)
    assert fault(call, "Fly", PATH) == (17, "class TST_Thing has no method 'Fly'")
    assert status(call, "Fly", "TST_Thing") == 17
    assert fault(call, "Nothing", PATH) == (16, "TST_Thing.Nothing does nothing here")
    assert status(call, "Add", "TST_Unheard", A=one) == 6
    assert status(call, "Add", thing_path("9"), A=one) == 6
    assert status(call, "Add", pywbem.CIMClassName("TST_Thing", namespace="root/no"), A=one) == 3
    assert status(call, "Join", pywbem.CIMInstanceName("TST_Thing", {"Name": "1"})) == 4
    assert fault(call, "Add", "TST_Thing") == (4, "TST_Thing.Add: parameter A is missing")
    assert status(call, "Add", "TST_Thing", A=pywbem.Uint8(1)) == 4
    assert status(call, "Add", "TST_Thing", A=[one]) == 4
    assert status(call, "Add", "TST_Thing", A=one, C=one) == 4
    assert status(call, "Join", PATH, Count=pywbem.Uint32(1)) == 4
    assert status(call, "Join", PATH, Texts="a") == 4
    assert status(call, "Echo", PATH, Friend=thing_path("9")) == 4
    assert status(call, "Echo", PATH, Friend=pywbem.CIMInstanceName("TST_Part", {"Name": "1"})) == 4
    other = pywbem.CIMInstance("TST_OtherPart", {"Name": "1"})
    assert status(call, "Echo", PATH, Part=other) == 4
    assert status(call, "Echo", PATH, Part="no instance") == 4
    assert status(call, "Echo", PATH, Friend="no path") == 4


def method_call(name: str, parameters: str) -> bytes:
    target = (
        '<LOCALINSTANCEPATH><LOCALNAMESPACEPATH><NAMESPACE NAME="root"/><NAMESPACE NAME="cimv2"/>'
        "</LOCALNAMESPACEPATH><INSTANCENAME CLASSNAME='TST_Thing'><KEYBINDING NAME='Id'>"
        "<KEYVALUE>1</KEYVALUE></KEYBINDING></INSTANCENAME></LOCALINSTANCEPATH>"
    )
    return (
        '<CIM CIMVERSION="2.0" DTDVERSION="2.0"><MESSAGE ID="1" PROTOCOLVERSION="1.0"><SIMPLEREQ>'
        f'<METHODCALL NAME="{name}">{target}{parameters}</METHODCALL>'
        "</SIMPLEREQ></MESSAGE></CIM>"
    ).encode()


def parameters_of(parameters: str) -> dict[str, object]:
    message = parse_message(method_call("Echo", parameters))
    assert isinstance(message, Message)
    assert isinstance(message.operation, operations.InvokeMethod)
    return dict(message.operation.parameters)


def test_parameters_are_read_in_every_form_of_the_standard() -> None:
    name = '<INSTANCENAME CLASSNAME="A"><KEYVALUE>1</KEYVALUE></INSTANCENAME>'
    inside = "&lt;INSTANCE CLASSNAME=&quot;A&quot;/&gt;"
    found = parameters_of(
        '<PARAMVALUE NAME="None"/>'
        '<PARAMVALUE NAME="Untyped"><VALUE>5</VALUE></PARAMVALUE>'
        '<PARAMVALUE NAME="Hex" PARAMTYPE="uint8"><VALUE> 0xFF </VALUE></PARAMVALUE>'
        '<PARAMVALUE NAME="List" PARAMTYPE="sint8"><VALUE.ARRAY><VALUE>-1</VALUE><VALUE.NULL/>'
        "</VALUE.ARRAY></PARAMVALUE>"
        f'<PARAMVALUE NAME="Ref"><VALUE.REFERENCE>{name}</VALUE.REFERENCE></PARAMVALUE>'
        f'<PARAMVALUE NAME="Refs" PARAMTYPE="reference"><VALUE.REFARRAY><VALUE.REFERENCE>{name}'
        "</VALUE.REFERENCE></VALUE.REFARRAY></PARAMVALUE>"
        f'<PARAMVALUE NAME="Bare">{name}</PARAMVALUE>'
        '<PARAMVALUE NAME="Class"><CLASSNAME NAME="A"/></PARAMVALUE>'
        f'<PARAMVALUE NAME="Text" PARAMTYPE="string"><VALUE>{inside}</VALUE></PARAMVALUE>'
        '<PARAMVALUE NAME="In" PARAMTYPE="string" EmbeddedObject="instance">'
        f"<VALUE>{inside}</VALUE></PARAMVALUE>"
        '<PARAMVALUE NAME="Cdata" EMBEDDEDOBJECT="object">'
        '<VALUE><![CDATA[<INSTANCE CLASSNAME="A"/>]]></VALUE></PARAMVALUE>'
        '<PARAMVALUE NAME="Whole"><INSTANCE CLASSNAME="A"></INSTANCE></PARAMVALUE>'
    )
    path, instance = pywbem.CIMInstanceName("A", {None: "1"}), pywbem.CIMInstance("A")
    assert found == {
        "None": None,
        "Untyped": "5",
        "Hex": 255,
        "List": [-1, None],
        "Ref": path,
        "Refs": [path],
        "Bare": path,
        "Class": pywbem.CIMClassName("A"),
        "Text": '<INSTANCE CLASSNAME="A"/>',
        "In": instance,
        "Cdata": instance,
        "Whole": instance,
    }


@pytest.mark.parametrize(
    "parameter",
    [
        '<PARAMVALUE NAME="A" PARAMTYPE="uint8"><VALUE>256</VALUE></PARAMVALUE>',
        '<PARAMVALUE NAME="A" PARAMTYPE="colour"><VALUE>red</VALUE></PARAMVALUE>',
        '<PARAMVALUE NAME="A" PARAMTYPE="reference"><VALUE>red</VALUE></PARAMVALUE>',
        '<PARAMVALUE NAME="A"><VALUE>1</VALUE></PARAMVALUE><PARAMVALUE NAME="a"/>',
        '<PARAMVALUE NAME="A" EmbeddedObject="class"><VALUE>1</VALUE></PARAMVALUE>',
        '<PARAMVALUE NAME="A" EmbeddedObject="instance"><VALUE>red</VALUE></PARAMVALUE>',
        '<PARAMVALUE NAME="A" EmbeddedObject="instance"><VALUE>&lt;VALUE/&gt;</VALUE></PARAMVALUE>',
        '<PARAMVALUE NAME="A" EmbeddedObject="instance" PARAMTYPE="uint8"><VALUE>1</VALUE>'
        "</PARAMVALUE>",
    ],
)
def test_parameters_of_wrong_form_are_faults_of_the_operation(
    site: ThingSite, parameter: str
) -> None:
    assert b'<ERROR CODE="4"' in raw(site, "Echo", parameter)


def raw(site: ThingSite, method: str, parameters: str) -> bytes:
    """Return the answer to a method call as wbemcli would write it."""
    body = method_call(method, parameters)
    head = "\r\n".join(
        (
            "POST /cimom HTTP/1.1",
            "Host: localhost",
            'Content-Type: application/xml; charset="utf-8"',
            "CIMOperation: MethodCall",
            f"CIMMethod: {method}",
            'CIMObject: root%2Fcimv2%3ATST_Thing.Id="1"',
            f"Authorization: {basic(*OPERATOR)}",
            f"Content-Length: {len(body)}",
            "Connection: close",
            "",
            "",
        )
    )
    with site.served.connect() as stream:
        stream.sendall(head.encode() + body)
        found = b""
        while more := stream.recv(65_536):
            found += more
    return found


def test_values_without_a_type_are_read_in_the_declared_one(site: ThingSite) -> None:
    parameters = "".join(
        f'<PARAMVALUE NAME="{name}"><VALUE>{value}</VALUE></PARAMVALUE>'
        for name, value in (
            ("a_uint8", "200"),
            ("a_boolean", "true"),
            ("a_real64", "1.5"),
            ("a_char16", "x"),
            ("a_datetime", "00000001000000.000000:000"),
            ("Friend", f"{MODEL}:TST_Thing.Id=&quot;2&quot;"),
            ("Part", "&lt;INSTANCE CLASSNAME=&quot;TST_Part&quot;/&gt;"),
        )
    )
    answer = raw(site, "Echo", parameters)
    for text in (
        b'NAME="a_uint8" PARAMTYPE="uint8"><VALUE>200<',
        b'NAME="a_boolean" PARAMTYPE="boolean"><VALUE>TRUE<',
        b'NAME="a_real64" PARAMTYPE="real64"><VALUE>1.5',
        b'NAME="a_char16" PARAMTYPE="char16"><VALUE>x<',
        b'NAME="a_datetime" PARAMTYPE="datetime"><VALUE>00000001000000.000000:000<',
        b'CLASSNAME="TST_Thing"><KEYBINDING NAME="Id"><KEYVALUE VALUETYPE="string">2<',
        b'NAME="Part" PARAMTYPE="string" EmbeddedObject="instance"><VALUE>&lt;INSTANCE CLASSNAME=',
    ):
        assert text in answer
    assert b'<ERROR CODE="4"' in raw(
        site, "Echo", '<PARAMVALUE NAME="a_uint8"><VALUE>red</VALUE></PARAMVALUE>'
    )


@pytest.mark.parametrize("kind", ["uint8", "sint64", "real32", "boolean", "datetime"])
def test_what_a_client_calls_a_string_is_none_of_another_type(site: ThingSite, kind: str) -> None:
    text = "00000001000000.000000:000" if kind == "datetime" else "TRUE"
    value = f"<VALUE>{text if kind in ('datetime', 'boolean') else 1}</VALUE>"
    for name, content in (
        (f"a_{kind}", value),
        (f"l_{kind}", f"<VALUE.ARRAY>{value}</VALUE.ARRAY>"),
    ):
        untyped = f'<PARAMVALUE NAME="{name}">{content}</PARAMVALUE>'
        assert b"ERROR" not in raw(site, "Echo", untyped)
        answer = raw(site, "Echo", untyped.replace(">", ' PARAMTYPE="string">', 1))
        assert b'<ERROR CODE="4"' in answer
        assert f"is {kind}, and a string was given".encode() in answer


def test_the_namespace_is_looked_at_before_the_parameters(
    client: pywbem.WBEMConnection,
) -> None:
    for namespace, expected in (("root/no", 3), (MODEL, 4)):
        call = client._imethodcall  # what pywbem itself would not send
        assert status(call, "EnumerateInstances", namespace) == expected
        assert status(call, "GetInstance", namespace, Colour="red") == expected
        assert status(call, "Bogus", namespace) == 7
    for namespace, expected in (("root/no", 3), (MODEL, 4)):
        target = pywbem.CIMClassName("TST_Thing", namespace=namespace)
        wrong = [("A", "x"), ("a", "y")]
        assert status(client.InvokeMethod, "Add", target, wrong) == expected
