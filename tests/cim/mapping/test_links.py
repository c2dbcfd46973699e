"""Associations whose ends are associations, and the six ways to walk any association."""

from collections.abc import Iterator
from itertools import pairwise

import pytest
import pywbem

from cim_provider.mapping.tables import ASSOCIATIONS
from tests.cim.mapping.test_writing import status, thing
from tests.cim.mapping.things import ThingSite, thing_site
from tests.cim.mapping.views import node_path


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ThingSite]:
    with thing_site(tmp_path_factory.mktemp("links")) as found:
        yield found


@pytest.fixture
def client(site: ThingSite) -> pywbem.WBEMConnection:
    """Return a client of a server with things 1 to 3, links 1-2 and 2-3, a note on 1-2 about 3."""
    site.clear()
    found = site.client()
    paths = [found.CreateInstance(thing(name)) for name in "123"]
    links = [
        found.CreateInstance(pywbem.CIMInstance("TST_Link", {"Left": left, "Right": right}))
        for left, right in pairwise(paths)
    ]
    note = pywbem.CIMInstance("TST_Note", {"Link": links[0], "About": paths[2], "Text": "x"})
    found.CreateInstance(note)
    return found


def thing_of(client: pywbem.WBEMConnection, number: str) -> pywbem.CIMInstanceName:
    (found,) = [
        each
        for each in client.EnumerateInstanceNames("TST_Thing")
        if each.keybindings["Id"] == number
    ]
    return found


def test_an_association_is_an_end_of_another_one(client: pywbem.WBEMConnection) -> None:
    first, second = client.EnumerateInstanceNames("TST_Link")
    (note,) = client.ReferenceNames(first)
    assert note.classname == "TST_Note"
    assert note.keybindings["Link"].keybindings["Left"].keybindings["Id"] == "1"
    (about,) = client.AssociatorNames(first)
    assert about.keybindings["Id"] == "3"
    assert client.Associators(first)[0]["Id"] == "3"
    assert client.ReferenceNames(second) == []
    three = thing_of(client, "3")
    far = client.AssociatorNames(three)
    assert [each.classname for each in far] == ["TST_Thing", "TST_Link"]
    (link,) = client.Associators(three, AssocClass="TST_Note", ResultRole="link")
    assert (link["Left"].keybindings["Id"], link["Right"].keybindings["Id"]) == ("1", "2")
    assert client.GetInstance(note)["Text"] == "x"
    note_again = client.GetInstance(client.References(first)[0].path)
    assert note_again["Link"].keybindings == first.keybindings


def test_classes_are_associated_as_their_instances_are(client: pywbem.WBEMConnection) -> None:
    def names(found: list[pywbem.CIMClassName]) -> list[str]:
        return [each.classname for each in found]

    assert names(client.AssociatorNames("TST_Thing")) == ["TST_Link", "TST_Thing"]
    assert names(client.AssociatorNames("tst_subthing")) == ["TST_Link", "TST_Thing"]
    assert names(client.AssociatorNames("TST_Link")) == ["TST_Thing"]
    assert names(client.ReferenceNames("TST_Thing")) == ["TST_Link", "TST_Note"]
    assert names(client.ReferenceNames("TST_Thing", Role="ABOUT")) == ["TST_Note"]
    assert names(client.ReferenceNames("TST_Link")) == ["TST_Note"]
    full = client.Associators("TST_Thing", AssocClass="TST_Note")
    assert [(path.classname, declared.classname) for path, declared in full] == [
        ("TST_Link", "TST_Link")
    ]
    assert [declared.classname for _, declared in client.References("TST_Link")] == ["TST_Note"]
    assert status(client.AssociatorNames, "TST_Unheard") == 4


def test_what_is_deleted_is_no_end_any_more(client: pywbem.WBEMConnection) -> None:
    two = thing_of(client, "2")
    assert len(client.ReferenceNames(two)) == 2
    client.DeleteInstance(client.EnumerateInstanceNames("TST_Link")[1])
    assert len(client.ReferenceNames(two)) == 1


@pytest.mark.parametrize("namespace", ["root/cimv2", "interop", "root/interop"])
def test_six_ways_to_walk_an_association_agree(
    client: pywbem.WBEMConnection, namespace: str
) -> None:
    def key(path: pywbem.CIMInstanceName) -> str:
        bare = path.copy()
        bare.host = None
        return str(bare)

    here = [row.class_name for row in ASSOCIATIONS if namespace in row.namespaces]
    for name in ("TST_Link", "TST_Note", *here):
        whole = client.EnumerateInstances(name, namespace=namespace)
        links = {key(each.path) for each in whole}
        assert {
            key(each) for each in client.EnumerateInstanceNames(name, namespace=namespace)
        } == links
        for link in whole:
            ends = [each.value for each in link.properties.values() if each.type == "reference"]
            for near, far in (ends, ends[::-1]):
                if near.namespace != namespace:
                    continue
                assert key(link.path) in {key(each) for each in client.ReferenceNames(near, name)}
                assert key(link.path) in {key(each.path) for each in client.References(near, name)}
                assert key(far) in {key(each) for each in client.AssociatorNames(near, name)}
                assert key(far) in {key(each.path) for each in client.Associators(near, name)}


def test_results_come_once_and_always_in_the_same_order(client: pywbem.WBEMConnection) -> None:
    for source in (node_path("n1"), thing_of(client, "2")):
        found = client.AssociatorNames(source)
        assert len({str(each) for each in found}) == len(found)
        assert client.AssociatorNames(source) == found
        assert [each.path.keybindings for each in client.Associators(source)] == [
            each.keybindings for each in found
        ]


def test_a_reference_in_a_key_may_be_written_as_text(client: pywbem.WBEMConnection) -> None:
    texts = {side: f'root/cimv2:TST_Thing.Id="{n}"' for side, n in (("Left", 1), ("Right", 2))}
    assert client.GetInstance(pywbem.CIMInstanceName("TST_Link", texts))["Right"] is not None
    assert status(client.GetInstance, pywbem.CIMInstanceName("TST_Link", {"Left": "x"})) == 4
