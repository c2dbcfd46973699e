"""Our standard classes are those of the official schema, where its directory is given.

`CIM_SCHEMA_DIR` names it: DMTF's CIM schema 2.41 (Final) or a later one, as it is unpacked (the
source distribution of pywbem has 2.49 under tests/schema). The comparison
itself is proved with stand-in directories: one of our own classes, and one with known differences.
"""

import os
import sys
from pathlib import Path

import pytest
import pywbem

from cim_provider.schema import MODEL, NamespaceSchema, load_schema
from cim_provider.server.service import schema_texts
from tests.cim.schema.official import Difference, Official, differences

VARIABLE = "CIM_SCHEMA_DIR"
_CODES = "the schema leaves the return codes to subclasses; ours are said where the method is"
_GIVEN = "the schema has no In(false) there, and nobody gives the errors to the method"
_LATER = "systems that came after 2.41 were added without another version"
_NAMED = "declared anew, because clients may write it"
REASONS = {
    ("CIM_ClusteringService.AddNode", "Value"): _CODES,
    ("CIM_ClusteringService.EvictNode", "Value"): _CODES,
    ("CIM_ComputerSystem.SetPowerState", "Value"): _CODES,
    ("CIM_Cluster.SetPowerState", "Value"): _CODES,
    ("CIM_ConcreteJob.GetError(Error)", "is Out"): _GIVEN,
    ("CIM_ConcreteJob.GetErrors(Errors)", "is Out"): _GIVEN,
    ("CIM_IndicationFilter.ElementName", "Override"): _NAMED,
    ("CIM_IndicationService.StartService", "Value"): _CODES,
    ("CIM_IndicationService.StopService", "Value"): _CODES,
    ("CIM_ListenerDestination.ElementName", "Override"): _NAMED,
    ("CIM_ObjectManager.StartService", "Value"): _CODES,
    ("CIM_ObjectManager.StopService", "Value"): _CODES,
    ("CIM_ClusteringService.StartService", "Value"): _CODES,
    ("CIM_ClusteringService.StopService", "Value"): _CODES,
    ("CIM_Service.StartService", "Value"): _CODES,
    ("CIM_Service.StopService", "Value"): _CODES,
    ("CIM_WBEMService.StartService", "Value"): _CODES,
    ("CIM_WBEMService.StopService", "Value"): _CODES,
    ("CIM_StatisticalData.ResetSelectedStats", "Value"): _CODES,
    ("CIM_SoftwareIdentity.TargetOSTypes", "Value"): _LATER,
    ("CIM_CIMOMStatisticalData.ResetSelectedStats", "Value"): _CODES,
}
"""Where a difference is meant, how its text begins, and why."""
OURS_IS = (2, 41, 0)
"""The version of the schema that ours follows; of a later one only what is not newer must agree."""
DIRECTORY = os.environ.get(VARIABLE, "")
TEXTS = schema_texts()
OURS = """
class CIM_Base { [Key] string InstanceID; string Caption; };
class CIM_Thing : CIM_Base {
  [ValueMap{"2", "3"}, Values{"On", "Off"}] uint16 State;
  uint32 Size; string Words[]; string Invented;
  uint32 Turn([In] uint16 To, [In] string Why);
};
class CIM_Own : CIM_Base { };
[Association] class CIM_Link { [Key] CIM_Base REF Left; [Key] CIM_Thing REF Right; };
[Version("1.1.0"), Abstract] class CIM_Rest {
  string Held; [Deprecated{"No value"}] string Old;
  uint32 Ask([In(false), Out] string Answer, string Given);
};
class CIM_Rested : CIM_Rest { [Override("Old")] string Old; };
"""
OFFICIAL = {
    "CIM_Base.mof": "class CIM_Base { [Key] string InstanceID; string Caption; };",
    "deep/CIM_Middle.mof": "class CIM_Middle : CIM_Base { string caption; };",
    "deep/CIM_Thing.mof": """class CIM_Thing : CIM_Middle {
      [ValueMap{"2", "3"}, Values{"On", "Out"}] uint16 State;
      [Key] uint64 Size; string Words; string More;
      uint32 Turn([In] uint32 To); uint32 Break(); };""",
    "CIM_Rest.mof": """[Version("1.2.0"), Deprecated{"CIM_Base"}] class CIM_Rest {
      [EmbeddedInstance("CIM_Base")] string Held; string Old;
      uint32 Ask([Out] string Answer, [EmbeddedObject] string Given); };""",
    "CIM_Rested.mof": "[Abstract] class CIM_Rested : CIM_Rest { };",
    "CIM_Link.mof": """[Association, Aggregation] class CIM_Link {
      [Key] CIM_Base REF Left; CIM_Base REF Right; };""",
}
EXPECTED = [
    "CIM_Link: only one of both has the qualifier Aggregation",
    "CIM_Link.Right: is a key in only one of both",
    "CIM_Link.Right: type CIM_Thing, official CIM_Base",
    "CIM_Own: the official schema has no such class",
    "CIM_Rest: Abstract True, official None",
    "CIM_Rest: Deprecated None, official ('CIM_Base',)",
    "CIM_Rest: Version 1.1.0, official 1.2.0",
    "CIM_Rest.Ask(Answer): is Out, official In and Out",
    "CIM_Rest.Ask(Given): EmbeddedObject None, official True",
    "CIM_Rest.Held: EmbeddedInstance None, official CIM_Base",
    "CIM_Rest.Old: Deprecated ('No value',), official None",
    "CIM_Rested: Abstract None, official True",
    "CIM_Rested.Ask(Answer): is Out, official In and Out",
    "CIM_Rested.Ask(Given): EmbeddedObject None, official True",
    "CIM_Rested.Held: EmbeddedInstance None, official CIM_Base",
    "CIM_Rested.Old: Override Old, official None",
    "CIM_Thing: superclass CIM_Base, official CIM_Middle",
    "CIM_Thing.Break: is left out",
    "CIM_Thing.Caption: is written caption officially",
    "CIM_Thing.Invented: the official schema has nothing of that name",
    "CIM_Thing.More: is left out",
    "CIM_Thing.Size: is a key in only one of both",
    "CIM_Thing.Size: type uint32, official uint64",
    "CIM_Thing.State: Values ('On', 'Off'), official ('On', 'Out')",
    "CIM_Thing.Turn(To): type uint16, official uint32",
    "CIM_Thing.Turn(Why): the official method has no such parameter",
    "CIM_Thing.Words: type string[], official string",
]


