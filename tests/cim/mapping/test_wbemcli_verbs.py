"""wbemcli, each of its sub-commands, against classes with everything that CIM can declare."""

import re
import shutil
import subprocess
from collections.abc import Callable, Iterator

import pytest
import pywbem

from tests.cim.mapping.things import MODEL, ThingSite, thing_site
from tests.cim.server.harness import OPERATOR

WBEMCLI = shutil.which("wbemcli")
pytestmark = pytest.mark.skipif(WBEMCLI is None, reason="wbemcli (sblim-wbemcli) is missing")
THING = "TST_Thing.Id=w"
VALUES = {
    "a_string": '"by me"',
    "a_uint8": "250",
    "a_sint64": "-9223372036854775808",
    "a_boolean": "TRUE",
    "a_real32": "1.50000000E+00",
    "a_char16": "x",
    "a_datetime": "20240229120000.000000+000",
    "l_uint16": "1,2,3",
    "l_string": '"a","b"',
}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ThingSite]:
    with thing_site(tmp_path_factory.mktemp("verbs")) as found:
        yield found


@pytest.fixture
def run(site: ThingSite) -> Callable[..., str]:
    """Return what runs a verb on a path of the model namespace and returns what is printed."""
    site.clear()
    client = site.client()
    paths = [client.CreateInstance(pywbem.CIMInstance("TST_Thing", {"Id": name})) for name in "12"]
    client.CreateInstance(pywbem.CIMInstance("TST_Link", {"Left": paths[0], "Right": paths[1]}))

    def verb(name: str, path: str, *more: str, options: tuple[str, ...] = ("-nl",)) -> str:
        user, password = OPERATOR
        url = f"http://{user}:{password}@localhost:{site.served.http_port}/{MODEL}:{path}"
        done = subprocess.run(
            [str(WBEMCLI), *options, name, url, *more],
            capture_output=True,
            text=True,
            timeout=20,
            check=False,
        )
        return (done.stdout + done.stderr).strip()

    return verb


def created(run) -> None:
    """Create a thing with all kinds of values."""
    text = 'Id="w",' + ",".join(f"{name}={value}" for name, value in VALUES.items())
    assert re.fullmatch(rf'localhost:\d+/{MODEL}:TST_Thing\.Id="w"', run("ci", THING, text))


def printed(text: str) -> dict[str, str]:
    return dict(line[1:].split("=", 1) for line in text.splitlines() if line.startswith("-"))


def test_instances_are_created_read_changed_and_deleted(run) -> None:
    created(run)
    shown = printed(run("gi", THING))
    assert {name: value for name, value in shown.items() if value} == {"Id": '"w"', **VALUES}
    assert run("mi", THING, 'a_string="new",a_uint8=3') == ""
    assert printed(run("gi", THING, "a_string,a_uint8")) == {"a_string": '"new"', "a_uint8": "3"}
    assert "(11) CIM_ERR_ALREADY_EXISTS" in run("ci", THING, 'Id="w"')
    assert run("di", THING) == ""
    assert "(6) CIM_ERR_NOT_FOUND" in run("gi", THING)
    assert "(6) CIM_ERR_NOT_FOUND" in run("di", THING)


def test_properties_are_read_and_set_one_by_one(run) -> None:
    created(run)
    assert run("gp", THING, "A_UINT8") == "250"
    assert run("sp", THING, "a_uint8=7") == ""
    assert run("gp", THING, "a_uint8") == "7"
    assert run("sp", THING, "l_uint16=9") == ""
    assert run("gp", THING, "l_uint16") == "9"
    assert run("gp", THING, "a_uint64") == ""
    assert "(12) CIM_ERR_NO_SUCH_PROPERTY" in run("gp", THING, "Colour")
    assert "(13) CIM_ERR_TYPE_MISMATCH" in run("sp", THING, "a_uint8=seven")
    assert "(13) CIM_ERR_TYPE_MISMATCH" in run("sp", THING, "a_uint8=256")
    assert "(4) CIM_ERR_INVALID_PARAMETER" in run("sp", THING, 'Fixed="x"')
    assert "(6) CIM_ERR_NOT_FOUND" in run("gp", "TST_Thing.Id=9", "a_uint8")


def test_instances_and_associations_are_enumerated(run) -> None:
    ends = f'Left={MODEL}:TST_Thing.Id="1",Right={MODEL}:TST_Thing.Id="2"'
    assert re.findall('TST_Thing.Id="(.)"', run("ein", "TST_Base")) == ["1", "2"]
    assert printed(run("ei", "TST_Thing"))["Id"] == '"2"'
    one = "TST_Thing.Id=1"
    assert run("ain", one) == f'localhost/{MODEL}:TST_Thing.Id="2"'
    assert printed(run("ai", one))["Id"] == '"2"'
    assert run("rin", one) == f"localhost/{MODEL}:TST_Link.{ends}"
    assert printed(run("ri", one)).keys() == {"Left", "Right", "Weight"}
    filters = ("-nl", "-ac", "TST_Link", "-arc", "TST_Thing", "-ar", "left", "-arr", "RIGHT")
    assert run("ain", one, options=filters) == f'localhost/{MODEL}:TST_Thing.Id="2"'
    assert run("ain", one, options=(*filters[:-1], "Left")) == ""
    link = "TST_Link.Left=TST_Thing.Id=1,Right=TST_Thing.Id=2"
    assert printed(run("gi", link))["Right"] == f'{MODEL}:TST_Thing.Id="2"'
    assert run("di", link) == ""
    assert run("rin", one) == ""


def test_classes_are_read_and_cannot_be_deleted(run) -> None:
    assert printed(run("gc", "TST_Link")).keys() == {"Left", "Right", "Weight"}
    assert run("gcd", "TST_Link").startswith('<CLASS NAME="TST_Link">')
    assert "TST_SubThing" in run("ec", "TST_Thing")
    names = [line.rpartition(":")[2] for line in run("ecn", "TST_Base").splitlines()]
    assert names == ["TST_Thing", "TST_SubThing"]
    assert "(7) CIM_ERR_NOT_SUPPORTED: DeleteClass TST_Link: the classes" in run("dc", "TST_Link")


def test_methods_are_called_with_values_that_have_no_type(run) -> None:
    assert run("cm", "TST_Thing", "Add.A=5,B=6").endswith("Add: 11")
    assert run("cm", "TST_Thing.Id=1", "Join.Texts=a,b").splitlines()[1:] == ["Count (uint32): 2"]
    assert '<RETURNVALUE PARAMTYPE="uint64"><VALUE>5<' in run("cmx", "TST_Thing", "Add.A=5")
    echoed = run(
        "cm",
        "TST_Thing.Id=1",
        "Echo.a_uint8=5,a_boolean=true,a_datetime=00000001000000.000000:000,Friend=TST_Thing.Id=2",
    )
    assert echoed.splitlines()[1:] == [
        "a_uint8 (uint8): 5",
        "a_boolean (boolean): TRUE",
        "a_datetime (datetime): 00000001000000.000000:000",
        f'Friend (reference): {MODEL}:TST_Thing.Id="2"',
    ]
    assert "(4) CIM_ERR_INVALID_PARAMETER" in run("cm", "TST_Thing", "Add.B=6")


@pytest.mark.parametrize("option", ["-cte", "-e100", "-t", "-dr", "-dx"])
def test_options_of_the_wire_change_nothing_in_what_is_found(run, option: str) -> None:
    assert "TST_Thing" in run("ei", "TST_Thing", options=(option,))
