"""What `ha lab` says of what it has done, where that needs no daemon."""

from pathlib import Path

from click.testing import CliRunner

from ha_core.cli.main import ha
from ha_core.lab import state
from ha_core.lab.state import Lab, LabNode, Place


def test_heal_does_not_claim_to_have_healed_what_had_no_fault(tmp_path: Path) -> None:
    node = LabNode("n1", (Place("front", "127.1.2.1", 6940),))
    state.begin(Lab(tmp_path, (tmp_path,), (node,)))
    result = CliRunner().invoke(ha, ["lab", "heal", "--dir", str(tmp_path)])
    assert (result.exit_code, result.stdout) == (0, "nothing was frozen or isolated\n")


def test_heal_names_the_nodes_that_it_mended(tmp_path: Path) -> None:
    nodes = tuple(LabNode(n, (Place("front", "127.1.2.1", 6940),)) for n in ("n1", "n2"))
    state.begin(Lab(tmp_path, (tmp_path,), nodes, isolated=("n2",)))
    result = CliRunner().invoke(ha, ["lab", "heal", "--dir", str(tmp_path)])
    assert result.stdout == "n2 is healed\n"
