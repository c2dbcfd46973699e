"""Our declarations against the reference that may lie beside the checkout.

Owns: the comparison with its tables: superclasses, keys, and the properties of
Linux-HA 2.1. Where the reference is missing, nothing is compared, and the
reason says so.
"""

import re
from pathlib import Path

import pytest

from cim_provider.schema import MODEL, Schema, load_schema
from cim_provider.server.service import schema_texts

REFERENCE = Path(__file__).resolve().parents[3].parent / "shared" / "reference" / "cim-model.md"
BEYOND = {"CIMOMStatisticalData"}
"""Standard classes of ours that the reference's closed set does not have."""
pytestmark = [
    pytest.mark.shared,
    pytest.mark.skipif(
        not REFERENCE.is_file(), reason="the reference of the CIM model is not beside the checkout"
    ),
]


@pytest.fixture(scope="module")
def text() -> str:
    return REFERENCE.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def schema() -> Schema:
    return load_schema(schema_texts())


def section(text: str, start: str, end: str) -> str:
    _, _, rest = text.partition(start)
    assert rest, f"the reference has no part {start!r} any more"
    return rest.partition(end)[0]


def superclasses(text: str) -> dict[str, str]:
    """Return the superclass of each standard class of the table, or an empty name."""
    found: dict[str, str] = {}
    for row in section(text, "## 3.11", "**Keys**").splitlines():
        cells = [cell.strip() for cell in row.split("|")[1:-1]]
        if len(cells) != 2 or cells[0] in ("group", "---"):
            continue
        root = re.match(r"(\w+) \(root association\)", cells[0])
        default = root[1] if root else ""
        if root:
            found[root[1]] = ""
        body = re.sub(r"^below it: ", "", cells[1])
        for part in body.split(";"):
            names, _, parent = part.strip().rstrip(".").partition(" < ")
            is_chain = " < " in part
            for name in re.findall(r"\w+", names.replace("(root)", "")):
                found[name] = parent.strip() if is_chain else default
    return {name: "ManagedElement" if up == "ME" else up for name, up in found.items()}


def test_standard_classes_have_the_superclasses_of_the_reference(text: str, schema: Schema) -> None:
    expected = superclasses(text)
    assert len(expected) > 90
    compared = 0
    for namespace in schema.namespaces.values():
        for each in namespace.classes.values():
            if each.name.startswith("CIM_"):
                name = each.name.removeprefix("CIM_")
                if name in BEYOND:
                    continue
                assert each.superclass.removeprefix("CIM_") == expected[name], each.name
                compared += 1
    assert compared > 60


def test_all_standard_classes_of_the_reference_are_declared(text: str, schema: Schema) -> None:
    expected = superclasses(text)
    for name in (MODEL, "interop"):
        namespace = schema.namespace(name)
        assert namespace is not None
        assert not [each for each in expected if namespace.get(f"CIM_{each}") is None], name


def test_standard_classes_have_the_keys_of_the_reference(text: str, schema: Schema) -> None:
    part = section(text, "**Keys**:", "## 3.12").replace("\n", " ")
    expected: dict[str, set[str]] = {}
    for names, keys in re.findall(r"([\w, ]+?) \{([^}]*)\}", part):
        for name in re.findall(r"\w+", names):
            expected[name] = set(re.findall(r"\w+", keys))
    ids = re.search(r"InstanceID for (.*?);", part)
    assert ids
    for name in ("SoftwareIdentity", "ConcreteJob", "Capabilities", "RegisteredSpecification"):
        assert name in ids[1]
        expected[name] = {"InstanceID"}
    compared = 0
    for namespace in schema.namespaces.values():
        for name, keys in expected.items():
            info = namespace.get(f"CIM_{name}")
            if info is not None:
                assert set(info.keys) == keys, name
                compared += 1
    assert compared > 25


def legacy(text: str, class_name: str, end: str) -> dict[str, bool]:
    """Return the properties of a class of Linux-HA 2.1, and whether each is an array."""
    found: dict[str, bool] = {}
    for row in section(text, f"### {class_name} :", end).splitlines():
        cell = row.split("|")[1].strip() if row.startswith("|") else ""
        for name in re.findall(r"\*?\*?(\w+(?:\[\])?)", re.sub(r"\([^)]*\)", "", cell)):
            if name not in ("property", "___") and not name.startswith("-"):
                found[name.removesuffix("[]")] = name.endswith("[]")
    return found


@pytest.mark.parametrize(
    ("class_name", "end", "at_least"),
    [("HA_Cluster", "### HA_SoftwareIdentity", 45), ("HA_ClusterNode", "Ping nodes", 8)],
)
def test_properties_of_linux_ha_keep_their_names_and_types(
    text: str, schema: Schema, class_name: str, end: str, at_least: int
) -> None:
    expected = legacy(text, class_name, end)
    assert len(expected) >= at_least
    namespace = schema.namespace(MODEL)
    assert namespace is not None
    info = namespace.get(class_name)
    assert info is not None
    for name, is_array in expected.items():
        wanted = "uint32" if name == "AuthMethod" else "string"
        assert info.types.get(name) == (wanted, is_array), name


def test_resources_keep_the_properties_of_linux_ha(text: str, schema: Schema) -> None:
    part = section(text, "### HA_ClusterResource", "### Others")
    namespace = schema.namespace(MODEL)
    assert namespace is not None
    info = namespace.get("HA_PrimitiveResource")
    assert info is not None
    names = (
        *("ResourceStatus", "Caption", "Enabled", "Description", "IsManaged", "OnStopFail"),
        *("RestartType", "MultipleActive", "ResourceStickiness", "StartPreRep"),
        *("ResourceClass", "Type", "Provider", "HostingNode"),
    )
    for name in names:
        assert name in part
        assert info.types.get(name) == ("string", False), name
