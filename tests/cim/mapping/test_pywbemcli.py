"""pywbemcli, its command groups for classes, instances, qualifiers, namespaces and the server.

pywbemcli wants older libraries than ours, so it is looked for in an environment of its own.
"""

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import pywbem

from tests.cim.mapping.things import MODEL, ThingSite, thing_site
from tests.cim.server.harness import OPERATOR

OWN = Path(__file__).parents[3] / ".tools" / "bin" / "pywbemcli"
PYWBEMCLI = str(OWN) if OWN.exists() else shutil.which("pywbemcli")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(PYWBEMCLI is None, reason="pywbemcli (pywbemtools) is missing"),
]
REFUSED = "cannot be changed by clients"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ThingSite]:
    with thing_site(tmp_path_factory.mktemp("cli")) as found:
        client = found.client()
        paths = [client.CreateInstance(pywbem.CIMInstance("TST_Thing", {"Id": n})) for n in "12"]
        client.CreateInstance(pywbem.CIMInstance("TST_Link", {"Left": paths[0], "Right": paths[1]}))
        yield found


@pytest.fixture
def cli(site: ThingSite, tmp_path: Path) -> Callable[..., str]:
    """Return what runs a command and returns what is printed."""

    def run(*command: str, options: tuple[str, ...] = ()) -> str:
        user, password = OPERATOR
        server = f"http://localhost:{site.served.http_port}"
        where = ("-s", server, "-u", user, "-p", password, "-d", MODEL)
        done = subprocess.run(
            [str(PYWBEMCLI), *where, *options, *command],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            cwd=tmp_path,
            env={**os.environ, "PYWBEMTOOLS_TERMWIDTH": "200"},
        )
        return done.stdout + done.stderr

    return run


def test_classes_are_read_searched_and_walked(cli: Callable[..., str]) -> None:
    assert "TST_Thing REF Left;" in cli("class", "get", "TST_Link")
    assert cli("class", "enumerate", "TST_Base", "--no").split() == ["TST_Thing"]
    found = cli("class", "find", "HA_Cluster*")
    assert [name in found for name in ("HA_Cluster", "HA_ClusterNode")] == [True, True]
    assert "+-- TST_SubThing" in cli("class", "tree", "TST_Base")
    assert "TST_Note" in cli("class", "references", "TST_Thing", "--no")
    assert "TST_Link" in cli("class", "associators", "TST_Thing", "--no")
    assert "ReturnValue=11" in cli("class", "invokemethod", "TST_Thing", "Add", "-p", "A=11")
    assert REFUSED in cli("class", "delete", "TST_Note")


@pytest.mark.parametrize("pull", ["no", "yes"])
def test_instances_are_created_changed_queried_and_deleted(
    cli: Callable[..., str], pull: str
) -> None:
    how = {"options": ("--use-pull", pull, "--pull-max-cnt", "1")}
    path = f'TST_Thing.Id="p{pull}"'
    made = cli("instance", "create", "TST_Thing", "-p", f"Id=p{pull}", "-p", "l_uint16=1,2", **how)
    assert path in made
    assert cli("instance", "modify", path, "-p", "a_string=new", **how) == ""
    shown = cli("instance", "get", path, "--pl", "a_string,l_uint16", **how)
    assert 'a_string = "new";' in shown
    assert "l_uint16 = { 1, 2 };" in shown
    assert cli("instance", "enumerate", "TST_Thing", "--no", **how).count("TST_Thing.Id=") == 3
    assert cli("instance", "delete", path, **how) == ""
    assert "NOT_FOUND" in cli("instance", "get", path, **how)


def test_filters_and_associations_of_instances(cli: Callable[..., str]) -> None:
    one = 'TST_Thing.Id="1"'
    found = cli("instance", "enumerate", "TST_Thing", "--pl", "Id", "--fq", "Id = '2'")
    assert found.count("instance of TST_Thing") == 1
    assert 'Id = "2";' in found
    assert 'TST_Thing.Id="2"' in cli("instance", "associators", one, "--no")
    assert "TST_Link.Left=" in cli("instance", "references", one, "--no")
    assert "+-- TST_Link(AssocClass)" in cli("instance", "shrub", one)
    assert "ReturnValue=a+b" in cli("instance", "invokemethod", one, "Join", "-p", "Texts=a,b")
    assert "TST_Thing" in cli("instance", "count", "TST_Thing", "-n", MODEL)


def test_qualifiers_and_namespaces(cli: Callable[..., str]) -> None:
    assert "Qualifier Key : boolean = false" in cli("qualifier", "get", "Key")
    assert "CIMQualifierDeclaration(s) returned" in cli("qualifier", "enumerate", "-s")
    assert REFUSED in cli("qualifier", "delete", "Key")
    names = cli("namespace", "list").split()
    assert {"interop", "root", MODEL, "root/interop", "root/PG_InterOp"} <= set(names)
    assert cli("namespace", "interop").strip() == "interop"
    assert "cannot be created by a client" in cli("namespace", "create", "root/new")


def test_the_server_tells_about_itself(cli: Callable[..., str]) -> None:
    assert "Beatkeeper" in cli("server", "brand")
    assert "interop" in cli("server", "info")
    assert "HA" in cli("server", "schema", "-n", MODEL)
    assert "Connection OK" in cli("connection", "test")