def reason(difference: Difference, official: Official | None = None) -> str:
    """Return why a difference is meant, or nothing."""
    if official is not None and official.is_newer(difference.where, OURS_IS):
        return "the schema that was given is a later one, and has changed there"
    for (where, start), text in REASONS.items():
        if difference.where == where and difference.text.startswith(start):
            return text
    return ""


def model(texts: dict[str, str]) -> NamespaceSchema:
    found = load_schema(texts).namespace(MODEL)
    assert found is not None
    return found


def written(directory: Path, files: dict[str, str]) -> Path:
    """Write a stand-in of an official schema."""
    for name, text in {"qualifiers.mof": TEXTS["00_qualifiers.mof"], **files}.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return directory


@pytest.mark.skipif(
    not DIRECTORY, reason=f"{VARIABLE} names no directory with the official CIM schema"
)
def test_standard_classes_are_those_of_the_official_schema() -> None:
    official = Official(Path(DIRECTORY))
    found = [(e, reason(e, official)) for e in differences(model(dict(TEXTS)), official)]
    sys.stdout.writelines(f"{each}: {why}\n" for each, why in found if why)
    wrong = [str(each) for each, why in found if not why]
    assert not wrong, "\n".join(wrong)


def test_differences_with_a_reason_are_of_what_is_declared() -> None:
    classes = model(dict(TEXTS)).classes
    for where, _ in REASONS:
        class_name, _, member = where.partition("(")[0].partition(".")
        declared = classes[class_name.lower()].declaration
        assert member in declared.properties or member in declared.methods, where


def test_every_kind_of_difference_is_found(tmp_path: Path) -> None:
    ours = model({"00_qualifiers.mof": TEXTS["00_qualifiers.mof"], "10_ours.mof": OURS})
    found = differences(ours, Official(written(tmp_path, OFFICIAL)))
    assert [str(each) for each in found] == EXPECTED
    assert not any(map(reason, found))


def test_our_own_classes_differ_in_nothing_from_themselves(tmp_path: Path) -> None:
    ours = model(dict(TEXTS))
    files = {}
    for info in ours.classes.values():
        declared = info.declaration
        alone = pywbem.CIMClass(
            info.name,
            superclass=info.superclass or None,
            properties=[each for each in declared.properties.values() if not each.propagated],
            methods=[each for each in declared.methods.values() if not each.propagated],
            qualifiers=[each for each in declared.qualifiers.values() if not each.propagated],
        )
        files[f"System/{info.name}.mof"] = alone.tomof()
    official = Official(written(tmp_path, files))
    assert differences(ours, official) == []
    standard = [name for name in files if name.startswith("System/CIM_")]
    assert len(standard) >= 97


def test_directory_without_qualifiers_is_no_schema(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"qualifiers\.mof"):
        Official(tmp_path)
